"""The short way to the TUI takes what is plain, and leaves the rest to the whole program."""

from __future__ import annotations

from typing import Any

import pytest

from fnr.cli import quick_tui as quick
from fnr.cli.argv import Globals
from fnr.cli.quick_tui import quick_tui


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """Home, screen and read-only of each time that the TUI would be shown, on a terminal."""
    found: list[tuple[str, str, bool]] = []

    def show(flags: Globals, *, view: str, read_only: bool) -> int:
        found.append((flags.home, view, read_only))
        return 7

    monkeypatch.setattr(quick, "is_terminal", lambda _: True)
    monkeypatch.setattr(quick, "show", show)
    monkeypatch.setenv("TERM", "xterm")
    return found


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["tui"], ("", "dashboard", False)),
        (["--home", "/h", "tui", "dlq"], ("/h", "dlq", False)),
        (["tui", "--read-only", "errors", "--home=/h"], ("/h", "errors", True)),
    ],
)
def test_what_is_plain_is_shown(
    shows: list[tuple[str, str, bool]], words: list[str], shown: tuple[str, str, bool]
) -> None:
    assert quick_tui(words) == 7
    assert shows == [shown]


@pytest.mark.parametrize(
    "words",
    [
        ["tui", "nonsense"],
        ["tui", "dlq", "tasks"],
        ["tui", "--help"],
        ["tui", "-o", "json"],
        ["tui", "--timeout", "5s"],
        ["submit", "tui"],
        ["--home"],
        [],
    ],
)
def test_everything_else_is_left_to_the_whole_program(
    shows: list[tuple[str, str, bool]], words: list[str]
) -> None:
    assert quick_tui(words) is None
    assert not shows


def test_a_dumb_terminal_and_none_too(
    shows: list[tuple[str, str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert quick_tui(["tui"]) is None
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(quick, "is_terminal", lambda _: False)
    assert quick_tui(["tui"]) is None
    assert not shows


def test_what_goes_wrong_is_said_as_everywhere(
    shows: list[tuple[str, str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Any,
) -> None:
    def show(*_: Any, **__: Any) -> int:
        raise ZeroDivisionError("seven by nothing")

    monkeypatch.setattr(quick, "show", show)
    assert quick_tui(["--home", str(tmp_path), "tui"]) == 70
    said = capfd.readouterr().err
    assert "fnr made a mistake" in said
    assert "seven by nothing" in said
    assert "Traceback" not in said
    assert not shows
