"""`fnr rules add`: one rule from the command line, checked with all others before it is kept."""

from __future__ import annotations

from signal import Signals
from typing import Annotated, Any

import typer

from fnr.api.errors import Refused, UsageError
from fnr.cli.here import here
from fnr.cli.options import DryRun
from fnr.cli.render import show_one
from fnr.cli.rule_drop_ins import (
    ADDED,
    Beside,
    drop_in,
    only_writer,
    put,
    refuse_problems,
    take_effect,
    text_of,
    warn,
)
from fnr.config.rule_files import shipped_rules
from fnr.policy.rule_file import ParsedRules
from fnr.policy.rule_text import HEADER, rule_text
from fnr.policy.rules import Category

_NAMED = [category.value for category in Category if category is not Category.UNKNOWN]
Some = list[str] | None


def _repeated(flag: str, metavar: str, words: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=f"{words}; may be repeated.")


def add(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the rule; FILE/NAME puts it into FILE.toml.")
    ],
    category: Annotated[
        str, typer.Option("--category", metavar="CATEGORY", help=", ".join(_NAMED) + ".")
    ],
    text: Annotated[Some, _repeated("--text", "RE2", "Words in message or last output")] = None,
    exception: Annotated[Some, _repeated("--exception", "TYPE", "Type, * is anything")] = None,
    code: Annotated[Some, _repeated("--code", "FAMILY:VALUE", "http:503, errno:ENOSPC")] = None,
    exit_code: Annotated[
        int | None, typer.Option("--exit", metavar="N", min=0, max=255, help="Exit status.")
    ] = None,
    signal: Annotated[
        str | None, typer.Option("--signal", metavar="SIGNAL", help="What ended it: SIGKILL, 9.")
    ] = None,
    hint: Annotated[str, typer.Option("--hint", metavar="TEXT", help="What to do then.")] = "",
    max_retries: Annotated[
        int | None, typer.Option("--max-retries", metavar="N", min=0, help="For such failures.")
    ] = None,
    test: Annotated[Some, _repeated("--test", "MESSAGE", "A message that it must decide")] = None,
    dry_run: DryRun = False,
) -> None:
    """Add a rule to rules.d; all conditions that are given must hold.

    The whole rule set is checked first, the tests with it: a rule that some other would overrule,
    or that could never decide, is rejected. A running daemon takes it over at once.
    """
    if category not in _NAMED:
        raise UsageError(
            f"there is no category {category!r} for a rule",
            why=f"it is one of {', '.join(_NAMED)}",
            next_step="fnr rules add --help",
        )
    conditions: dict[str, Any] = {
        "exception": exception,
        "code": code,
        "exit": None if exit_code is None else [exit_code],
        "signal": None if signal is None else [_signal_name(signal)],
        "text": text,
    }
    asked = {key: value for key, value in conditions.items() if value}
    if not asked:
        raise UsageError(
            "a rule needs a condition",
            why="without one it would name every failure",
            next_step=f"fnr rules add {name} --category {category} --text 'connection refused'",
        )
    file_name, slash, short = name.rpartition("/")
    fields = {"name": short, "category": category, **asked}
    fields |= {"max_retries": max_retries} if max_retries is not None else {}
    fields |= {"hint": hint} if hint else {}
    _keep(file_name if slash else ADDED, short, rule_text(fields, test or []), dry_run=dry_run)
    if not test:
        here().hint(
            f"--test MESSAGE lets `{here().command} rules check` see that it decides what you mean"
        )


def _keep(file_name: str, short: str, rule: str, *, dry_run: bool) -> None:
    file = drop_in(file_name)
    full = f"{file.stem}/{short}"
    with only_writer():
        before = text_of(file) or HEADER.format(why="Written by `fnr rules add`")
        text = f"{before.rstrip()}\n\n{rule}"
        beside = Beside(file)
        if _is_taken(full, beside.parsed(before)):
            raise Refused(
                f"there is a rule {full} already",
                next_step=f"{here().command} rules edit {file.stem}",
            )
        loaded = beside.rules(text)
        refuse_problems(file, loaded.problems, before=lambda: beside.rules(before))
        if not dry_run:
            put(file, text)
    answer = {"rule": full, "file": str(file), "written": not dry_run, "toml": rule}
    show_one("fnr.rules.add/1", answer, lambda: rule, name=full)
    warn(loaded, of=file)
    if dry_run:
        here().notice(f"good: would be added to {file}; nothing was written")
        return
    here().notice(f"added to {file}")
    take_effect()


def _is_taken(name: str, own: ParsedRules) -> bool:
    """By another rule of that file, or by a shipped one, which would yield unasked."""
    shipped = shipped_rules().named
    return any(one.name == name for one in own.rules) or any(one == name for one, _ in shipped)


def _signal_name(written: str) -> str:
    if written.isdecimal() and int(written) in set(Signals):
        return Signals(int(written)).name
    name = written.upper()
    return name if name.startswith("SIG") else f"SIG{name}"
