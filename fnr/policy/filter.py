"""The filter language: one way to say which tasks or letters are meant, for CLI, TUI and replay.

    category:resource function:render-* attempts>2 message~"out of memory" -tag:drill

An expression becomes a tree of eight nodes (filter_tree.py). The store compiles that tree to SQL;
filter_match.py evaluates it on a mapping.

    field:value      equal; * stands for any run of characters; a,b is any of; quotes keep spaces
    field=value      equal, where * is only a star; != is its negation
    field>value      also < <= >=, on numbers, ages and moments
    field~regex      found anywhere in it, in either case
    word             the message contains it, in either case
    a b  a AND b  a OR b  NOT a  -a  (a b)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fnr.policy.filter_condition import Condition, FilterError, Value, find_field, negated
from fnr.policy.filter_fields import (
    ANY_FIELDS,
    ERROR_FIELDS,
    INCIDENT_FIELDS,
    LETTER_FIELDS,
    TASK_FIELDS,
    UNDO_FIELDS,
    Field,
)
from fnr.policy.filter_match import matches
from fnr.policy.filter_tree import (
    EVERYTHING,
    And,
    AnyOf,
    Compare,
    Expr,
    Like,
    Not,
    Or,
    Regex,
    Word,
)

__all__ = [
    "ANY_FIELDS",
    "ERROR_FIELDS",
    "EVERYTHING",
    "INCIDENT_FIELDS",
    "LETTER_FIELDS",
    "TASK_FIELDS",
    "UNDO_FIELDS",
    "And",
    "AnyOf",
    "Compare",
    "Expr",
    "FilterError",
    "Like",
    "Not",
    "Or",
    "Regex",
    "Word",
    "matches",
    "narrowed",
    "parse",
]

EXPRESSION_CHARS_MAX = 4_000
DEPTH_MAX = 50


def parse(text: str, *, fields: Mapping[str, Field] = ANY_FIELDS) -> Expr:
    """Read an expression; "" means everything. Raises FilterError.

    fields: what may be asked: TASK_FIELDS, ERROR_FIELDS, …; by default of tasks and letters.
    """
    if len(text) > EXPRESSION_CHARS_MAX:
        what = f"the filter has {len(text)} characters, {EXPRESSION_CHARS_MAX} at most"
        raise FilterError(what, column=EXPRESSION_CHARS_MAX + 1)
    reader = _Reader(text, fields)
    found = reader.alternatives(depth=0) if reader.peek() else EVERYTHING
    if reader.peek():
        raise reader.error("')' without '('")
    return found


def narrowed(text: str, further: str, *, fields: Mapping[str, Field]) -> str:
    """The filter, and what must hold besides.

    One with mistakes stays as it is, for whoever reads it with the same fields to refuse: of
    "a) OR (b" brackets around it would make a filter, and another one than was meant.
    """
    if not text.strip():
        return further
    try:
        parse(text, fields=fields)
    except FilterError:
        return text
    return f"({text}) {further}"


# ── words and brackets ───────────────────────────────────────────────────────

_SPACE = re.compile(r"\s*")
_KEYWORD = re.compile(r"(AND|OR|NOT)(?=[\s()]|$)")
# "not" is left: "not found" is looked for, "this or that" is not.
_SMALL_KEYWORD = re.compile(r"(and|or|And|Or)(?=[\s()]|$)")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TAG = re.compile(r"""\.[^\s()"'\\:=!<>~]+""")
_OPERATOR = re.compile(r"!=|<=|>=|[:=<>~]")
_BARE_WORD = re.compile(r"[^\s()]+")
_BARE_VALUE = re.compile(r"[^\s(),]+")
# A pattern may hold parentheses one inside the other, as long as each is closed.
_BARE_PATTERN = re.compile(r"(?:[^\s()]|\((?:[^\s()]|\([^\s()]*\))*\))+")
_QUOTED = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)*)\1""", re.DOTALL)
_ESCAPE = re.compile(r"""\\(["'\\])""")
_END_OF_TERM = re.compile(r"[\s()]|$")


class _Reader:
    """A place in the text, moved forward by recursive descent."""

    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self.text = text
        self.fields = fields
        self.at = 0

    def error(self, message: str) -> FilterError:
        return FilterError(message, column=self.at + 1)

    def peek(self) -> str:
        """The next character that is not a space; "" at the end."""
        self._take(_SPACE)
        return self.text[self.at : self.at + 1]

    def alternatives(self, *, depth: int) -> Expr:
        if depth > DEPTH_MAX:
            raise self.error(f"more than {DEPTH_MAX} parentheses deep")
        parts = [self._conjunction(depth)]
        while self._keyword("OR"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(_flat(Or, parts))

    def _conjunction(self, depth: int) -> Expr:
        parts = [self._factor(depth)]
        while self._keyword("AND") or (self.peek() not in {"", ")"} and not self._sees("OR")):
            parts.append(self._factor(depth))
        return parts[0] if len(parts) == 1 else And(_flat(And, parts))

    def _factor(self, depth: int) -> Expr:
        turned = False
        while self._keyword("NOT") or self._skip("-"):
            turned = not turned
        part = self._primary(depth)
        return negated(part) if turned else part

    def _primary(self, depth: int) -> Expr:
        self.peek()
        opened = FilterError("'(' without ')'", column=self.at + 1)
        if not self._skip("("):
            return self._term()
        found = self.alternatives(depth=depth + 1)
        if not self._skip(")"):
            raise opened
        return found

    def _term(self) -> Expr:
        if self.peek() in {"", ")"} or self._sees("AND") or self._sees("OR"):
            raise self.error("a condition is missing here")
        start = self.at
        name = self._field_name()
        operator = self._take(_OPERATOR) if name else ""
        if operator:
            found = Condition(
                field=find_field(name, self.fields, column=start + 1),
                name=name,
                operator=operator,
                column=start + 1,
                values=self._values(operator),
            ).meaning()
        else:
            self.at = start
            if self._take(_SMALL_KEYWORD):
                self.at = start
                word = name.upper()
                raise self.error(f"{name!r} as an operator is written {word}, as a word in quotes")
            if "message" not in self.fields:
                raise self.error(f"there is no message to search here; ask one of {self._names()}")
            found = Word(self._value(_BARE_WORD))
        if not _END_OF_TERM.match(self.text, self.at):
            raise self.error("something stands directly behind a closing quote")
        return found

    def _names(self) -> str:
        return ", ".join(sorted(self.fields))

    def _field_name(self) -> str:
        name = self._take(_FIELD)
        if name == "tag" and self.text.startswith(('."', ".'"), self.at):
            self.at += 1
            return f"{name}.{self._value(_BARE_VALUE)}"
        return name + self._take(_TAG)

    def _values(self, operator: str) -> tuple[Value, ...]:
        """What stands behind an operator: one value, or several between commas."""
        listed = operator in {":", "=", "!="}
        bare = _BARE_VALUE if listed else _BARE_PATTERN
        found = [self._written(bare)]
        while listed and self.text.startswith(",", self.at):
            self.at += 1
            found.append(self._written(bare))
        return tuple(found)

    def _written(self, bare: re.Pattern[str]) -> Value:
        column, quoted = self.at + 1, self.text.startswith(('"', "'"), self.at)
        return Value(column=column, text=self._value(bare), quoted=quoted)

    def _value(self, bare: re.Pattern[str]) -> str:
        quoted = _QUOTED.match(self.text, self.at)
        if quoted is None:
            if self.text.startswith(('"', "'"), self.at):
                raise self.error("a quote that is not closed")
            found = self._take(bare)
            if not found:
                raise self.error("a value is missing here")
            return found
        self.at = quoted.end()
        return _ESCAPE.sub(r"\1", quoted[2])

    def _keyword(self, word: str) -> bool:
        seen = self._sees(word)
        if seen:
            self.at += len(word)
        return seen

    def _sees(self, word: str) -> bool:
        self.peek()
        found = _KEYWORD.match(self.text, self.at)
        return found is not None and found[1] == word

    def _skip(self, character: str) -> bool:
        seen = self.peek() == character
        self.at += seen
        return seen

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]


def _flat(kind: type[And | Or], parts: list[Expr]) -> tuple[Expr, ...]:
    flat: list[Expr] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return tuple(flat)
