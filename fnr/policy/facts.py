"""Evidence in the form that rules ask about: codes, type names, and texts in order of authority."""

from __future__ import annotations

import builtins
import errno
import re

from msgspec import Struct

from fnr.policy.codes import code_facts, signal_name
from fnr.policy.evidence import Code, Evidence, ExceptionFact

TEXT_CHARS_MAX = 4_000
TAIL_LINES_MAX = 20
TYPES_IN_TEXT_MAX = 5

# A shell reports a program that died of signal N as exit status 128 + N.
_SHELL_SIGNAL_BASE = 128
_SIGNALS_MAX = 31

# "ValueError: …" or "requests.exceptions.ReadTimeout: …" where a line or a log message begins.
_TYPE_IN_TEXT = re.compile(
    r"(?:^|[\s\]|>*(])((?:[A-Za-z_]\w{0,40}\.){0,8}"
    r"(?:[A-Z]\w{0,60}(?:Error|Exception|Timeout)|(?<=\.)[Ee]rror)): ",
    re.MULTILINE,
)


class Facts(Struct, frozen=True, kw_only=True):
    """What rules look at.

    codes: "family:value", reported ones first, then those spelled out in words.
    types: for each link of the exception chain, outermost first, its own name and its bases'.
    texts: where words are looked for, the most telling first.
    """

    evidence: Evidence
    codes: tuple[str, ...]
    types: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...]


def gather(evidence: Evidence) -> Facts:
    """Bring evidence into that form."""
    texts = _texts(evidence)
    reported = (*evidence.codes, *_process_codes(evidence))
    spelled = tuple(code for text in texts for code in code_facts(text))
    return Facts(
        evidence=evidence,
        codes=_code_names((*reported, *spelled)),
        types=tuple(map(_type_names, evidence.exceptions or _types_in(texts))),
        texts=texts,
    )


def _texts(evidence: Evidence) -> tuple[str, ...]:
    messages = dict.fromkeys(link.message for link in evidence.exceptions)
    # When a worker died without a word, the message is fnr's own: "the worker was killed by
    # SIGSEGV" is not what a program said, and must not be read as if it were.
    if evidence.exceptions or not evidence.worker_died:
        messages = dict.fromkeys([evidence.message, *messages])
    words = "\n".join(filter(None, messages))[:TEXT_CHARS_MAX]
    if evidence.exceptions:
        # The exception speaks for itself; the log beside it may tell of other things.
        return (words,)
    tail = evidence.stderr_tail.strip() or evidence.stdout_tail.strip()
    last = "\n".join(tail[-4 * TEXT_CHARS_MAX :].splitlines()[-TAIL_LINES_MAX:])
    return (words, last[-TEXT_CHARS_MAX:])


def _process_codes(evidence: Evidence) -> tuple[Code, ...]:
    codes = []
    if evidence.signal is not None:
        codes.append(Code(family="signal", value=signal_name(evidence.signal)))
    if evidence.exit_code is not None:
        codes.append(Code(family="exit", value=str(evidence.exit_code)))
    return tuple(codes)


def _code_names(codes: tuple[Code, ...]) -> tuple[str, ...]:
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
    return tuple(dict.fromkeys(names))


def _types_in(texts: tuple[str, ...]) -> tuple[ExceptionFact, ...]:
    """Exceptions that a program printed; the last is the one that ended it."""
    found = [match[1] for text in texts for match in _TYPE_IN_TEXT.finditer(text)]
    return tuple(ExceptionFact(type=name) for name in found[: -TYPES_IN_TEXT_MAX - 1 : -1])


def _type_names(link: ExceptionFact) -> tuple[str, ...]:
    names = [link.type, *link.bases]
    # Who reported only the type of a builtin exception did not have to list its bases.
    for name in tuple(names):
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            names += [base.__name__ for base in kind.__mro__ if issubclass(base, Exception)]
    return tuple(dict.fromkeys(names))
