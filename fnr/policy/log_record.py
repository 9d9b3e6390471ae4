"""One line of a command's log: when it was written, on which stream, and whether it ended there.

`<unix_ms> <o|e><.|+> <text>`: "." ends the stream's line, "+" is a part of it that more will
follow, such as a progress bar. Text is the program's own bytes, so putting the records of one
stream together gives back exactly what the program wrote. Python functions write to the same kind
of file without any of this; their lines do not decode and are shown as they are.
"""

from __future__ import annotations

from msgspec import Struct

STDOUT = "o"
STDERR = "e"

_STREAMS = {b"o": STDOUT, b"e": STDERR}
_MARKS = {b".": True, b"+": False}
# Unix milliseconds since 2001 and for the next 30,000 years; a shorter number is a program's own.
_DIGITS_MIN = 13
_DIGITS_MAX = 15


class LogRecord(Struct, frozen=True, kw_only=True):
    """One record. ended: the stream's line is complete; its newline is not part of text."""

    at_ms: int
    stream: str
    ended: bool
    text: bytes

    @property
    def written(self) -> bytes:
        """What the program wrote: the text, with its newline if it came to one."""
        return self.text + b"\n" if self.ended else self.text


def encode_lines(text: bytes, *, at_ms: int, stream: str) -> bytes:
    """Records for whole lines of one stream; text ends with a newline."""
    assert text.endswith(b"\n"), text[-20:]
    head = b"%d %s. " % (at_ms, stream.encode())
    # One replace in C instead of a loop: a program may print millions of lines a second.
    return head + text[:-1].replace(b"\n", b"\n" + head) + b"\n"


def encode_part(text: bytes, *, at_ms: int, stream: str) -> bytes:
    """A record for a part of a line; text holds no newline."""
    assert b"\n" not in text, text[-20:]
    return b"%d %s+ %s\n" % (at_ms, stream.encode(), text)


def decode(line: bytes) -> LogRecord | None:
    """The record in one line of a log, with or without its newline; None when it is none."""
    at, _, rest = line.removesuffix(b"\n").partition(b" ")
    stream, ended = _STREAMS.get(rest[:1]), _MARKS.get(rest[1:2])
    if stream is None or ended is None or rest[2:3] != b" ":
        return None
    if not (_DIGITS_MIN <= len(at) <= _DIGITS_MAX and at.isdigit()):
        return None
    return LogRecord(at_ms=int(at), stream=stream, ended=ended, text=rest[3:])
