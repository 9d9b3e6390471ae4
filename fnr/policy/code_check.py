"""Whether a code that a rule asks for can ever be found: a misspelt one would never hold."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from difflib import get_close_matches
from signal import Signals

from fnr.policy.codes import GRPC_NAMES

# All that fnr finds in these families is one of these; of other families anything may be reported.
# Go spells one of gRPC's names with a single L.
_NAMES: Mapping[str, frozenset[str]] = {
    # Some numbers have two names, of which one is found.
    "errno": frozenset(name for name in dir(errno) if name.startswith("E")),
    "grpc": GRPC_NAMES | {"CANCELED"},
    "signal": frozenset(Signals.__members__),
}
_NUMBERS = {"http": range(100, 600), "exit": range(256)}
_LIKENESS_MIN = 0.75


def code_problem(pattern: str) -> str:
    """Why no error has a code like "http:500-599", "sqlstate:53*" or "errno:ENOSPC"; "" if one may.

    The words follow the name of the key.
    """
    family, _, value = pattern.partition(":")
    if family in _NAMES:
        return _no_name(family, value)
    low, dash, high = value.partition("-")
    if dash and low.isdecimal() and high.isdecimal() and int(low) > int(high):
        return f"{pattern!r} is no range: write {family}:{high}-{low}"
    if family in _NUMBERS:
        return _no_number(family, value)
    meant = get_close_matches(family, [*_NAMES, *_NUMBERS], n=1, cutoff=_LIKENESS_MIN)
    return (
        f"{pattern!r} is of a family that there is not: did you mean {meant[0]}?" if meant else ""
    )


def _no_name(family: str, value: str) -> str:
    names = _NAMES[family]
    if value.endswith("*"):
        found = any(name.startswith(value[:-1]) for name in names)
        return "" if found else f"no {family} begins like {value!r}"
    if value in names:
        return ""
    number = int(value) if value.isdecimal() else -1
    known = errno.errorcode.get(number) if family == "errno" else _signal_name(number)
    if known is not None and family != "grpc":
        return f"{family}:{value} is found by its name: write {family}:{known}"
    meant = get_close_matches(value.upper(), names, n=1, cutoff=_LIKENESS_MIN)
    if not meant and family == "errno" and value.isupper() and value.startswith("E"):
        return ""  # another system may have it
    return f"there is no {family} {value!r}" + (f", did you mean {meant[0]}?" if meant else "")


def _signal_name(number: int) -> str | None:
    return next((one.name for one in Signals if one.value == number), None)


def _no_number(family: str, value: str) -> str:
    known = _NUMBERS[family]
    if value.endswith("*"):
        found = any(str(number).startswith(value[:-1]) for number in known)
        return "" if found else f"no {family} begins like {value!r}"
    ends = value.split("-", 1)
    # A single one must stand there as fnr writes it: "http:0503" is never found.
    if all(end.isdecimal() and int(end) in known for end in ends) and (
        len(ends) > 1 or str(int(value)) == value
    ):
        return ""
    return f"must be {known[0]} to {known[-1]} for {family}, got {value!r}"
