"""What may be printed of text from outside, in colour or not, and how long things took."""

from __future__ import annotations

import io
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.cli.terminal import block, duration, is_terminal, may_colour, one_line, painted, width


@given(st.text())
def test_no_control_character_passes(text: str) -> None:
    assert not any(unicodedata.category(c) == "Cc" for c in one_line(text))
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in block(text))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert one_line(text) == block(text) == text


def test_hostile_text_is_made_harmless() -> None:
    assert one_line("[rank0]: CUDA [/b] :x: \x1b[31mred\x07\r\nnext\u202e") == (
        "[rank0]: CUDA [/b] :x: [31mred  next"
    )
    assert block("a\n\tb\x1b[2J") == "a\n    b[2J"


@pytest.mark.parametrize(
    ("total_ms", "words"),
    [
        (0, "0ms"),
        (350, "350ms"),
        (1_500, "1.5s"),
        (59_999, "59s"),
        (192_000, "3m12s"),
        (180_000, "3m"),
        (7_980_000, "2h13m"),
        (187_200_000, "2d4h"),
        (-1_500, "-1.5s"),
        (999 * 86_400_000 + 86_399_999, "999d23h"),
        (1_000 * 86_400_000 + 86_399_999, "1000d"),
    ],
)
def test_lengths_of_time_have_their_two_largest_units(total_ms: int, words: str) -> None:
    assert duration(total_ms) == words
    assert len(words) <= 7, "lists have so many places for an age"


class Terminal(io.StringIO):
    """Claims to be one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"FNR_NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_who_decides_about_colour(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], terminal: bool, colour: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert may_colour(stream) is colour
    assert may_colour(stream, no_color=True) is False


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)


def test_paint_is_only_laid_on_when_wanted() -> None:
    assert painted("x", "31", colour=True) == "\x1b[31mx\x1b[0m"
    assert painted("x", "31", colour=False) == "x"


def test_the_width_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert width() == 40
    monkeypatch.setenv("COLUMNS", "no number")
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    assert width() == 80
