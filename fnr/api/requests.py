"""What may be asked: one frozen value per question, typed by its answer.

Other nouns have files of their own (incident_requests.py, …); any_request.py has them all.
"""

from __future__ import annotations

from msgspec import Raw, Struct, field

from fnr.api.question import Changed, Read, Request
from fnr.policy.record import (
    FunctionRecord,
    LogSpan,
    Page,
    Preview,
    StoreStats,
    TaskDetail,
    TaskEnd,
    WorkerRecord,
)
from fnr.policy.task import PRIORITY_DEFAULT, Task

# ── answers that are not records ─────────────────────────────────────────────


# The kind of a function that has tasks or letters left and is not in fnr.toml any more.
REMOVED = "removed"


class FunctionStatus(Struct, frozen=True, kw_only=True):
    """One line of `fnr status`. holds: what keeps its due tasks from starting -> why.

    starting: how many of its workers are loading it.
    paused_by: who has paused it, and the reason that was given.
    retry_budget_ms: work that it may spend on retries; None while nothing was spent.
    """

    function: str
    kind: str
    counts: dict[str, int]
    workers: int = 0
    busy: int = 0
    starting: int = 0
    workers_max: int = 0
    paused: bool = False
    paused_by: str = ""
    paused_at_ms: int | None = None
    problem: str = ""
    holds: dict[str, str] = field(default_factory=dict)
    retry_budget_ms: int | None = None

    @property
    def state(self) -> str:
        """In one word what it does, or why it does nothing."""
        if self.problem:
            return "broken"
        if self.paused:
            return "paused"
        if self.holds:
            return "held"
        if self.kind == REMOVED:
            return "removed"
        if self.busy:
            return "busy"
        return "starting" if self.workers and self.starting == self.workers else "ready"


class Limited(Struct, frozen=True, kw_only=True):
    """What the daemon leaves undone so that the rest goes on; what is still served meanwhile."""

    what: str
    why: str
    served: str
    refused: str


class Status(Struct, frozen=True, kw_only=True):
    """One screen: the daemon, its functions, what needs attention.

    state: "running", "draining", "degraded" or "down"; down answers come from store and fnr.toml.
    breakers: those that do not simply let calls through -> what they do, in words.
    rules_behind: rules.d was written since the daemon has read it.
    """

    state: str
    version: str
    home: str
    pid: int | None = None
    started_at_ms: int | None = None
    functions: list[FunctionStatus] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    letters_open: int = 0
    workers: int = 0
    problems: list[str] = field(default_factory=list)
    breakers: dict[str, str] = field(default_factory=dict)
    limits: list[Limited] = field(default_factory=list)
    rules_behind: bool = False


class Submitted(Struct, frozen=True, kw_only=True):
    """duplicate: a live task with the same unique or idempotency key existed; it is task_id.

    warning: why this host can never give its function what it needs; it was accepted all the same.
    """

    task_id: str
    duplicate: bool = False
    warning: str = ""


class RefusedItem(Struct, frozen=True, kw_only=True):
    """One item of a batch that was refused: its index in the batch and why.

    code: of the error that it would have been by itself; "" from a daemon that does not say.
    """

    index: int
    why: str
    code: str = ""


class SubmittedMany(Struct, frozen=True, kw_only=True):
    """Ids in the order of the accepted items, and the refused ones."""

    task_ids: list[str]
    refused: list[RefusedItem] = field(default_factory=list)
    duplicates: int = 0


class ReloadReport(Struct, frozen=True, kw_only=True):
    """What a reload changed.

    added, removed, changed: functions. settings: other keys of fnr.toml that are in force now, and
    "rules.d"; needs_restart: those that will be when the daemon starts next.
    """

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    needs_restart: list[str] = field(default_factory=list)


# ── reads ────────────────────────────────────────────────────────────────────


class GetStatus(Request[Status], frozen=True, kw_only=True, tag=str):
    """How is it going? (Offline: the client composes a `down` status itself.)"""


class ListTasks(Read[Page[Task]], frozen=True, kw_only=True, tag=str):
    """Tasks, newest first; where: filter expression.

    backwards: what stands before `after`, or at the end of the list, in the same order as always.
    """

    where: str = ""
    after: str | None = None
    limit: int = 50
    backwards: bool = False


class GetTask(Read[TaskDetail], frozen=True, kw_only=True, tag=str):
    """task_id may be any unique prefix."""

    task_id: str


class ListWorkers(Read[list[WorkerRecord]], frozen=True, kw_only=True, tag=str):
    """Workers alive, and with `gone` the latest that ended."""

    function: str | None = None
    gone: bool = False


class ListFunctions(Read[list[FunctionRecord]], frozen=True, kw_only=True, tag=str):
    """Functions that the store knows: counts by state, paused or not."""


class ListLogSpans(Read[list[LogSpan]], frozen=True, kw_only=True, tag=str):
    """Where the output of a task, or of a function's latest attempts, stands; oldest first.

    before: the token of an attempt; only earlier ones, for the next page.
    """

    task_id: str | None = None
    function: str | None = None
    since_ms: int | None = None
    limit: int = 200
    before: str | None = None


class GetStoreStats(Read[StoreStats], frozen=True, kw_only=True, tag=str):
    """Sizes and counts."""


# ── writes ───────────────────────────────────────────────────────────────────


class TaskSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A task as asked for; input is a JSON object.

    due_at_ms: not before this moment. delay_ms: not before this long from now (not both).
    unique:    while a live task has this key, submitting it again gives that task.
    task_id:   a new ULID that is to be the task's id; without one the daemon makes it. The same id
               gives the same task for as long as the task is remembered, so that asking twice is
               harmless. key: the same with words of the submitter's own choosing.
    """

    function: str
    input: Raw = field(default_factory=lambda: Raw(b"{}"))
    priority: int = PRIORITY_DEFAULT
    delay_ms: int | None = None
    due_at_ms: int | None = None
    timeout_ms: int | None = None
    expires_ms: int | None = None
    expires_at_ms: int | None = None
    unique: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    retries_max: int | None = None
    task_id: str | None = None
    key: str | None = None
    parent_id: str | None = None


class Submit(Request[Submitted], frozen=True, kw_only=True, tag=str):
    """Accept one task; answered after the commit is on disk."""

    task: TaskSpec


class SubmitMany(Request[SubmittedMany], frozen=True, kw_only=True, tag=str):
    """Accept a batch in one transaction; atomic: all or none.

    items are raw JSON, so that one bad item does not spoil the others.
    """

    items: list[Raw]
    atomic: bool = False


class WaitTasks(Request[list[TaskEnd]], frozen=True, kw_only=True, tag=str):
    """Answer when all of them have ended; timeout_ms: give up with TimedOut.

    May follow the Submit of its task on the same connection before that is answered.

    The answer has the first ends, as many as ENDS_MAX and ENDS_BYTES_MAX allow; those of the
    others are asked for by their ids.
    """

    task_ids: list[str]
    timeout_ms: int | None = None


class CancelTasks(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Cancel tasks; running ones are stopped and reported when the stop is asked for.

    Of a filter's tasks `limit`, then go on `after`.
    """

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    reason: str = ""
    after: str | None = None
    limit: int = 500


class PreviewCancel(Read[Preview], frozen=True, kw_only=True, tag=str):
    """What the CancelTasks of the same fields would cancel now, and what it would not."""

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    after: str | None = None
    limit: int = 500


class PauseFunction(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Start no more attempts of these functions."""

    functions: list[str]
    reason: str = ""


class ResumeFunction(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Start attempts again."""

    functions: list[str]


class RestartWorkers(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Replace workers: after their running attempt, or with `now` by interrupting it."""

    workers: list[str]
    now: bool = False


class StopWorkers(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Stop workers without replacing them until there is work again."""

    workers: list[str]
    now: bool = False


class ReloadConfig(Request[ReloadReport], frozen=True, kw_only=True, tag=str):
    """Read fnr.toml again; a bad file changes nothing and the error says why."""


class StopDaemon(Request[bool], frozen=True, kw_only=True, tag=str):
    """drain: finish running attempts first; now: stop them; neither: leave workers running."""

    drain: bool = False
    now: bool = False


class Watch(Request[bool], frozen=True, kw_only=True, tag=str):
    """Stream events until the connection closes; a reader that cannot keep up is told and cut.

    kinds: only events of these kinds; none named is all.
    """

    task_ids: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened.

    kind: task, worker, letter, error, incident, breaker, config, daemon. what: the new state or
    the word for it, of an error its category. detail: of a breaker "NAME: why".
    """

    kind: str
    what: str
    at_ms: int
    task_id: str | None = None
    function: str | None = None
    worker_id: str | None = None
    detail: str = ""
