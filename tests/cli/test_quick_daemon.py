"""The short way to the daemon takes what is plain, and leaves the rest to the whole program."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fnr.api.errors import ConfigError
from fnr.cli import quick_daemon as quick
from fnr.cli.quick_daemon import quick_daemon
from fnr.config.paths import Paths, find_paths
from fnr.daemon import main as daemon_main

Served = tuple[str, dict[str, str], str | None]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Served]:
    """Home, settings and log file of each daemon that would run."""
    found: list[Served] = []

    def serve(paths: Paths, flags: dict[str, str], *, log_file: str | None) -> int:
        found.append((paths.home, flags, log_file))
        return 7

    monkeypatch.setattr(quick, "serve", serve)
    return found


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--home", "/h", "daemon"], ("/h", {}, None)),
        (["daemon", "--log-file", "/l", "--home=/h"], ("/h", {}, "/l")),
        (
            ["--home", "/h", "daemon", "--log-level", "debug", "--log-format", "json"],
            ("/h", {"log.level": "debug", "log.format": "json"}, None),
        ),
    ],
)
def test_what_is_plain_is_run(served: list[Served], words: list[str], wanted: Served) -> None:
    assert quick_daemon(words) == 7
    assert served == [wanted]


@pytest.mark.parametrize(
    "words",
    [
        ["daemon", "stop"],
        ["daemon", "--help"],
        ["daemon", "--log-file"],
        ["daemon", "--log-file", "/a", "--log-file", "/b"],
        ["daemon", "--log-file=/l"],
        ["daemon", "--timeout", "5s"],
        ["daemon", "start", "--within", "1s"],
        ["submit", "daemon"],
        ["--home"],
        [],
    ],
)
def test_everything_else_is_left_to_the_whole_program(
    served: list[Served], words: list[str]
) -> None:
    assert quick_daemon(words) is None
    assert not served


def test_what_is_wrong_is_said_as_everywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fnr.toml").write_text("[nonsense]\n")
    words = ["--home", str(tmp_path), "daemon"]
    assert quick_daemon(words) == ConfigError.exit_code
    said = capfd.readouterr().err
    assert "fnr.toml has problems" in said
    assert f"fnr --home {tmp_path} config check" in said
    assert "Traceback" not in said


def test_a_hangup_before_the_daemon_listens_to_it_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `systemctl reload` sends one right behind the start."""

    def run(*_: object, **__: object) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 7

    monkeypatch.setattr(daemon_main, "run", run)
    before = signal.getsignal(signal.SIGHUP)
    try:
        assert quick.serve(find_paths(str(tmp_path)), {}, log_file=None) == 7
    finally:
        signal.signal(signal.SIGHUP, before)
