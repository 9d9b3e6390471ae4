"""Evidence in the form that rules ask about: codes, type names, and texts in order of authority.

Two places are told apart. Near is what was reported: the message, the exceptions, the codes they
carry, how the process ended. Far is what a log beside it says, which may tell of other things.
"""

from __future__ import annotations

import builtins
import errno
import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from msgspec import Struct

from fnr.policy.codes import Place, signal_name, spelled_codes
from fnr.policy.escaped import unescaped
from fnr.policy.evidence import OUR_WORDS, Code, Evidence, ExceptionFact, only_exited
from fnr.policy.halves import OUR_LINE, OUR_SIGN
from fnr.policy.in_english import foreign_words
from fnr.policy.printed import (
    ESCAPES,
    LINES_MAX,
    Line,
    has_frames,
    lines_without_frames,
    printed_types,
    telling_lines,
    without_flat_traceback,
)
from fnr.policy.rules import Span
from fnr.policy.structured_log import LogRecord, records_of

NEAR, FAR = 0, 1
# Of a longer message its beginning and its end are read.
HEAD_CHARS_MAX = 3_000
TAIL_CHARS_MAX = 1_000
LOG_CHARS_MAX = 4_000
# A message with a traceback of another process in it; a longer one is taken as it is.
FRAMED_CHARS_MAX = 64_000
LINKS_MAX = 10

# A shell reports a program that died of signal N as exit status 128 + N.
_SHELL_SIGNAL_BASE = 128
_SIGNALS_MAX = 31


# What no program has said.
_UNSAID = re.compile(f"{ESCAPES.pattern}|{OUR_LINE}")

# A field of the evidence, where words of it begin, the words, and where they end if these are
# others that mean what stands there.
Part = tuple[str, int, str, int | None]


class Piece(Struct, frozen=True):
    """A run of characters taken from a field of the evidence: where it stands here and there.

    end: where it ends there, if these are other words for what stands there.
    """

    at: int
    field: str
    start: int
    end: int | None = None


class Text(Struct, frozen=True):
    """Words put together from pieces of the evidence, one a line."""

    words: str
    pieces: tuple[Piece, ...]

    def span(self, start: int, end: int) -> Span:
        """The place in the evidence of words[start:end], as far as its first piece reaches."""
        index = bisect_right(self.pieces, start, key=lambda piece: piece.at) - 1
        piece = self.pieces[index]
        if piece.end is not None:
            return Span(text=piece.field, start=piece.start, end=piece.end)
        if index + 1 < len(self.pieces):
            end = min(end, self.pieces[index + 1].at)
        moved = piece.start - piece.at
        return Span(text=piece.field, start=start + moved, end=end + moved)


class Facts(Struct, frozen=True, kw_only=True):
    """What rules look at.

    codes: "family:value", reported ones first, then those spelled out in words.
    types: for each link of the exception chain, outermost first, its own name and its bases';
           then those that logs name.
    texts: where words are looked for: near, far.
    code_places, type_places: of each code and type, whether it was near or far.
    spelled: of each code that words spell out, where in the UTF-8 of its text.
    sources: where each of `texts` was taken from.
    """

    evidence: Evidence
    codes: tuple[str, ...]
    types: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...]
    code_places: tuple[int, ...] = ()
    type_places: tuple[int, ...] = ()
    sources: tuple[Text, ...] = ()
    spelled: dict[str, Place] = {}
    function: str = ""
    service: str = ""


def gather(evidence: Evidence, *, function: str = "", service: str = "") -> Facts:
    """Bring evidence into that form."""
    program = ended_as_program(evidence)
    near = _text([] if program else _said(evidence))
    far = _text(_logged(evidence, program=program))
    codes = dict.fromkeys(_code_names((*evidence.codes, *_process_codes(evidence))), NEAR)
    spelled: dict[str, Place] = {}
    for text, place in ((near, NEAR), (far, FAR)):
        for code, where in spelled_codes(text.words).items():
            for name in _code_names((code,)):
                if name not in codes:
                    codes[name] = place
                    spelled[name] = where
    types = dict.fromkeys(map(_type_names, evidence.exceptions[:LINKS_MAX]), NEAR)
    known = {names[0] for names in types}
    for text, place in ((near, NEAR), (far, FAR)):
        for name in printed_types(text.words):
            if name not in known:
                types.setdefault(_type_names(ExceptionFact(type=name)), place)
    return Facts(
        evidence=evidence,
        codes=tuple(codes),
        types=tuple(types),
        texts=(near.words, far.words),
        code_places=tuple(codes.values()),
        type_places=tuple(types.values()),
        sources=(near, far),
        spelled=spelled,
        function=function,
        service=service,
    )


def ended_as_program(evidence: Evidence) -> bool:
    """Is all that speaks what was printed before sys.exit(3), as the words of a command are?"""
    return only_exited(evidence) and bool(evidence.stderr_tail.strip())


def _said(evidence: Evidence) -> list[Part]:
    """What was reported in words."""
    parts: list[Part] = []
    # When a worker died without a word, the message is fnr's own: "the worker was killed by
    # SIGSEGV" is not what a program said, and must not be read as if it were.
    if evidence.exceptions or not evidence.worker_died:
        own = _own_words(evidence)
        parts += [
            (field, own + start, words, end if end is None else own + end)
            for field, start, words, end in _ends("message", evidence.message[own:])
        ]
    seen = {evidence.message}
    for number, link in enumerate(evidence.exceptions[:LINKS_MAX]):
        if link.message not in seen:
            seen.add(link.message)
            parts += _ends(f"exceptions[{number}].message", link.message)
    return parts


def _own_words(evidence: Evidence) -> int:
    """How much of the message fnr says of the end of a command, which is known without words."""
    ended = (evidence.exit_code, evidence.signal) != (None, None) and not evidence.exceptions
    own = OUR_WORDS.match(evidence.message) if ended else None
    return own.end() if own else 0


def _ends(field: str, words: str) -> list[Part]:
    if len(words) <= FRAMED_CHARS_MAX:
        if (plain := unescaped(words)) is not None:
            return [(field, 0, part, len(words)) for _, _, part, _ in _ends(field, plain)]
        if has_frames(_read_of(words)):
            return _told(field, words, lines_without_frames(words))
        if around := without_flat_traceback(words):
            return _told(field, words, around)
    if len(words) <= HEAD_CHARS_MAX + TAIL_CHARS_MAX:
        return [(field, 0, words, None)] if words else []
    last = len(words) - TAIL_CHARS_MAX
    return [(field, 0, words[:HEAD_CHARS_MAX], None), (field, last, words[last:], None)]


def _read_of(words: str) -> str:
    """What of a long message is read."""
    if len(words) <= HEAD_CHARS_MAX + TAIL_CHARS_MAX:
        return words
    return words[:HEAD_CHARS_MAX] + words[-TAIL_CHARS_MAX:]


def _told(field: str, words: str, lines: list[Line]) -> list[Part]:
    """Beginning and end of what a message says beside the frames of a traceback in it."""
    first = _fitting(lines, HEAD_CHARS_MAX)
    last = _fitting(lines[: len(first) - 1 : -1] if first else lines[::-1], TAIL_CHARS_MAX)
    return [
        (field, line.start, words[line.start : line.end], None) for line in (*first, *last[::-1])
    ]


def _fitting(lines: Sequence[Line], chars_max: int) -> list[Line]:
    """As many of the first of them as have room."""
    sizes = accumulate(line.end - line.start for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= chars_max]


def _logged(evidence: Evidence, *, program: bool) -> list[Part]:
    logs = [] if program else [("traceback", evidence.traceback)]
    if program or not evidence.exceptions:
        # An exception speaks for itself; the log beside it may tell of other things.
        tail = "stderr_tail" if evidence.stderr_tail.strip() else "stdout_tail"
        logs.append((tail, getattr(evidence, tail)))
    parts: list[Part] = []
    for field, text in logs:
        if records := records_of(text):
            parts += _of_records(field, records)
        elif (plain := unescaped(text)) is not None:
            lines = telling_lines(plain)
            parts += [(field, 0, plain[line.start : line.end], len(text)) for line in lines]
        elif text:
            lines = telling_lines(text)
            parts += [(field, line.start, text[line.start : line.end], None) for line in lines]
    return parts[-2 * LINES_MAX :]


def _of_records(field: str, records: Sequence[LogRecord]) -> list[Part]:
    """Read as one log, because a traceback may have a record for each of its lines."""
    words = "\n".join(record.words for record in records)
    ends = [*accumulate(len(record.words) + 1 for record in records)]
    return [
        (field, record.start, words[line.start : line.end], record.end)
        for line in telling_lines(words)
        for record in (records[bisect_right(ends, line.start)],)
    ]


def _text(parts: list[Part]) -> Text:
    words: list[str] = []
    pieces: list[Piece] = []
    at = 0
    for field, start, part, end in parts:
        for begin, plain in _plain(part):
            for low, high, english in _in_english(plain):
                there = start if end is not None else start + begin + low
                until = start + begin + high if end is None and english else end
                pieces.append(Piece(at, field, there, until))
                words.append(english or plain[low:high])
                at += len(words[-1])
        words.append("\n")
        at += 1
    return Text("".join(words[:-1])[: LOG_CHARS_MAX * 2], tuple(pieces))


def _in_english(words: str) -> list[tuple[int, int, str]]:
    """The runs of characters that stay as they are, and between them those with their English."""
    runs, position = [], 0
    for start, end, english in foreign_words(words):
        if position < start:
            runs.append((position, start, ""))
        runs.append((start, end, english))
        position = end
    if position < len(words) or not runs:
        runs.append((position, len(words), ""))
    return runs


def _plain(part: str) -> list[tuple[int, str]]:
    """The runs of characters between escape sequences, with their places, and without what fnr
    itself says of a cut."""
    if "\x1b" not in part and OUR_SIGN not in part:
        return [(0, part)]
    runs, position = [], 0
    for unsaid in _UNSAID.finditer(part):
        runs.append((position, part[position : unsaid.start()]))
        position = unsaid.end()
    return [*runs, (position, part[position:])]


def _process_codes(evidence: Evidence) -> tuple[Code, ...]:
    codes = []
    if evidence.signal is not None:
        codes.append(Code(family="signal", value=signal_name(evidence.signal)))
    if evidence.exit_code is not None:
        codes.append(Code(family="exit", value=str(evidence.exit_code)))
    return tuple(codes)


def _code_names(codes: tuple[Code, ...]) -> list[str]:
    names: list[str] = []
    for code in codes:
        value = code.value
        if code.family == "errno" and value.isdecimal():
            value = errno.errorcode.get(int(value), value)
        names.append(f"{code.family}:{value}")
        if code.family == "exit" and value.isdecimal():
            number = int(value) - _SHELL_SIGNAL_BASE
            if 0 < number <= _SIGNALS_MAX:
                names.append(f"signal:{signal_name(number)}")
    return names


def _type_names(link: ExceptionFact) -> tuple[str, ...]:
    return _with_bases((link.type, *link.bases))


@lru_cache(maxsize=1024)
def _with_bases(names: tuple[str, ...]) -> tuple[str, ...]:
    """Who reported only the type of a builtin exception did not have to list its bases."""
    every = list(names)
    for name in names:
        kind: Any = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            every += [base.__name__ for base in kind.__mro__ if issubclass(base, Exception)]
    return tuple(dict.fromkeys(every))
