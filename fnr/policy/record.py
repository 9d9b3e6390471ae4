"""What is remembered, as it is read back: errors, ledger rows, details, pages, counts.

These values are what the store answers with and what travels to CLI and TUI unchanged.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Raw, Struct, field

from fnr.policy.dead_letter import DeadLetter
from fnr.policy.evidence import Evidence
from fnr.policy.incident import Fingerprint, Incident, Move
from fnr.policy.rules import Category, Classification
from fnr.policy.task import Attempt, Task
from fnr.policy.undo import Step
from fnr.policy.verdict import Decision

Item = TypeVar("Item")

PAGE_ITEMS_MAX = 1_000
# The most that one answer tells of how tasks ended: their number, and the sum of their results.
ENDS_MAX = 1_000
ENDS_BYTES_MAX = 32 * 1024 * 1024


class Page(Struct, Generic[Item], frozen=True, kw_only=True):
    """One page of a list, newest first unless the list says otherwise.

    next:  cursor of the following page; None on the last.
    total: how many there are in all; None when counting would need a scan.
    """

    items: list[Item]
    next: str | None = None
    total: int | None = None


class Preview(Struct, frozen=True, kw_only=True):
    """What a change would do to one chunk of what was asked for.

    functions: of those it would reach, function -> how many. blocked: reason -> how many it would
    leave as they are; examples: reason -> some of their ids.
    """

    eligible: int = 0
    functions: dict[str, int] = field(default_factory=dict)
    blocked: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    next: str | None = None


class Correction(Struct, frozen=True, kw_only=True):
    """What a person says an error is; the classification it was given stays beside it."""

    category: Category
    at_ms: int
    author: str
    why: str = ""


class ErrorRecord(Struct, frozen=True, kw_only=True):
    """One stored, classified failure of one attempt."""

    error_id: str
    task_id: str
    token: str
    function: str
    at_ms: int
    evidence: Evidence
    classification: Classification
    incident_id: str = ""
    correction: Correction | None = None


class ErrorLine(Struct, frozen=True, kw_only=True):
    """One error as it stands in a list.

    category: as corrected; was: as classified, where that differs. message: at most 500 characters.
    """

    error_id: str
    task_id: str
    function: str
    at_ms: int
    category: Category
    rule: str
    message: str
    incident_id: str
    was: Category | None = None
    exit_code: int | None = None
    signal: int | None = None


class LedgerRow(Struct, frozen=True, kw_only=True):
    """One decision on record, in the order of its commit."""

    seq: int
    at_ms: int
    task_id: str | None
    token: str | None
    decision: Decision
    error_id: str | None = None


class InputRevision(Struct, frozen=True, kw_only=True):
    """One version of a task's input; revision 1 is what was submitted."""

    revision: int
    at_ms: int
    author: str
    body: Raw


class TaskDetail(Struct, frozen=True, kw_only=True):
    """Everything known about one task; result is JSON null until it is done."""

    task: Task
    input: Raw
    result: Raw = field(default_factory=lambda: Raw(b"null"))
    attempts: list[Attempt] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)
    letter: DeadLetter | None = None
    revisions: list[InputRevision] = field(default_factory=list)
    undo: list[Step] = field(default_factory=list)


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """Everything known about one error.

    decisions: what followed from it, and from its correction. fingerprint: computed from the
    evidence again; its key is the incident's, unless the error is older than this version.
    """

    error: ErrorRecord
    task: Task
    fingerprint: Fingerprint
    attempt: Attempt | None = None
    incident: Incident | None = None
    decisions: list[LedgerRow] = field(default_factory=list)


class IncidentDetail(Struct, frozen=True, kw_only=True):
    """One incident with its moves, oldest first, and its latest errors, newest first."""

    incident: Incident
    moves: list[Move] = field(default_factory=list)
    errors: list[ErrorLine] = field(default_factory=list)


class SimilarIncident(Struct, frozen=True, kw_only=True):
    """An incident that is like another: 0 to 1, and which parts they share whole."""

    likeness: float
    incident: Incident
    shared: list[str] = field(default_factory=list)


class CorrectedError(Struct, frozen=True, kw_only=True):
    """An error that somebody reclassified, with its evidence: what rules and model learn from."""

    error_id: str
    task_id: str
    function: str
    correction: Correction
    evidence: Evidence
    classification: Classification


class RuleCount(Struct, frozen=True, kw_only=True):
    """How often a rule decided since the store exists; corrected: how often a person disagreed."""

    rule: str
    hits: int
    first_at_ms: int
    last_at_ms: int
    corrected: int = 0


class TaskEnd(Struct, frozen=True, kw_only=True):
    """How a task ended, for those who waited: done with a result, dead, or cancelled.

    exit_code, signal: of the last attempt's process, when it was a command that failed.
    """

    task: Task
    result: Raw = field(default_factory=lambda: Raw(b"null"))
    category: str | None = None
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None


class WorkerRecord(Struct, frozen=True, kw_only=True):
    """One worker process as remembered: enough to adopt it after a daemon restart.

    state: starting, away, idle, busy, leaving, gone. task_id, progress, preview: of the running
    attempt. attempts_done: so many it has run; None where only the store speaks.
    """

    worker_id: str
    function: str
    state: str
    boot_id: str
    pid: int
    pid_start: int
    started_at_ms: int
    secret: str = ""
    log_path: str | None = None
    now_path: str | None = None
    ended_at_ms: int | None = None
    end: str = ""
    attempts_done: int | None = None
    task_id: str | None = None
    progress: str = ""
    preview: str = ""


class FunctionRecord(Struct, frozen=True, kw_only=True):
    """What the store knows of one function: tasks by state, and whether it is paused.

    retry_budget_ms: what it may spend on retries; None while nothing was spent.
    """

    function: str
    counts: dict[str, int]
    paused: bool = False
    paused_by: str = ""
    paused_at_ms: int | None = None
    retry_budget_ms: int | None = None


class LetterStat(Struct, frozen=True, kw_only=True):
    """Dead letters of one function, category and cause."""

    function: str
    category: str
    cause: str
    count: int
    oldest_at_ms: int
    newest_at_ms: int


class LogSpan(Struct, frozen=True, kw_only=True):
    """Where one attempt's output stands; log_to is None while it still runs."""

    task_id: str
    token: str
    number: int
    worker_id: str
    started_at_ms: int
    ended_at_ms: int | None
    log_path: str
    log_from: int
    log_to: int | None


class Finding(Struct, frozen=True, kw_only=True):
    """One broken invariant found by `fnr db check`."""

    invariant: str
    what: str
    ids: list[str] = field(default_factory=list)
    count: int = 1


class StoreStats(Struct, frozen=True, kw_only=True):
    """Sizes and counts of the store, for `fnr db stats`."""

    schema_version: int
    sqlite_version: str
    store_bytes: int
    wal_bytes: int
    telemetry_bytes: int
    free_bytes: int
    tables: dict[str, int]
    oldest_task_at_ms: int | None = None
