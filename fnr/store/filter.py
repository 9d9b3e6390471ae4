"""Compile a filter to what the store can do with it: kinds to look at, SQL, and a rest in Python.

A condition on what the tally counts by (function, state, …) picks the kinds whose indexes are
read. Of the others, SQL decides what it can with parameters; regular expressions and globs with
a star inside are left to filter_match. Column names come from the closed sets in columns.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from fnr.policy.filter import And, AnyOf, Compare, Expr, Like, Not, Or, Regex, Word
from fnr.policy.filter_tree import fields
from fnr.store.ids import id_at
from fnr.store.rows import json_text

# SQLite parses and carries out no expression that is nested deeper than it has room for, and a
# chain of ANDs or ORs is nested. What is over is left to filter_match.
TERMS_MAX = 500
DEPTH_MAX = 20
# An id is made moments before its task gets its time.
_ID_SLACK_MS = 60_000

# How often one tag is looked for, at most: at each place where it may stand.
_TAG_NEEDLES = 4

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Sql(Struct, frozen=True):
    """A condition that is never NULL, with its parameters in order."""

    text: str
    params: tuple[Any, ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """A filter, divided by who decides.

    kinds:  conditions on a kind alone. sql: on a row. rest: what only Python can decide.
    bounds: what follows for the list's order, so that the index starts and stops there.
    """

    kinds: tuple[Expr, ...] = ()
    bounds: tuple[Sql, ...] = ()
    sql: tuple[Sql, ...] = ()
    rest: tuple[Expr, ...] = ()


def plan(
    expr: Expr, *, columns: Mapping[str, str], kind_fields: frozenset[str], order: str, now_ms: int
) -> Plan:
    """Divide a filter.

    columns: field → SQL column. kind_fields: what the tally counts by. order: the field that
    leads the list's order ("id" or "at").
    """
    kinds: list[Expr] = []
    bounds: list[Sql] = []
    sql: list[Sql] = []
    rest: list[Expr] = []
    room = TERMS_MAX
    for part in expr.parts if isinstance(expr, And) else (expr,):
        used = fields(part)
        if used and used <= kind_fields:
            kinds.append(part)
            continue
        if (bound := _bound(part, columns, order, now_ms)) is not None:
            bounds.append(bound)
        terms, depth = _size(part)
        fits = terms <= room and depth <= DEPTH_MAX
        if fits and (condition := compiled(part, columns, now_ms)) is not None:
            sql.append(condition)
            room -= terms
        else:
            rest.append(part)
    return Plan(kinds=tuple(kinds), bounds=tuple(bounds), sql=tuple(sql), rest=tuple(rest))


def _size(expr: Expr) -> tuple[int, int]:
    """How many terms an expression has in SQL, and how deep they are nested."""
    match expr:
        case And(parts=parts) | Or(parts=parts):
            sizes = [_size(part) for part in parts]
            return sum(terms for terms, _ in sizes), 1 + max((deep for _, deep in sizes), default=0)
        case Not(part=part):
            terms, depth = _size(part)
            return terms, depth + 1
        case AnyOf(field=name, values=values) if name == "tag" or name.startswith("tag."):
            return len(values) * _TAG_NEEDLES, 1
        case _:
            return 1, 1


def compiled(expr: Expr, columns: Mapping[str, str], now_ms: int) -> Sql | None:
    """A filter as SQL; None when a part of it needs Python."""
    match expr:
        case And(parts=parts):
            return _joined(" AND ", "TRUE", parts, columns, now_ms)
        case Or(parts=parts):
            return _joined(" OR ", "FALSE", parts, columns, now_ms)
        case Not(part=part):
            inner = compiled(part, columns, now_ms)
            return None if inner is None else Sql(f"NOT {inner.text}", inner.params)
        case Word(text=text):
            contains = f"lower(coalesce({columns['message']}, '')) LIKE ? ESCAPE '\\'"
            return Sql(f"({contains})", (f"%{_escaped(text.translate(_ASCII_LOWER))}%",))
        case Compare():
            column, operator, value = _comparison(expr, columns, now_ms)
            return Sql(f"coalesce({column} {operator} ?, FALSE)", (value,))
        case AnyOf(field=name, values=values):
            return _any_of(name, values, columns)
        case Like(field=name, glob=glob):
            return _prefix(name, glob, columns)
        case Regex():
            return None


def _joined(
    word: str, empty: str, parts: tuple[Expr, ...], columns: Mapping[str, str], now_ms: int
) -> Sql | None:
    found = [compiled(part, columns, now_ms) for part in parts]
    if any(part is None for part in found):
        return None
    known = [part for part in found if part is not None]
    text = word.join(part.text for part in known) or empty
    return Sql(f"({text})", tuple(value for part in known for value in part.params))


def _bound(expr: Expr, columns: Mapping[str, str], order: str, now_ms: int) -> Sql | None:
    """A condition on the leading column of the order, as its index understands it."""
    match expr:
        case Compare(field="at" | "age") if order == "at":
            column, operator, value = _comparison(expr, columns, now_ms)
            return Sql(f"{column} {operator} ?", (value,))
        # Of a list of letters neither is a column of its own.
        case AnyOf(field="incident" | "task" as name, values=values) if (
            order == "id" and len(values) == 1
        ):
            return Sql(f"{columns[name]} = ?", values)
        case AnyOf(field="id", values=values) if order == "id" and len(values) == 1:
            return Sql(f"{columns['id']} = ?", values)
        case Like(field="id", glob=glob) if order == "id" and glob.find("*") == len(glob) - 1:
            start = glob[:-1]
            # "~" sorts behind everything that an id can hold.
            return Sql(f"{columns['id']} >= ? AND {columns['id']} < ?", (start, f"{start}~"))
        case Compare(field="at" | "age") if order == "id":
            _, operator, at_ms = _comparison(expr, columns, now_ms)
            if operator in {">", ">="}:
                return Sql(f"{columns['id']} >= ?", (id_at(at_ms - _ID_SLACK_MS),))
            return None
        case _:
            return None


def _comparison(expr: Compare, columns: Mapping[str, str], now_ms: int) -> tuple[str, str, int]:
    if expr.field == "age":
        return columns["at"], _MIRRORED[expr.operator], now_ms - expr.value
    return columns[expr.field], expr.operator, expr.value


def _any_of(name: str, values: tuple[str | int, ...], columns: Mapping[str, str]) -> Sql:
    if name == "tag" or name.startswith("tag."):
        found = [_tag(name, str(value), columns["tags"]) for value in values]
        return Sql(
            "(" + " OR ".join(part.text for part in found) + ")",
            tuple(value for part in found for value in part.params),
        )
    places = ", ".join("?" * len(values))
    return Sql(f"coalesce({columns[name]} IN ({places}), FALSE)", values)


def _tag(name: str, value: str, column: str) -> Sql:
    """Look for a tag in the text of its column: quotes inside strings are escaped there, so a
    bare quote before or behind is always one of JSON's own."""
    text = json_text(value)
    if name == "tag":
        needles: tuple[str, ...] = (f"{{{text}:", f",{text}:", f":{text},", f":{text}}}")
    else:
        pair = f"{json_text(name[4:])}:{text}"
        needles = (f"{{{pair}", f",{pair}")
    holds = " OR ".join(f"replace({column}, ?, '') <> {column}" for _ in needles)
    return Sql(f"({holds})", needles)


def _prefix(name: str, glob: str, columns: Mapping[str, str]) -> Sql | None:
    if glob.find("*") != len(glob) - 1 or name == "tag" or name.startswith("tag."):
        return None
    start = glob[:-1]
    column = columns[name]
    return Sql(f"coalesce(substr({column}, 1, ?) = ?, FALSE)", (len(start), start))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
