"""Evaluate a filter on one record, for everything that is not a row of the store."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from fnr.policy.filter_regex import finder
from fnr.policy.filter_tree import And, AnyOf, Compare, Expr, Like, Not, Or, Regex, Word, fields

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def matches(expr: Expr, record: Mapping[str, Any], now_ms: int) -> bool:
    """Whether the record passes.

    record: field name -> value, with "at" in Unix ms and "tags" as name -> value. A field that is
            missing or None is an absent value.
    """
    match expr:
        case And(parts=parts):
            return all(matches(part, record, now_ms) for part in parts)
        case Or(parts=parts):
            return any(matches(part, record, now_ms) for part in parts)
        case Not(part=part):
            return not matches(part, record, now_ms)
        case Word(text=text):
            return text.translate(_ASCII_LOWER) in str(record.get("message") or "").translate(
                _ASCII_LOWER
            )
        case Compare(field=name, operator=sign, value=value):
            found = _number(name, record, now_ms)
            return found is not None and _OPERATORS[sign](found, value)
        case AnyOf(field=name, values=values):
            return any(value in values for value in _values(name, record))
        case Like(field=name, glob=glob):
            return any(_glob(glob).fullmatch(str(value)) for value in _values(name, record))
        case Regex(field=name, pattern=pattern):
            return any(finder(pattern).found_in(str(value)) for value in _values(name, record))


def may_match(expr: Expr, known: Mapping[str, Any], now_ms: int) -> bool:
    """Can a record pass that has these fields, whatever its others are?"""
    return _certain(expr, known, now_ms) is not False


def _certain(expr: Expr, known: Mapping[str, Any], now_ms: int) -> bool | None:
    """Whether such records pass; None when the other fields decide."""
    match expr:
        case And(parts=parts) | Or(parts=parts):
            decisive = isinstance(expr, Or)
            found = [_certain(part, known, now_ms) for part in parts]
            if decisive in found:
                return decisive
            return None if None in found else not decisive
        case Not(part=part):
            inner = _certain(part, known, now_ms)
            return None if inner is None else not inner
        case _:
            return matches(expr, known, now_ms) if fields(expr) <= known.keys() else None


def _number(name: str, record: Mapping[str, Any], now_ms: int) -> int | None:
    if name == "age":
        at_ms = record.get("at")
        return None if at_ms is None else now_ms - at_ms
    return record.get(name)


def _values(name: str, record: Mapping[str, Any]) -> list[Any]:
    tags: Mapping[str, str] = record.get("tags") or {}
    if name == "tag":
        return [*tags, *tags.values()]
    value = tags.get(name[4:]) if name.startswith("tag.") else record.get(name)
    return [] if value is None else [value]


@lru_cache(maxsize=256)
def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, glob.split("*"))), re.DOTALL)
