"""What every test may rely on: no settings from outside, and nobody left behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest

# A deadline would be a timed assertion, and a failure must be printed so that it can be repeated.
hypothesis.settings.register_profile("fnr", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fnr")

MARK = f"FNR_TEST_RUN={os.getpid()}"
FROM_OUTSIDE = ("FNR_", "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "NOTIFY_SOCKET", "WATCHDOG_")


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled modules, outside of the tree if nobody wants them there.

    Without them a daemon compiles all of fnr at every start, and the suite starts hundreds.
    """
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is not None and os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        folder = str(cache.mkdir("compiled"))
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def _nobody_is_left_behind() -> Iterator[None]:
    """Fail the run if a process that a test started outlives all tests; then end it."""
    for name in [name for name in os.environ if name.startswith(FROM_OUTSIDE)]:
        del os.environ[name]
    name, _, value = MARK.partition("=")
    os.environ[name] = value
    # A suite in the background inherits "ignore Ctrl-C", under nohup "ignore a hang-up" as well,
    # and so would every program it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    left = {pid: _command(pid) for pid in _marked_processes()}
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"still running after the tests: {left}"


@pytest.fixture(autouse=True)
def _signals_are_left_as_they_were() -> Iterator[None]:
    """A test that leaves Ctrl-C to the system lets the next test's Ctrl-C end the whole run."""
    before = _signal_handlers()
    yield
    assert _signal_handlers() == before, "the test left other signal handlers behind"


def _signal_handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def _marked_processes() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if MARK.encode() in (folder / "environ").read_bytes().split(b"\0"):
                pid = int(folder.name)
                if pid != os.getpid():
                    yield pid


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "already gone"
