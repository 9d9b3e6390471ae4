"""A rule: conditions on evidence, the category it names and what follows; and the answer it gives.

Rules are data. The shipped ones stand in fnr/rulepacks/*.toml, the operator's in rules.d/*.toml;
rule_file reads both, rule_set finds those that hold, classify lets one of them decide.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field


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


class Severity(StrEnum):
    """How loud an error is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class WaitFor(StrEnum):
    """What has to be free before another attempt makes sense."""

    VRAM = "vram"
    MEMORY = "memory"
    DISK = "disk"
    PORT = "port"
    SERVICE = "service"


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
    EXCEPTION = "exception"  # exception types that name a cause, and what is named of the input
    TEXT = "text"  # words
    GENERAL = "general"  # signs that many causes share: ValueError, SIGSEGV, died while importing
    MODEL = "model"  # no rule matched, the wording resembles what is known
    NOTHING = "nothing"  # nothing matched


class Conditions(Struct, frozen=True, kw_only=True):
    """What evidence is asked for; a condition that is not set asks nothing.

    killed_by, codes, signals, exits, exceptions, phases, functions, services, names_input: any of
    the listed values suffices; so does any of `text`. Every one of `all_text` must be found.

    killed_by:   our own reasons to end an attempt, and "oom" for the kernel's.
    codes:       "family:value", with a range for numbers ("http:500-599") or a star at the end
                 ("sqlstate:53*").
    exits:       exit statuses of the process; signals: the signal that ended it, by name.
    exceptions:  qualified types, matched along the chain and its bases; * is anything, so that
                 "*TimeoutError" is every type whose name ends so.
    functions, services: names, * is anything.
    names_input: keys of the task's input, one of whose values the error names; * is anything.
    oom_killed:  what the kernel's memory records say; None does not ask.
    stop_proven: False: something of the attempt could not be stopped; None does not ask.
    text:        RE2 expressions over message and last error lines, case-insensitive.
    """

    killed_by: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    exits: tuple[int, ...] = ()
    exceptions: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    names_input: tuple[str, ...] = ()
    oom_killed: bool | None = None
    stop_proven: bool | None = None
    text: tuple[str, ...] = ()
    all_text: tuple[str, ...] = ()


class RuleTest(Struct, frozen=True, kw_only=True):
    """One example inside a rule file: what is left behind, and whether that rule must decide it."""

    message: str = ""
    exception: str = ""
    exit: int | None = None
    signal: str = ""
    http: int | None = None
    codes: tuple[str, ...] = ()
    stderr: str = ""
    traceback: str = ""
    killed_by: str = ""
    oom_killed: bool | None = None
    stop_proven: bool | None = None
    phase: str = ""
    function: str = ""
    service: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    matches: bool = True
    where: str = ""


class Rule(Conditions, frozen=True, kw_only=True):
    """If every condition that is set holds, and nothing of `unless`, it is of this category.

    name:        "pack/name"; of an operator's rule, "file/name".
    priority:    decides between equally specific rules of one level.
    delay_ms:    before the first retry; wait_ms: the longest wait for what is used up.
    strategy, max_retries, wait_for, severity, and these two: None leaves it to category and
                 function.
    trip:        the failure speaks against the service it met (a hint to its breaker).
    recycle_worker: the worker that met it must not be used again (sticky CUDA errors).
    fingerprint: incidents are told apart by this text instead of the error's own.
    where:       "file:line".
    operator:    it stands in rules.d, above every pack.
    """

    name: str
    category: Category
    level: Level
    unless: Conditions | None = None
    priority: int = 0
    strategy: Strategy | None = None
    max_retries: int | None = None
    wait_for: WaitFor | None = None
    delay_ms: int | None = None
    wait_ms: int | None = None
    severity: Severity | None = None
    trip: bool = False
    recycle_worker: bool = False
    hint: str = ""
    runbook: str = ""
    fingerprint: str = ""
    where: str = ""
    operator: bool = False
    tests: tuple[RuleTest, ...] = ()


class Span(Struct, frozen=True, kw_only=True):
    """Which characters decided: of `text` ("message", "exceptions[1].message", "stderr_tail" …).

    The names are those of Evidence's fields; start and end count characters.
    """

    text: str
    start: int
    end: int


class RunnerUp(Struct, frozen=True, kw_only=True):
    """A rule that fitted too, and would have decided if the better ones had not."""

    rule: str
    category: Category
    level: Level
    matched: str


class Classification(Struct, frozen=True, kw_only=True):
    """The name of a failure, and why it got that name.

    where:      file and line of the rule.
    matched:    what of the evidence decided, for people: "errno ENOSPC", "text 'timed out'".
    spans:      where the words that decided stand; captures: the rule's named groups.
    runners_up: at most five, the best first.
    confidence: 0 to 1.
    missing:    evidence that was not there, in words.
    words:      the text model's reasons: words and their weights.
    The rest is the deciding rule's, as Rule describes it.
    """

    category: Category
    strategy: Strategy
    rule: str
    level: Level
    matched: str
    confidence: float
    where: str = ""
    spans: tuple[Span, ...] = ()
    captures: dict[str, str] = field(default_factory=dict)
    runners_up: tuple[RunnerUp, ...] = ()
    missing: tuple[str, ...] = ()
    words: tuple[tuple[str, float], ...] = ()
    max_retries: int | None = None
    wait_for: WaitFor | None = None
    delay_ms: int | None = None
    wait_ms: int | None = None
    severity: Severity | None = None
    trip: bool = False
    recycle_worker: bool = False
    hint: str = ""
    runbook: str = ""
    fingerprint: str = ""
