"""`fnr rules enable` and `disable`: rules switched off in a drop-in of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.api.errors import NotFound, Refused
from fnr.api.question import Changed
from fnr.cli.changes import show_changed
from fnr.cli.here import here
from fnr.cli.options import DryRun
from fnr.cli.rule_drop_ins import (
    Beside,
    drop_in,
    only_writer,
    put,
    refuse_problems,
    several_rules,
    take_effect,
    text_of,
)
from fnr.config.rule_files import SWITCHES, shipped_rules
from fnr.policy.rule_file import ParsedRules, nearest
from fnr.policy.rule_text import switched

Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME…", help="PACK/NAME, or NAME where only one is called so."),
]


def enable(names: Names, dry_run: DryRun = False) -> None:
    """Switch rules on again that `fnr rules disable` switched off."""
    _switch(names, on=True, dry_run=dry_run)


def disable(names: Names, dry_run: DryRun = False) -> None:
    """Switch rules off, shipped ones too; kept in rules.d, so an upgrade does not undo it."""
    _switch(names, on=False, dry_run=dry_run)


def _switch(names: list[str], *, on: bool, dry_run: bool) -> None:
    file = drop_in(SWITCHES)
    changed = Changed()
    with only_writer():
        before = text_of(file)
        beside = Beside(file)
        own = beside.parsed(before)
        refuse_problems(file, own.problems)
        off = [name for name, _ in own.disabled]
        elsewhere = dict(pair for one in reversed(beside.others) for pair in one.disabled)
        known = _known(beside, own)
        for name in dict.fromkeys(_full_name(name, known) for name in names):
            why_not = _why_not(name, off, elsewhere, on=on)
            if why_not is not None:
                changed.unchanged[name] = why_not
            else:
                changed.changed.append(name)
        if changed.changed:
            text = _switched(beside, before, changed.changed, on=on)
            problems = beside.rules(text).problems
            refuse_problems(file, problems, before=lambda: beside.rules(before))
            if not dry_run:
                put(file, text)
    if changed.changed and not dry_run:
        take_effect()
    state = "enabled" if on else "disabled"
    show_changed(changed, done=f"would be {state}" if dry_run else state)


def _switched(beside: Beside, before: str, names: list[str], *, on: bool) -> str:
    """The file afterwards: what people have written there beside, rules and notes, stays."""
    old = beside.parsed(before)
    wanted = {name for name, _ in old.disabled}
    wanted = wanted.difference(names) if on else wanted.union(names)
    text = switched(before, off=() if on else sorted(names), on=names if on else ())
    new = beside.parsed(text)
    same = [rule.name for rule in new.rules] == [rule.name for rule in old.rules]
    if new.problems or not same or {name for name, _ in new.disabled} != wanted:
        raise Refused(
            f"{SWITCHES}.toml is written in a way that this command cannot change",
            next_step=f"{here().command} rules edit {SWITCHES}",
        )
    return text


def _known(beside: Beside, own: ParsedRules) -> list[str]:
    """Names of all rules, and of those that were switched off and are no more."""
    rules = (rule.name for one in (*beside.others, own) for rule in one.rules)
    shipped = (name for name, _ in shipped_rules().named)
    return [*dict.fromkeys([*rules, *shipped, *(name for name, _ in own.disabled)])]


def _full_name(written: str, known: list[str]) -> str:
    """The one rule that is called so; NotFound names the nearest."""
    if written in known:
        return written
    fits = [name for name in known if name.rpartition("/")[2] == written]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise several_rules(written, sorted(fits))
    near = nearest(written, tuple(known)).partition(", ")[2]
    raise NotFound(
        f"there is no rule {written!r}", why=near, next_step=f"{here().command} rules list"
    )


def _why_not(name: str, off: list[str], elsewhere: dict[str, str], *, on: bool) -> str | None:
    if not on:
        return "it is disabled already" if name in elsewhere or name in off else None
    if name in off:
        return None
    where = elsewhere.get(name)
    return f"it is disabled in {where}: edit that" if where else "it is not disabled"
