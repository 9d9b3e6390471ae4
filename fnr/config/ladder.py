"""Read [[functions.NAME.degrade]]: the smaller ways to do a task, in the order they are tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from fnr.config.keys import Key, Report, each, read_table, text, texts
from fnr.policy.degrade import BREAKER, EXHAUSTED, HALF, Rung
from fnr.policy.input_types import INPUT_TYPES, json_kind
from fnr.policy.rules import Category
from fnr.policy.toml_lines import KeyPath

RUNGS_MAX = 20
WHEN = (Category.RESOURCE.value, Category.TRANSIENT.value, Category.UNKNOWN.value, EXHAUSTED)
_NUMBERS = frozenset({"int", "float"})
_BREAKER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _when(value: object) -> tuple[str, ...]:
    found = texts(value)
    if not found:
        raise ValueError("must name at least one reason")
    return each(found, _reason)


def _reason(word: str) -> str:
    breaker = word.startswith(BREAKER) and _BREAKER_NAME.fullmatch(word.removeprefix(BREAKER))
    if word not in WHEN and not breaker:
        raise ValueError(f"{word!r} is not one of {', '.join(WHEN)} or breaker:NAME")
    return word


def _set(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table: { batch_size = 1 }")
    return value


DEGRADE_KEYS = {
    "when": Key("when", _when, list),
    "set": Key("set", _set),
    "function": Key("function", text),
}


def read_ladder(
    report: Report, path: KeyPath, rungs: object, declared: Mapping[str, str]
) -> tuple[Rung, ...]:
    """The ladder, as far as it can be read; problems are in the report."""
    if not isinstance(rungs, list) or len(rungs) > RUNGS_MAX:
        report.problem(path, f"must be up to {RUNGS_MAX} tables: [[{'.'.join(path)}]]")
        return ()
    found = []
    for number, table in enumerate(rungs):
        here = (*path, str(number))
        fields = read_table(report, here, table, DEGRADE_KEYS)
        if "when" not in fields:
            if not (isinstance(table, dict) and "when" in table):
                report.problem(here, 'needs when = ["resource"]: what makes it take this step')
            fields["when"] = ()
        if not fields.get("set") and not fields.get("function"):
            report.problem(here, "changes nothing: say set = { … } or function = ")
        for name, value in fields.get("set", {}).items():
            if problem := _set_problem(name, value, declared):
                report.problem((*here, "set"), problem)
        found.append(Rung(**fields, numbers=_numbers(fields.get("set", {}), declared)))
    return tuple(found)


def _numbers(values: Mapping[str, Any], declared: Mapping[str, str]) -> tuple[str, ...]:
    """Which of these are declared as numbers and are to be halved."""
    halved = (name for name, value in values.items() if value == HALF)
    return tuple(n for n in halved if str(declared.get(n, "")).removesuffix("?") in _NUMBERS)


def _set_problem(name: str, value: Any, declared: Mapping[str, str]) -> str | None:
    if not declared:
        return None
    if name not in declared:
        return f"{name} is not among the declared input"
    kind = str(declared[name]).removesuffix("?")
    if kind not in INPUT_TYPES:  # reported where it is declared
        return None
    if value == HALF and kind in _NUMBERS:
        return None
    if INPUT_TYPES[kind](value):
        return None
    return f"{name} takes {kind}, got {json_kind(value)}"


def check_ladders(
    report: Report,
    ladders: Mapping[str, tuple[Rung, ...]],
    *,
    known: Callable[[str], bool],
    breakers: Collection[str] | None,
) -> None:
    """Report rungs that hand over to a function that is not there, or to the same one, and rungs
    whose breaker there cannot be; breakers: all that there can be, None for any."""
    for name, rungs in ladders.items():
        for number, rung in enumerate(rungs):
            path = ("functions", name, "degrade", str(number))
            if rung.function == name:
                report.problem((*path, "function"), "is the function itself; leave it out")
            elif rung.function and not known(rung.function):
                report.problem((*path, "function"), f"there is no function {rung.function!r}")
            for word in rung.when:
                if problem := _breaker_problem(word, breakers):
                    report.problem((*path, "when"), problem)


def _breaker_problem(word: str, breakers: Collection[str] | None) -> str | None:
    service = word.removeprefix(BREAKER)
    if breakers is None or service == word or service in breakers:
        return None
    near = get_close_matches(service, sorted(breakers), n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return (
        f"{word!r} can never hold: no function has {service!r} among its services, and there is no"
        f" [breakers.{service}]{meant}"
    )
