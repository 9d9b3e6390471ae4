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


def show(records: Iterator[LogRecord], *, timestamps: bool) -> None:
    """Write records to stdout: JSON, or as they are; made harmless where it is a terminal."""
    for record in records:
        if here().as_json:
            text = record.text.decode("utf-8", "replace")
            write_json({"at_ms": record.at_ms or None, "stream": record.stream, "text": text})
            continue
        if timestamps and record.at_ms:
            sys.stdout.write(f"{clock_time(record.at_ms)} {record.stream} ")
        if here().plain:
            sys.stdout.flush()
            sys.stdout.buffer.write(record.written)
        else:
            sys.stdout.write(block(record.written.decode("utf-8", "replace")))
    sys.stdout.flush()


def lost_words(lost_bytes: int) -> str:
    """That output was trimmed before it was shown, and what sets the limit."""
    return (
        f"{size_text(lost_bytes)} of the log are not shown: they were gone before they were"
        " read; log.worker_file_size in fnr.toml says how much a log keeps"
    )
