"""Find machine-readable codes in words: `[Errno 28]`, `HTTP 503`, `exit status 137`, ECONNRESET.

Only unmistakable spellings count. A number without the word that says what it is stays a number:
"Error 404 items" is not HTTP.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from signal import Signals

from fnr.policy.evidence import Code

TEXT_CHARS_MAX = 8_000

# Resolver errors have numbers of their own, below zero in Python's "[Errno -2]".
_RESOLVER_ERRORS = {"-2": "EAI_NONAME", "-3": "EAI_AGAIN", "-5": "EAI_NODATA", "-4": "EAI_FAIL"}
_SIGNAL_NAMES = {signal.value: signal.name for signal in Signals}
_ERRNO_NAMES = frozenset(errno.errorcode.values())
_GRPC_NAMES = frozenset(
    {
        "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    }
)  # fmt: skip


def _errno_of_number(number: str) -> Code | None:
    if number in _RESOLVER_ERRORS:
        return Code(family="resolver", value=_RESOLVER_ERRORS[number])
    name = errno.errorcode.get(abs(int(number)))
    return Code(family="errno", value=name) if name else None


def _errno_of_name(name: str) -> Code | None:
    if name.startswith("EAI_"):
        return Code(family="resolver", value=name)
    return Code(family="errno", value=name) if name in _ERRNO_NAMES else None


def _http(status: str) -> Code | None:
    return Code(family="http", value=status) if 400 <= int(status) <= 599 else None


def _exit(status: str) -> Code | None:
    return Code(family="exit", value=str(int(status))) if 0 < int(status) <= 255 else None


def _signal(sign: str) -> Code | None:
    name = signal_name(int(sign)) if sign.isdecimal() else sign
    return Code(family="signal", value=name) if name in Signals.__members__ else None


def _grpc(status: str) -> Code | None:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()
    return Code(family="grpc", value=name) if name in _GRPC_NAMES else None


def _sqlstate(state: str) -> Code:
    return Code(family="sqlstate", value=state.upper())


def _xid(number: str) -> Code:
    return Code(family="xid", value=number)


# "HTTP 503", "HTTP/1.1\" 503", "status code: 503", "Error code: 503", "statuscode=503".
_HTTP_STATUS = r"""(?ix) \b (?: http (?: /[0-9.]{1,3}"? | [ _-]? (?:error|code|status) )?
    | (?:error|response) [ _-] code
    | status (?: [ _-]? code )? ) ["']? [ ]? [:=]? [ ]? ([45][0-9]{2}) \b"""
_HTTP_PHRASE = r"""(?x) \b ([45][0-9]{2}) [ ] (?: Bad[ ]Request | Unauthorized | Forbidden
    | Payment[ ]Required | Not[ ]Found | Too[ ]Many[ ]Requests | Internal[ ]Server[ ]Error
    | Not[ ]Implemented | Bad[ ]Gateway | Service[ ](?:Temporarily[ ])?Unavailable
    | Gateway[ ]Time-?out | Insufficient[ ]Storage ) \b"""
# "exit status 137", "exited with code 1", "Exit Code:  137", "exit 3".
_EXIT_STATUS = r"""(?ix) \b exit (?:ed)? (?:[ ]with)? (?:[ ]non-zero)? (?:[ ](?:status|code))?
    [ :=]{1,3} ([0-9]{1,3}) \b"""

_SPELLINGS: tuple[tuple[re.Pattern[str], Callable[[str], Code | None]], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"(?i)\berrno[ :=]{1,2}(-?[0-9]{1,3})\b", _errno_of_number),
        (r"\(os error ([0-9]{1,3})\)", _errno_of_number),
        (r"\bcode: ([0-9]{1,3}), kind: ", _errno_of_number),
        (r"\b(E[A-Z][A-Z0-9_]{2,14})\b", _errno_of_name),
        (_HTTP_STATUS, _http),
        (_HTTP_PHRASE, _http),
        (_EXIT_STATUS, _exit),
        (r"(?i)\bsignal[ :=]{1,2}([0-9]{1,2})\b", _signal),
        (r"\b(?:Signals\.|signal )(SIG[A-Z]{2,5})\b", _signal),
        (r"\*\*\* (SIG[A-Z]{2,5}) received", _signal),
        (r"\bStatusCode\.([A-Z_]{5,19})\b", _grpc),
        (r"\bcode = ([A-Za-z]{5,19}) desc = ", _grpc),
        (r"(?i)\bsqlstate[ :=\[(]{1,3}([0-9A-Z]{5})\b", _sqlstate),
        (r"\bXid(?:=| \([^()]{1,40}\): )([0-9]{1,3})\b", _xid),
    )
)


def signal_name(number: int) -> str:
    """ "SIGSEGV" for 11; the number itself where the system has no name for it."""
    return _SIGNAL_NAMES.get(number, str(number))


def code_facts(text: str) -> tuple[Code, ...]:
    """Codes that the text spells out, each once, in the order of the table of spellings."""
    text = text[:TEXT_CHARS_MAX]
    found = (read(match[1]) for pattern, read in _SPELLINGS for match in pattern.finditer(text))
    return tuple(dict.fromkeys(code for code in found if code is not None))
