"""Worker logs as people see them: records decoded, one stream put together again.

A command's log is made of records with time and stream (fnr.policy.log_record); a Python
function's is plain lines. Both may stand in one file; what is no record is a line of stdout.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fnr.cli.here import here
from fnr.cli.render import clock_time
from fnr.cli.terminal import block
from fnr.policy.log_record import STDERR, STDOUT, LogRecord, decode


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


def pass_on(records: Iterator[LogRecord], *, from_ms: int = 0) -> None:
    """Write each record to the stream that the program wrote it to, byte for byte."""
    for record in records:
        if 0 < record.at_ms < from_ms:
            continue
        stream = sys.stderr if record.stream == STDERR else sys.stdout
        stream.buffer.write(record.written)
        stream.flush()


def show(records: Iterator[LogRecord], *, timestamps: bool) -> None:
    """Write records to stdout: as they are into a pipe, made harmless for a terminal."""
    for record in records:
        if timestamps and record.at_ms:
            sys.stdout.write(f"{clock_time(record.at_ms)} {record.stream} ")
        if here().plain:
            sys.stdout.flush()
            sys.stdout.buffer.write(record.written)
        else:
            sys.stdout.write(block(record.written.decode("utf-8", "replace")))
    sys.stdout.flush()
