"""Fill the input into a command: {name} becomes its value, inside one argument and never more.

There is no shell and no splitting, so a value with spaces, quotes or newlines stays one argument
or a part of one. `{{` and `}}` stand for the braces themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

_PIECES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}|[{}]")


class TemplateError(ValueError):
    """A template in fnr.toml makes no sense."""


class InputError(ValueError):
    """The input does not fill the templates."""


class Template(Struct, frozen=True):
    """Literal text and names in turns: text, name, text, name, …, text."""

    pieces: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders, in order."""
        return self.pieces[1::2]

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text with every name replaced by its value; raises KeyError with the missing name."""
        if len(self.pieces) == 1:
            return self.pieces[0]
        return "".join(
            value_text(values[piece]) if index % 2 else piece
            for index, piece in enumerate(self.pieces)
        )


def parse(text: str) -> Template:
    """A template; raises TemplateError on a brace that is neither doubled nor around a name."""
    pieces, literal, end = [], "", 0
    for found in _PIECES.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found[1] is not None:
            pieces += [literal, found[1]]
            literal = ""
        elif len(found[0]) == 2:
            literal += found[0][0]
        else:
            raise TemplateError(
                f"{text!r}: {found[0]!r} at {found.start() + 1} is not part of a {{name}};"
                " write {{ and }} for braces"
            )
    return Template((*pieces, literal + text[end:]))


def fill_all(templates: Sequence[Template], values: Mapping[str, Any]) -> list[str]:
    """One argument for each template; raises InputError naming what is missing or impossible."""
    arguments = [fill(template, values, among=templates) for template in templates]
    for index, argument in enumerate(arguments):
        if "\0" in argument:
            names = ", ".join(templates[index].names) or "the command itself"
            raise InputError(f"argument {index} ({names}) holds a NUL byte; no program can take it")
    return arguments


def fill(template: Template, values: Mapping[str, Any], *, among: Iterable[Template] = ()) -> str:
    """One template; among: all that are filled from this input, for the message."""
    try:
        return template.fill(values)
    except KeyError as missing:
        needed = sorted({name for one in (template, *among) for name in one.names})
        raise InputError(
            f"missing input {missing.args[0]!r}; the command needs {', '.join(needed)}"
        ) from None


def value_text(value: Any) -> str:
    """A value as a program reads it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
