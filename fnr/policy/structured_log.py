"""Logs whose lines are records, JSON or `key=value`: what each record says in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

TAIL_CHARS_MAX = 32_000
RECORDS_MAX = 20
_SHARE_MIN = 0.5
_DEPTH_MAX = 3
# In the order in which they are read: what is said, then what it was caught with.
_SAID_IN = (
    "log", "msg", "message", "event", "text", "error", "err", "exception", "exc_info", "exc",
    "cause", "detail", "details", "reason", "stack", "stack_trace", "stacktrace", "traceback",
    "error_message",
)  # fmt: skip
_KIND_IN = ("type", "name", "kind", "class", "code")
_LEVEL_IN = ("level", "severity", "lvl", "levelname", "log.level")
# Names, and the numbers of pino and of Python.
_ASIDE = frozenset({"info", "debug", "trace", "notice", "10", "20", "30"})
_PAIR = re.compile(r'([\w.@-]{1,60})=("(?:[^"\\]|\\.)*"|[^\s"]*)(?= |$)')
_PAIRS_MIN = 2

_decode = msgspec.json.Decoder(dict[str, object]).decode
_decode_text = msgspec.json.Decoder(str).decode


class LogRecord(Struct, frozen=True):
    """What a record says, and where it stands in its log.

    aside: by its level, beside the matter.
    """

    start: int
    end: int
    words: str
    aside: bool = False


def records_of(text: str) -> list[LogRecord]:
    """The last records of a log; none if most of its lines are no records."""
    start = max(0, len(text) - TAIL_CHARS_MAX)
    if "{" not in text[start:] and "=" not in text[start:]:
        return []
    found: list[LogRecord] = []
    known = 0
    for line_start, line in _lines(text, start):
        fields = _fields(line)
        known += fields is not None
        words = line if fields is None else "\n".join(_words(fields, 0))
        if words.strip():
            aside = fields is not None and _level(fields) in _ASIDE
            found.append(LogRecord(line_start, line_start + len(line), words, aside))
    if not known or known < _SHARE_MIN * len(found):
        return []
    return ([record for record in found if not record.aside] or found)[-RECORDS_MAX:]


def in_words(line: str) -> str | None:
    """What one record says, in one line; None if it is none."""
    fields = _fields(line.strip())
    if fields is None:
        return None
    # The last line of a stack is the error, which may have been said already.
    said = [words.strip().rpartition("\n")[2].strip() for words in _words(fields, 0)]
    told = [one for place, one in enumerate(said) if not any(one in e for e in said[:place])]
    return ": ".join(filter(None, told)) or None


def _lines(text: str, start: int) -> Iterator[tuple[int, str]]:
    for line in text[start:].splitlines(keepends=True):
        if line.strip():
            yield start, line.rstrip()
        start += len(line)


def _fields(line: str) -> Mapping[str, object] | None:
    if line.startswith("{") and line.endswith("}"):
        try:
            fields = _decode(line.encode(errors="replace"))
        except (msgspec.DecodeError, RecursionError):
            return None
        return fields if any(name in fields for name in _SAID_IN) else None
    pairs = dict(_PAIR.findall(line))
    if len(pairs) < _PAIRS_MIN or not any(name in pairs for name in _SAID_IN):
        return None
    return {name: _unquoted(value) for name, value in pairs.items()}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return _decode_text(value.encode(errors="replace"))
    except msgspec.DecodeError:
        return value[1:-1]


def _level(fields: Mapping[str, object]) -> str:
    return next((str(fields[name]).lower() for name in _LEVEL_IN if name in fields), "")


def _words(fields: Mapping[str, object], depth: int) -> Iterator[str]:
    """What is said in these fields, each text once that is not within another."""
    said: list[str] = []
    for name in _SAID_IN:
        for words in _of_value(fields.get(name), depth):
            if not any(words in other for other in said):
                said.append(words)
    yield from said


def _of_value(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value[:RECORDS_MAX]:
            yield from _of_value(one, depth)
    elif isinstance(value, dict) and depth < _DEPTH_MAX:
        kinds = [str(value[name]) for name in _KIND_IN if isinstance(value.get(name), str | int)]
        words = list(_words(value, depth + 1))
        if kinds and words:
            words[0] = f"{kinds[0]}: {words[0]}"
        yield from words or kinds
