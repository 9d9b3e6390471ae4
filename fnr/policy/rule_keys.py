"""The keys of a rule file: which field each becomes, and how its value is read.

A reader raises ValueError with words that follow the key's name: "must be …".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from signal import Signals
from typing import Any, TypeVar

from msgspec import Struct

from fnr.policy.code_check import code_problem
from fnr.policy.evidence import KilledBy, Phase
from fnr.policy.filter_fields import read_duration_ms
from fnr.policy.patterns import BadPatternError, check_pattern
from fnr.policy.rules import Category, Conditions, Level, Severity, Strategy, WaitFor

VALUES_MAX = 500
TEXT_CHARS_MAX = 2_000
EXAMPLE_CHARS_MAX = 20_000
PRIORITY_MAX = 100
RETRIES_MAX = 1_000

Kind = TypeVar("Kind", bound=StrEnum)


class RuleKey(Struct, frozen=True):
    """A key: the field it becomes, and its reader."""

    field: str
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text in quotes, got {_shown(value)}")
    if len(value) > TEXT_CHARS_MAX:
        raise ValueError(f"has {len(value)} characters; at most {TEXT_CHARS_MAX}")
    return value


def _example(value: Any) -> str:
    if not isinstance(value, str) or len(value) > EXAMPLE_CHARS_MAX:
        raise ValueError(f"must be text of at most {EXAMPLE_CHARS_MAX} characters")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {_shown(value)}")
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'must be a table like {{ source = "a.mp4" }}, got {_shown(value)}')
    return value


def _number(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, got {_shown(value)}")
        return value

    return read


def _one_of(kind: type[Kind], *, but: Iterable[str] = ()) -> Callable[[Any], Kind]:
    names = [one.value for one in kind if one.value not in but]

    def read(value: Any) -> Kind:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}, got {_shown(value)}")
        return kind(value)

    return read


def _many(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """One value, or a list of them; says of each what is wrong with it."""

    def read_all(value: Any) -> tuple[Any, ...]:
        values = value if isinstance(value, list) else [value]
        if not values:
            raise ValueError("must not be empty")
        if len(values) > VALUES_MAX:
            raise ValueError(f"has {len(values)} values; at most {VALUES_MAX}")
        read_so_far: dict[Any, None] = {}
        wrong: list[str] = []
        for one in values:
            try:
                read_so_far[read(one)] = None
            except ValueError as error:
                wrong += error.args
        if wrong:
            raise ValueError(*wrong)
        return tuple(read_so_far)

    return read_all


def _known(names: Iterable[str]) -> Callable[[Any], str]:
    known = frozenset(names)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"must be one of {', '.join(sorted(known))}, got {_shown(value)}")
        return str(value)

    return read


def _duration(value: Any) -> int:
    try:
        return read_duration_ms(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f'must be a time like "5s" or "2m", got {_shown(value)}') from None


_CODE = re.compile(r"[a-z_]{2,20}:(?:[^\s*]{1,100}\*?|\*)")


def _code(value: Any) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise ValueError(f'must look like "http:503", got {_shown(value)}')
    if problem := code_problem(value):
        raise ValueError(problem)
    return value


def _name(value: Any) -> str:
    """A name in which * is anything; nothing but stars would say nothing."""
    if not isinstance(value, str) or not value or len(value) > TEXT_CHARS_MAX:
        raise ValueError(f"must be a name, got {_shown(value)}")
    return value


def _signal(value: Any) -> str:
    # Not `in`: a list within a list has no hash.
    number = isinstance(value, int) and not isinstance(value, bool)
    name = next((one.name for one in Signals if number and one.value == value), value)
    if not isinstance(name, str) or name not in Signals.__members__:
        raise ValueError(f'must be the name of a signal like "SIGKILL", got {_shown(value)}')
    return name


def _expression(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text in quotes, got {_shown(value)}")
    try:
        check_pattern(value)
    except BadPatternError as error:
        raise ValueError(f"{_shown(value)}: {error}") from None
    return value


_RULE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


def _rule_name(value: Any) -> str:
    if not isinstance(value, str) or not _RULE_NAME.fullmatch(value):
        raise ValueError(f"must be a name of a-z, 0-9 and -, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"


_KILLERS = [*(one.value for one in KilledBy), "oom"]
_PHASES = [one.value for one in Phase]

CONDITION_KEYS: dict[str, RuleKey] = {
    "killed_by": RuleKey("killed_by", _many(_known(_KILLERS))),
    "oom_killed": RuleKey("oom_killed", _flag),
    "stop_proven": RuleKey("stop_proven", _flag),
    "code": RuleKey("codes", _many(_code)),
    "exit": RuleKey("exits", _many(_number(0, 255))),
    "signal": RuleKey("signals", _many(_signal)),
    "exception": RuleKey("exceptions", _many(_name)),
    "function": RuleKey("functions", _many(_name)),
    "service": RuleKey("services", _many(_name)),
    "phase": RuleKey("phases", _many(_known(_PHASES))),
    "names_input": RuleKey("names_input", _many(_name)),
    "text": RuleKey("text", _many(_expression)),
    "all_text": RuleKey("all_text", _many(_expression)),
}
RULE_KEYS: dict[str, RuleKey] = {
    "name": RuleKey("name", _rule_name),
    "category": RuleKey("category", _one_of(Category)),
    **CONDITION_KEYS,
    "level": RuleKey("level", _one_of(Level, but=("model", "nothing"))),
    "priority": RuleKey("priority", _number(-PRIORITY_MAX, PRIORITY_MAX)),
    "strategy": RuleKey("strategy", _one_of(Strategy)),
    "max_retries": RuleKey("max_retries", _number(0, RETRIES_MAX)),
    "wait_for": RuleKey("wait_for", _one_of(WaitFor)),
    "delay": RuleKey("delay_ms", _duration),
    "wait": RuleKey("wait_ms", _duration),
    "severity": RuleKey("severity", _one_of(Severity)),
    "trip": RuleKey("trip", _flag),
    "recycle_worker": RuleKey("recycle_worker", _flag),
    "hint": RuleKey("hint", _text),
    "runbook": RuleKey("runbook", _text),
    "fingerprint": RuleKey("fingerprint", _text),
}
TEST_KEYS: dict[str, RuleKey] = {
    "message": RuleKey("message", _example),
    "exception": RuleKey("exception", _text),
    "exit": RuleKey("exit", _number(-255, 255)),
    "signal": RuleKey("signal", _signal),
    "http": RuleKey("http", _number(100, 599)),
    "code": RuleKey("codes", _many(_code)),
    "stderr": RuleKey("stderr", _example),
    "traceback": RuleKey("traceback", _example),
    "killed_by": RuleKey("killed_by", _known(_KILLERS)),
    "oom_killed": RuleKey("oom_killed", _flag),
    "stop_proven": RuleKey("stop_proven", _flag),
    "phase": RuleKey("phase", _known(_PHASES)),
    "function": RuleKey("function", _text),
    "service": RuleKey("service", _text),
    "input": RuleKey("input", _table),
    "matches": RuleKey("matches", _flag),
}
# Patterns of shipped packs are compiled by their tests; at run time only those that are needed.
TRUSTED: dict[str, RuleKey] = {
    "text": RuleKey("text", _many(str)),
    "all_text": RuleKey("all_text", _many(str)),
}


def own_level(conditions: Conditions) -> Level:
    """The authority of the strongest evidence that the conditions ask for."""
    asked = conditions
    if asked.killed_by or asked.oom_killed is not None or asked.stop_proven is not None:
        return Level.LEDGER
    if asked.codes or asked.exits or asked.signals:
        return Level.CODE
    return Level.EXCEPTION if asked.exceptions or asked.names_input else Level.TEXT
