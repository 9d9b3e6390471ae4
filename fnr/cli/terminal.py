"""Is somebody looking, may there be colour, how wide is it.

Imports nothing heavy: `fnr status` needs it.
"""

from __future__ import annotations

import os

from fnr.api.plain_text import block, duration, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

__all__ = [
    "BOLD",
    "DIM",
    "GREEN",
    "RED",
    "YELLOW",
    "block",
    "duration",
    "height",
    "is_terminal",
    "is_unread",
    "may_colour",
    "one_line",
    "painted",
    "width",
    "writes_utf8",
]

RED, GREEN, YELLOW, BOLD, DIM = "31", "32", "33", "1", "2"


def is_terminal(stream: TextIO) -> bool:
    """Is somebody looking at it?"""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def is_unread(stream: TextIO, *, within_ms: int = 0) -> bool:
    """Is nobody at its other end any more? False only when the time is over."""
    import select  # noqa: PLC0415 - for commands that go on

    watch = select.poll()
    try:
        watch.register(stream, 0)
    except (OSError, ValueError):  # closed, or no file
        return False
    # Of a pipe that is an error, of a socket it is a hang-up; nothing else is waited for.
    return bool(watch.poll(within_ms))


def may_colour(stream: TextIO, *, no_color: bool = False) -> bool:
    """--no-color, NO_COLOR, FNR_NO_COLOR, TERM=dumb: no. FORCE_COLOR: yes. Else: a terminal."""
    env = os.environ
    if no_color or env.get("NO_COLOR") or env.get("FNR_NO_COLOR"):
        return False
    if env.get("FORCE_COLOR") or env.get("CLICOLOR_FORCE"):
        return True
    return env.get("TERM") != "dumb" and is_terminal(stream)


def writes_utf8(stream: TextIO) -> bool:
    """Does it write every character, and as JSON has to be written?"""
    return (stream.encoding or "").lower().replace("-", "").replace("_", "") == "utf8"


def painted(text: str, style: str, *, colour: bool) -> str:
    """The text in a style, or as it is."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour else text


def width() -> int:
    """Columns of the terminal; 80 when there is none."""
    return _size("COLUMNS", 0) or 80


def height() -> int:
    """Rows of the terminal; 24 when there is none."""
    return _size("LINES", 1) or 24


def _size(variable: str, index: int) -> int:
    try:
        return int(os.environ.get(variable, "")) or 0
    except ValueError:
        pass
    for fd in (1, 2, 0):
        try:
            return os.get_terminal_size(fd)[index]
        except OSError:
            continue
    return 0
