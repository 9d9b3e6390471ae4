"""What every test may rely on: no settings from outside, and nobody left behind."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zlib import crc32

import hypothesis
import pytest

from fnr.config.paths import find_paths
from fnr.host.lock import lock_holder

# A deadline would be a timed assertion, and a failure must be printed so that it can be repeated.
hypothesis.settings.register_profile("fnr", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fnr")

TESTS = Path(__file__).resolve().parent
# For what never ends: whoever is about to is waited for by the kernel's word.
ENDING_S = 30
MEASURED_EVERY = 12
MARK = f"FNR_TEST_RUN={os.getpid()}"
FROM_OUTSIDE = ("FNR_", "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "NOTIFY_SOCKET", "WATCHDOG_")


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled modules, outside of the tree if nobody wants them there.

    Without them a daemon compiles all of fnr at every start, and the suite starts hundreds.
    """
    _begin_elsewhere(config)
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is not None and os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        folder = str(cache.mkdir("compiled"))
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        sys.dont_write_bytecode = False


def _begin_elsewhere(config: pytest.Config) -> None:
    """Let each of several processes read another part of the tests first.

    What one of them has read the others find compiled: in a new tree three processes read all tests
    in half the time of their processors.
    """
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None and [Path(arg).resolve() for arg in config.args] == [TESTS]:
        parts = sorted(map(str, {file.parent for file in TESTS.rglob("test_*.py")} - {TESTS}))
        parts += sorted(map(str, TESTS.glob("test_*.py")))
        number = int(worker["workerid"].removeprefix("gw"))
        start = number * len(parts) // worker["workercount"]
        config.args[:] = parts[start:] + parts[:start]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every process, wherever it began to read: that of the file names."""
    items.sort(key=lambda item: item.path)


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
    if "nursery" in sys.modules:
        sys.modules["nursery"].close_nursery()
    left = {pid: _command(pid) for pid in _marked_processes() if not _ends_by_itself(pid)}
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"still running after the tests: {left}"


@pytest.fixture(scope="module", autouse=True)
def _some_modules_measure_their_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """To start coverage takes a process as long as all else that it does to start.

    So what is measured is every line that tests run themselves, or daemons that are forked for
    them, and of the 1,800 other processes (workers, commands) those of every so manyth module.
    """
    names = [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]
    if not names or crc32(request.path.name.encode()) % MEASURED_EVERY == 0:
        yield
        return
    if find_spec("nursery") is not None:
        # It would fork all daemons unmeasured.
        import_module("nursery").nursery()
    before = {name: os.environ.pop(name) for name in names}
    yield
    os.environ.update(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """To run through all rules, or thousands of made-up cases, takes thrice as long when each line
    is noted, and the others have noted those lines."""
    coverage = sys.modules.get("coverage")
    measuring = coverage.Coverage.current() if coverage is not None else None
    if measuring is None or item.get_closest_marker("unmeasured") is None:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


@pytest.fixture(scope="module", autouse=True)
def _no_worker_outlives_its_daemon() -> Iterator[None]:
    """A worker waits ten minutes for the next daemon: whoever ends a home ends its workers, too."""
    yield
    left = {pid: home for pid, home in _workers() if not _has_ended(pid, home)}
    for pid in left:
        # The next module has not left it.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"workers that no daemon has: {left}"


def _workers() -> Iterator[tuple[int, Path]]:
    """Our workers with their homes: the log that they write to is HOME/logs/FUNCTION/ID.log."""
    for pid in _marked_processes():
        if " -m fnr.worker" in _command(pid):
            with suppress(OSError):
                log = Path(f"/proc/{pid}/fd/1").readlink()
                if log.parent.parent.name == "logs":
                    yield pid, log.parents[2]


def _has_ended(pid: int, home: Path) -> bool:
    """Whether its daemon is there, or it is about to end: a SIGKILL takes its time."""
    return lock_holder(find_paths(home=str(home)).lock_file) is not None or _ends_by_itself(pid)


def _ends_by_itself(pid: int) -> bool:
    """Whoever watches over somebody who has just gone takes a moment to notice."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], ENDING_S)[0])
    finally:
        os.close(pidfd)


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
