"""Records of worker logs, written where people and programs expect them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fnr.cli.here import here
from fnr.cli.render import clock_time, write_json
from fnr.cli.terminal import block
from fnr.policy.log_record import STDERR, LogRecord


def pass_on(records: Iterator[LogRecord], *, from_ms: int = 0) -> None:
    """Write each record to the stream that the program wrote it to, byte for byte."""
    for record in records:
        if 0 < record.at_ms < from_ms:
            continue
        stream = sys.stderr if record.stream == STDERR else sys.stdout
        stream.buffer.write(record.written)
        stream.flush()


def show(records: Iterator[LogRecord], *, timestamps: bool) -> None:
    """Write records to stdout: as they are, made harmless for a terminal, or as JSON."""
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
