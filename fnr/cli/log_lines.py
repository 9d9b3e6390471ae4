"""Records of worker logs, written where people and programs expect them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby

from fnr.cli.here import here
from fnr.cli.render import clock_time, size_text, write_json
from fnr.cli.terminal import block
from fnr.host.disk import write_all
from fnr.policy.log_record import STDERR, LogRecord


def pass_on(records: Iterator[LogRecord], *, from_ms: int = 0) -> None:
    """Write each record to the stream that the program wrote it to, byte for byte."""
    wanted = (record for record in records if not 0 < record.at_ms < from_ms)
    # Flushed where the stream changes: by the line it would fall behind what programs can write.
    for is_err, together in groupby(wanted, key=lambda record: record.stream == STDERR):
        stream = sys.stderr if is_err else sys.stdout
        # Not by the line: with PYTHONUNBUFFERED each would be a call of the kernel.
        stream.flush()
        write_all(stream.fileno(), b"".join(record.written for record in together))


class Screen:
    """Shows records on stdout: JSON, or as they are; made harmless where it is a terminal.

    A line is stamped where it begins, and what begins in the middle of somebody else's line goes
    to the next one: together they would read as what nobody has printed.
    """

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        # Where the last record was from, if its line has not ended yet.
        self._open: tuple[str, str] | None = None

    def show(self, records: Iterator[LogRecord], *, place: str = "") -> None:
        """Show the next ones. place: the attempt or worker that they are from, where known."""
        for record in records:
            if here().as_json:
                text = record.text.decode("utf-8", "replace")
                write_json({"at_ms": record.at_ms or None, "stream": record.stream, "text": text})
                continue
            if self._open is not None and self._is_elsewhere(place, record.stream, *self._open):
                self._write(b"\n")
                self._open = None
            if self._open is None and self._timestamps and record.at_ms:
                sys.stdout.write(f"{clock_time(record.at_ms)} {record.stream} ")
            self._write(record.written)
            self._open = None if record.ended else (place, record.stream)
        sys.stdout.flush()

    def _is_elsewhere(self, place: str, stream: str, before: str, stream_before: str) -> bool:
        # Without stamps it looks as it did where the program ran, and who knows no place is here.
        return (self._timestamps and stream != stream_before) or bool(
            before and place and place != before
        )

    def _write(self, written: bytes) -> None:
        if here().plain:
            sys.stdout.flush()
            sys.stdout.buffer.write(written)
        else:
            sys.stdout.write(block(written.decode("utf-8", "replace")))


def lost_words(lost_bytes: int) -> str:
    """That output was trimmed before it was shown, and what sets the limit."""
    return (
        f"{size_text(lost_bytes)} of the log are not shown: they were gone before they were"
        " read; log.worker_file_size in fnr.toml says how much a log keeps"
    )
