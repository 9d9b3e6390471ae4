"""A filter as a tree of eight frozen nodes; each prints as text that parses to an equal tree.

An absent value is equal to nothing, greater than nothing and contains nothing, so every leaf is
plainly true or false: without an exit code `exit:0` is false and `-exit:0` is true.
"""

from __future__ import annotations

import re

from msgspec import Struct

from fnr.policy.filter_fields import show_duration, show_moment


class And(Struct, frozen=True):
    """All parts hold. No parts at all is the empty filter, which everything passes."""

    parts: tuple[Expr, ...]

    def __str__(self) -> str:
        return " ".join(map(_operand, self.parts))


class Or(Struct, frozen=True):
    """At least one part holds."""

    parts: tuple[Expr, ...]

    def __str__(self) -> str:
        return " OR ".join(map(_operand, self.parts))


class Not(Struct, frozen=True):
    """The part does not hold."""

    part: Expr

    def __str__(self) -> str:
        return f"-{_operand(self.part)}"


class AnyOf(Struct, frozen=True):
    """The field equals one of the values: int for NUMBER and SIGNAL fields, otherwise text.

    field: a key of the fields table, or "tag.NAME". The field "tag" has many values: the name and
           the value of every tag.
    """

    field: str
    values: tuple[str | int, ...]

    def __str__(self) -> str:
        # After "=" a star is only a star.
        operator = "=" if any("*" in str(value) for value in self.values) else ":"
        shown = ",".join(_quoted(str(value)) for value in self.values)
        return f"{_field_text(self.field)}{operator}{shown}"


class Like(Struct, frozen=True):
    """The whole text fits the glob: * is any run of characters, everything else is itself."""

    field: str
    glob: str

    def __str__(self) -> str:
        return f"{_field_text(self.field)}:{_quoted(self.glob)}"


class Regex(Struct, frozen=True):
    """The pattern is found somewhere in the text; filter_regex.py says how it is read."""

    field: str
    pattern: str

    def __str__(self) -> str:
        return f"{_field_text(self.field)}~{_quoted(self.pattern)}"


class Compare(Struct, frozen=True):
    """The field compares so: operator is <, <=, > or >=; value in ms for age, Unix ms for at.

    since:2h is kept as age<=2h, since:2026-01-31 as at>=2026-01-31; until is their mirror image.
    """

    field: str
    operator: str
    value: int

    def __str__(self) -> str:
        shown = {"age": show_duration, "at": show_moment}.get(self.field, str)(self.value)
        return f"{self.field}{self.operator}{shown}"


class Word(Struct, frozen=True):
    """The message contains the text; ASCII letters match in either case, as in SQL's LIKE."""

    text: str

    def __str__(self) -> str:
        return self.text if _SAFE_WORD.fullmatch(self.text) else _quoted(self.text, always=True)


Expr = And | Or | Not | AnyOf | Like | Regex | Compare | Word

EVERYTHING = And(())

_SAFE_VALUE = re.compile(r"""[^\s()"',\\=]+""")
_SAFE_WORD = re.compile(r"""(?!(?:AND|OR|NOT|[Aa]nd|[Oo]r)$)[^\s()"'\\:=!<>~-][^\s()"'\\:=!<>~]*""")
_SAFE_TAG = re.compile(r"""[^\s()"'\\:=!<>~]+""")


def fields(expr: Expr) -> frozenset[str]:
    """Every field a filter asks about."""
    match expr:
        case And(parts=parts) | Or(parts=parts):
            return frozenset().union(*map(fields, parts))
        case Not(part=part):
            return fields(part)
        case Word():
            return frozenset({"message"})
        case AnyOf(field=name) | Like(field=name) | Regex(field=name) | Compare(field=name):
            return frozenset({name})


def _operand(expr: Expr) -> str:
    return f"({expr})" if isinstance(expr, And | Or) else str(expr)


def _field_text(field: str) -> str:
    name, dot, tag = field.partition(".")
    if not dot or _SAFE_TAG.fullmatch(tag):
        return field
    return f"{name}.{_quoted(tag, always=True)}"


def _quoted(text: str, *, always: bool = False) -> str:
    if not always and _SAFE_VALUE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
