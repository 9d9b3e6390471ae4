"""A rule: a condition on evidence, the category it names and the strategy that follows.

The built-in rules live in builtin_rules.py as data; operator files join them later through the
same type.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Category(StrEnum):
    """What the failure means for the operator."""

    TRANSIENT = "transient"  # the same attempt, unchanged, is likely to pass soon
    RESOURCE = "resource"  # something is used up now and passes when freed
    VALIDATION = "validation"  # this task's input is wrong; only the submitter can fix it
    PERMANENT = "permanent"  # the deployment is wrong; an administrator must act
    UNKNOWN = "unknown"  # no evidence decides


class Strategy(StrEnum):
    """What to do next."""

    RETRY_WITH_BACKOFF = "retry_with_backoff"
    QUEUE_AND_WAIT = "queue_and_wait"
    FAIL_FAST = "fail_fast"
    DEAD_LETTER = "dead_letter"
    RETRY_ONCE = "retry_once"


STRATEGY_OF: dict[Category, Strategy] = {
    Category.TRANSIENT: Strategy.RETRY_WITH_BACKOFF,
    Category.RESOURCE: Strategy.QUEUE_AND_WAIT,
    Category.VALIDATION: Strategy.FAIL_FAST,
    Category.PERMANENT: Strategy.DEAD_LETTER,
    Category.UNKNOWN: Strategy.RETRY_ONCE,
}


class Level(StrEnum):
    """Authority of the evidence a rule reads, strongest first."""

    LEDGER = "ledger"  # our own kills and kernel facts
    CODE = "code"  # machine codes
    EXCEPTION = "exception"  # exception types that name a cause
    TEXT = "text"  # words
    GENERAL = "general"  # signs that many causes share: ValueError, SIGSEGV, died while importing
    NOTHING = "nothing"  # no rule matched


class Rule(Struct, frozen=True, kw_only=True):
    """If every condition that is set holds, the failure is of this category.

    killed_by, codes, signals, exits, exceptions, phases: any one of the listed values suffices.
    codes:       "family:value", with a range for numbers ("http:500-599") or a star at the end
                 ("sqlstate:53*").
    exits:       exit statuses of the process; signals: the signal that ended it.
    exceptions:  qualified types, matched along the chain and its bases; * is anything, so that
                 "*TimeoutError" is every type whose name ends so.
    oom_killed:  what the kernel's memory records say; None does not ask.
    stop_proven: False: something of the attempt could not be stopped; None does not ask.
    text:        regular expression over message and last error lines, case-insensitive.
    """

    name: str
    category: Category
    level: Level
    killed_by: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    signals: tuple[int, ...] = ()
    exits: tuple[int, ...] = ()
    exceptions: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    oom_killed: bool | None = None
    stop_proven: bool | None = None
    text: str = ""
    hint: str = ""


class Classification(Struct, frozen=True, kw_only=True):
    """The name of a failure, and why it got that name.

    matched:    what of the evidence decided, for people: "errno ENOSPC", "text 'timed out'".
    confidence: 0 to 1.
    """

    category: Category
    strategy: Strategy
    rule: str
    level: Level
    matched: str
    confidence: float
    hint: str = ""
