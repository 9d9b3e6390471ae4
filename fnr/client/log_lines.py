"""Worker logs as records: cut into lines, decoded, one stream put together again.

A command's log is made of records with time and stream (fnr.policy.log_record); a Python
function's is plain lines. Both may stand in one file; what is no record is a line of stdout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fnr.policy.log_record import STDOUT, LogRecord, decode

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction


class LogLines:
    """Cuts what is read from a log into records; a line that is not complete yet is kept.

    redaction: hides secrets in what programs have written; None: nobody but its caller will look.
    """

    def __init__(self, redaction: Redaction | None) -> None:
        self.redaction = redaction
        self._rest = b""
        self._in_the_middle = False

    def cut(self) -> None:
        """What comes next does not follow what came; the line in which it begins is left out."""
        self._rest = b""
        self._in_the_middle = True

    def feed(self, chunk: bytes) -> Iterator[LogRecord]:
        """The records that are complete with this chunk."""
        if self._in_the_middle:
            _, newline, chunk = chunk.partition(b"\n")
            self._in_the_middle = not newline
        text = self._rest + chunk
        lines = text.split(b"\n")
        self._rest = lines.pop()
        # By the line it would take four times as long, and most output has no secret at all.
        looked = self.redaction is None or self.redaction.leaves(text)
        for line in lines:
            record = _record(line)
            yield record if looked else self._hidden(record)

    def rest(self) -> Iterator[LogRecord]:
        """What is left when nothing more will come."""
        rest, self._rest = self._rest, b""
        if rest:
            yield self._hidden(_record(rest))

    def _hidden(self, record: LogRecord) -> LogRecord:
        if self.redaction is None:
            return record
        return replace(record, text=self.redaction.data(record.text))


def last_lines(records: Sequence[LogRecord], lines: int) -> tuple[int, int]:
    """Where the last so many lines begin among records, and how many they are.

    A line may have come in parts, each a record, and those of the other stream between them.
    """
    begun: list[int] = []
    unfinished: set[str] = set()
    for at, record in enumerate(records):
        if record.stream not in unfinished:
            begun.append(at)
        (unfinished.discard if record.ended else unfinished.add)(record.stream)
    last = begun[-lines:]
    return (last[0] if last else len(records)), len(last)


def _record(line: bytes) -> LogRecord:
    return decode(line) or LogRecord(at_ms=0, stream=STDOUT, ended=True, text=line)
