"""Reads fnr's own command line, as typer built it, into plain values.

Man pages, completions and the tests of the documents all start from these. typer keeps its parser
private and changes it between releases, so that only attributes that 0.26 to 0.28 share are used.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer.main

from fnr.cli import argv
from fnr.cli.main import COMMANDS, app

# typer's names of types -> what stands behind a flag in the documents.
_METAVARS = {"int range": "N", "integer range": "N", "integer": "N", "int": "N", "float": "N"}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One option; a switch has no metavar. choices: the only values it takes, if there are few."""

    names: tuple[str, ...]
    metavar: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One positional argument."""

    metavar: str
    help: str = ""
    required: bool = True
    many: bool = False


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command or group of commands; path is ("dlq", "list"), () for fnr itself."""

    path: tuple[str, ...]
    summary: str
    text: str
    flags: tuple[Flag, ...] = ()
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()
    children: tuple[Command, ...] = ()

    @property
    def line(self) -> str:
        """How it is called: "fnr dlq list"."""
        return " ".join(("fnr", *self.path))

    def walk(self) -> Iterator[Command]:
        """Itself and everything below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_tree() -> Command:
    """The whole command line."""
    return _command(typer.main.get_command(app), ())


def global_flags() -> tuple[Flag, ...]:
    """The flags that every command takes, from the text that `fnr --help` prints of them."""
    found = []
    for line in argv.HELP.splitlines():
        if parts := re.fullmatch(r"  ((?:-\w, )?--[\w-]+)(?: ([A-Z]+))? {2,}(.+)", line):
            names = tuple(parts[1].split(", "))
            choices = argv.OUTPUTS if "--output" in names else ()
            text = re.sub(r" {2,}\[(\w+)\]$", r" (or in \1)", parts[3])
            found.append(Flag(names=names, metavar=parts[2] or "", help=text, choices=choices))
    return tuple(found)


def _command(node: Any, path: tuple[str, ...]) -> Command:
    context = node.context_class(node, info_name=path[-1] if path else "fnr")
    children = []
    if hasattr(node, "list_commands"):
        for name in node.list_commands(context):
            child = node.get_command(context, name)
            if not child.hidden:
                children.append(_command(child, (*path, name)))
    text = _plain(node.help)
    summary = COMMANDS[path[0]][1] if len(path) == 1 else text.partition("\n")[0]
    return Command(
        path=path,
        summary=summary.rstrip("."),
        text=text,
        flags=tuple(map(_flag, _shown(node, "option"))),
        arguments=tuple(map(_argument, _shown(node, "argument"))),
        examples=_examples(node.epilog),
        children=tuple(children),
    )


def _shown(node: Any, kind: str) -> list[Any]:
    return [
        param
        for param in node.params
        if param.param_type_name == kind and not getattr(param, "hidden", False)
    ]


def _flag(param: Any) -> Flag:
    switch = bool(getattr(param, "is_flag", False)) or bool(getattr(param, "count", False))
    choices = tuple(str(choice) for choice in getattr(param.type, "choices", ()))
    named = _METAVARS.get(param.type.name, param.type.name.upper())
    metavar = "" if switch else param.metavar or "|".join(choices) or named
    default = param.default
    shown = default is not None and not callable(default) and default not in (False, "", ())
    return Flag(
        names=tuple(
            sorted({*param.opts, *param.secondary_opts}, key=lambda name: (len(name), name))
        ),
        metavar=metavar,
        help=_plain(param.help),
        choices=choices,
        default=str(default) if shown and not switch else "",
    )


def _argument(param: Any) -> Argument:
    return Argument(
        metavar=(param.metavar or param.human_readable_name).strip("[]"),
        help=_plain(getattr(param, "help", "")),
        required=bool(param.required),
        many=param.nargs == -1,
    )


def _plain(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("\b\n", "").replace("\b", "").strip()


def _examples(epilog: str | None) -> tuple[str, ...]:
    lines = _plain(epilog).splitlines()
    if not lines or lines[0] != "Examples:":
        return ()
    return tuple(line.strip() for line in lines[1:] if line.strip())
