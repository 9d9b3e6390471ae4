"""Worker logs as records: cut into lines, decoded, one stream put together again.

A command's log is made of records with time and stream (fnr.policy.log_record); a Python
function's is plain lines. Both may stand in one file; what is no record is a line of stdout.
"""

from __future__ import annotations

from collections.abc import Iterator

from fnr.policy.log_record import STDOUT, LogRecord, decode


class LogLines:
    """Cuts what is read from a log into records; a line that is not complete yet is kept."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[LogRecord]:
        """The records that are complete with this chunk."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            yield _record(line)

    def rest(self) -> Iterator[LogRecord]:
        """What is left when nothing more will come."""
        rest, self._rest = self._rest, b""
        if rest:
            yield _record(rest)


def _record(line: bytes) -> LogRecord:
    found = decode(line)
    return found or LogRecord(at_ms=0, stream=STDOUT, ended=True, text=line)
