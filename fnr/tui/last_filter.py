"""What every line passes on its way to the terminal: nothing that could move the cursor gets out.

Renderers already show text from outside without control characters. This is the net below all of
them, and the one place that knows what a terminal without UTF-8 can show.
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_ASCII = {
    "●": "*", "○": "o", "◔": "%", "✓": "+", "✗": "x", "–": "-", "—": "-", "↻": "@", "‖": "=",
    "■": "#", "✎": "/", "▸": ">", "·": ".", "…": "~", "→": ">", "←": "<", "↑": "^", "↓": "v",
    "▲": "^", "▼": "v", "»": ">", "«": "<", "×": "x", "│": "|", "┃": "|", "─": "-", "━": "-",
    "▔": "-", "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "=", "▆": "+", "▇": "#", "█": "#",
    "▌": "|", "▐": "|", "▎": "|", "▊": "|", "▍": "|", "▏": "|", "▕": "|", "▀": "-", "⎡": "|",
}  # fmt: skip
# Corners and crossings of frames.
_ASCII |= dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┡┢┝┥", "+")


class Harmless(LineFilter):
    """Replaces what must not, or cannot, be shown; the width stays what it was."""

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self._ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - textual's signature
        """The line as it may go out."""
        return [self._clean(segment) for segment in segments]

    def _clean(self, segment: Segment) -> Segment:
        text, style, control = segment
        if control or (text.isascii() and text.isprintable()):
            return segment
        if text.isprintable() and not self._ascii_only:
            return segment
        return Segment(harmless(text, ascii_only=self._ascii_only), style)


@lru_cache(maxsize=4_096)
def harmless(text: str, *, ascii_only: bool) -> str:
    """The text with every character that may not go out replaced by as many cells."""
    return "".join(
        character
        if character.isprintable() and (character.isascii() or not ascii_only)
        else _instead(character, ascii_only=ascii_only)
        for character in text
    )


def _instead(character: str, *, ascii_only: bool) -> str:
    if ascii_only and character in _ASCII:
        return _ASCII[character]
    return "?" * cell_len(character)
