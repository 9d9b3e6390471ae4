"""What one condition of a filter means: a field, an operator and values become a node of the tree.

Everything a person can get wrong about a field or a value is refused here, with its column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from msgspec import Struct

from fnr.policy.filter_fields import (
    Field,
    Kind,
    read_duration_ms,
    read_moment_ms,
    read_number,
    read_signal,
)
from fnr.policy.filter_regex import finder
from fnr.policy.filter_tree import AnyOf, Compare, Expr, Like, Not, Or, Regex

ID_CHARS = 26
_WHOLE_INCIDENT = re.compile(r"\d+:[0-9a-f]{20}")

Read = TypeVar("Read")

_COMPARED: dict[Kind, Callable[[str], int]] = {
    Kind.NUMBER: read_number,
    Kind.SIGNAL: read_signal,
    Kind.AGE: read_duration_ms,
    Kind.MOMENT: read_moment_ms,
}
_EXAMPLES = {Kind.AGE: "age>2h", Kind.MOMENT: "at>=2026-01-31"}


class FilterError(ValueError):
    """Where an expression makes no sense, and what was probably meant.

    column: 1 for the first character. suggestion: the nearest known word, "" if none is near.
    """

    def __init__(self, message: str, *, column: int, suggestion: str = "") -> None:
        meant = f", did you mean '{suggestion}'?" if suggestion else ""
        super().__init__(f"column {column}: {message}{meant}")
        self.message = message
        self.column = column
        self.suggestion = suggestion


class Value(Struct, frozen=True, kw_only=True):
    """A value as written, quotes removed, and where it stands."""

    text: str
    column: int
    quoted: bool = False


class Condition(Struct, frozen=True, kw_only=True):
    """One condition as written; name is the field's, or "tag.NAME"."""

    field: Field
    name: str
    operator: str
    column: int
    values: tuple[Value, ...]

    def meaning(self) -> Expr:
        """The node that says it. Raises FilterError."""
        kind = self.field.kind
        if kind in {Kind.SINCE, Kind.UNTIL}:
            return self._window()
        if self.operator == "~":
            return self._regex()
        if self.operator in {"<", "<=", ">", ">="}:
            return self._compare()
        if kind in _EXAMPLES:
            raise self._refused(f"{self.name} needs < or >, as in {_EXAMPLES[kind]}")
        equal = self._equal()
        return negated(equal) if self.operator == "!=" else equal

    def _equal(self) -> Expr:
        found = [self._alternative(value) for value in self.values]
        literals = tuple(one for one in found if not isinstance(one, Like))
        globs = tuple(one for one in found if isinstance(one, Like))
        parts: tuple[Expr, ...] = (AnyOf(self.name, literals), *globs) if literals else globs
        return parts[0] if len(parts) == 1 else Or(parts)

    def _alternative(self, value: Value) -> str | int | Like:
        kind, text = self.field.kind, value.text
        if kind in _COMPARED:
            return self._read(_COMPARED[kind], value)
        if kind is Kind.ID:
            # ULIDs are upper case, and as everywhere the beginning of one is enough.
            text = text.upper() if len(text) >= ID_CHARS else f"{text.upper().rstrip('*')}*"
        elif kind is Kind.INCIDENT:
            text = text.lower()
            text = text if _WHOLE_INCIDENT.fullmatch(text) else f"{text.rstrip('*')}*"
        elif kind is Kind.CHOICE:
            text = text.lower()
        elif kind is Kind.TAG and not value.quoted:
            _refuse_pair(value)
        if "*" in text and (self.operator == ":" or kind in {Kind.ID, Kind.INCIDENT}):
            return Like(self.name, text)
        if kind is Kind.CHOICE and text not in self.field.choices:
            raise FilterError(
                f"{self.name} is one of {', '.join(self.field.choices)}",
                column=value.column,
                suggestion=_nearest(text, self.field.choices),
            )
        return text

    def _compare(self) -> Expr:
        read = _COMPARED.get(self.field.kind)
        if read is None:
            raise self._refused(f"{self.name} has no order: use : = != or ~")
        return Compare(self.name, self.operator, self._read(read, self.values[0]))

    def _regex(self) -> Expr:
        if self.field.kind in _COMPARED:
            raise self._refused(f"{self.name} is no text: use = != < <= > or >=")
        [value] = self.values
        self._read(finder, value)
        return Regex(self.name, value.text)

    def _window(self) -> Expr:
        if self.operator not in {":", "="} or len(self.values) != 1:
            raise self._refused(f"{self.name} takes one value, as in {self.name}:2h")
        since = self.field.kind is Kind.SINCE
        [value] = self.values
        try:
            return Compare("age", "<=" if since else ">=", read_duration_ms(value.text))
        except ValueError:
            at_ms = self._read(read_moment_ms, value)
            return Compare("at", ">=" if since else "<=", at_ms)

    def _read(self, read: Callable[[str], Read], value: Value) -> Read:
        try:
            return read(value.text)
        except ValueError as error:
            raise FilterError(f"{self.name}: {error}", column=value.column) from None

    def _refused(self, message: str) -> FilterError:
        return FilterError(message, column=self.column)


def find_field(name: str, fields: Mapping[str, Field], *, column: int) -> Field:
    """Look up a field as written, "tag.NAME" included. Raises FilterError."""
    if name.startswith("tag.") and "tag" in fields:
        return Field(name=name, kind=Kind.TEXT, help="one tag's value")
    if name in fields:
        return fields[name]
    suggestion = _nearest(name.lower(), fields)
    quote = "; put words with : = < > ~ in quotes to search the message"
    if suggestion or "message" not in fields:
        quote = ""
    raise FilterError(f"unknown field '{name}'{quote}", column=column, suggestion=suggestion)


def _refuse_pair(value: Value) -> None:
    """`--tag batch=7` gives a tag; asked like that it would be found nowhere, without a word."""
    name, equals, of_it = value.text.partition("=")
    if name and equals:
        raise FilterError(
            f"'{value.text}' is asked as tag.{name}:{of_it or '*'};"
            " a name or a value that holds = is put in quotes",
            column=value.column,
        )


def negated(part: Expr) -> Expr:
    """The opposite; two negations are none."""
    return part.part if isinstance(part, Not) else Not(part)


def _nearest(word: str, known: Mapping[str, Field] | tuple[str, ...]) -> str:
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.7)), "")
