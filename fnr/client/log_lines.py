"""Worker logs as records: cut into lines, decoded, one stream put together again.

A command's log is made of records with time and stream (fnr.policy.log_record); a Python
function's is plain lines. Both may stand in one file; what is no record is a line of stdout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fnr.policy.log_record import STDOUT, LogRecord, decode
from fnr.policy.secret_keys import KeyLines

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

# In the record of a part of a line; a program may print the same.
_PARTS = (b" o+ ", b" e+ ")


class LogLines:
    """Cuts what is read from a log into records; a line that is not complete yet is kept.

    redaction: hides secrets in what programs have written; None: nobody but its caller will look.
    """

    def __init__(self, redaction: Redaction | None) -> None:
        self.redaction = redaction
        self._rest = b""
        self._in_the_middle = False
        # Of each stream: a private key has many lines.
        self._keys: defaultdict[str, KeyLines] = defaultdict(KeyLines)

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
        records = map(_record, lines)
        if self.redaction is None:
            yield from records
        elif not self._leaves(self.redaction, text):
            yield from self._hidden([*records], self.redaction)
        elif any(sign in text for sign in _PARTS):
            yield from self._hidden_over_parts([*records], self.redaction)
        else:
            yield from records

    def rest(self) -> Iterator[LogRecord]:
        """What is left when nothing more will come."""
        rest, self._rest = self._rest, b""
        if not rest:
            return
        record = _record(rest)
        if self.redaction is None:
            yield record
        else:
            yield from self._hidden([record], self.redaction)

    def _leaves(self, redaction: Redaction, text: bytes) -> bool:
        """By the line it would take four times as long, and most output has no secret at all."""
        return not any(key.is_inside for key in self._keys.values()) and redaction.leaves(text)

    def _hidden_over_parts(
        self, records: list[LogRecord], redaction: Redaction
    ) -> Iterator[LogRecord]:
        """The same where only a secret may be that goes over the parts of a line."""
        streams: defaultdict[str, list[bytes]] = defaultdict(list)
        for record in records:
            streams[record.stream].append(record.written)
        if all(redaction.leaves(b"".join(written)) for written in streams.values()):
            yield from records
        else:
            yield from self._hidden(records, redaction)

    def _hidden(self, records: list[LogRecord], redaction: Redaction) -> Iterator[LogRecord]:
        """The records without secrets; a line with one that goes over its parts is one record."""
        texts = [self._keys[record.stream].hidden(record.text) for record in records]
        shown = [*map(redaction.data, texts)]
        gone: set[int] = set()
        for parts in _lines_in_parts(records):
            line = b"".join(texts[part] for part in parts)
            hidden = redaction.data(line)
            if hidden not in (line, b"".join(shown[part] for part in parts)):
                first, last = parts[0], parts[-1]
                shown[first] = hidden
                records[first] = replace(records[first], ended=records[last].ended)
                gone.update(parts[1:])
        for number, (record, text) in enumerate(zip(records, shown, strict=True)):
            if number not in gone:
                yield replace(record, text=text)


def _lines_in_parts(records: Sequence[LogRecord]) -> Iterator[list[int]]:
    """The places of the records that are one line, of each line that has several."""
    begun: defaultdict[str, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        parts = begun[record.stream]
        parts.append(number)
        if record.ended:
            if len(parts) > 1:
                yield parts
            del begun[record.stream]
    yield from (parts for parts in begun.values() if len(parts) > 1)


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
