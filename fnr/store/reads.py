"""Every question that the store alone can answer, by the name of its request.

Daemon and offline client run these same functions, each on a read-only connection. All of one
answer is read from one moment of the store. now_ms: for filters that speak of ages; without it
SQLite's own clock is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fnr.policy.admission import Allocation
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.filter import FilterError
from fnr.policy.incident import Incident
from fnr.policy.record import (
    CorrectedError,
    ErrorDetail,
    ErrorLine,
    ErrorRecord,
    FunctionRecord,
    IncidentDetail,
    LetterStat,
    LogSpan,
    Page,
    RuleCount,
    SimilarIncident,
    StoreStats,
    TaskDetail,
    WorkerRecord,
)
from fnr.policy.replay import EntryState, ReplayDetail, ReplayEntry, ReplayPlan
from fnr.policy.task import Task
from fnr.policy.undo import Step
from fnr.store import (
    allocations,
    breakers,
    details,
    error_details,
    error_pages,
    functions,
    incidents,
    log_spans,
    replay_entries,
    replay_plans,
    rule_counts,
    stats,
    undo,
    workers,
)
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.letter_files import LetterExport, export_one
from fnr.store.listing import ERRORS, INCIDENTS, LETTERS, TASKS, UNDO, Listing
from fnr.store.paging import page
from fnr.store.transaction import Transaction

__all__ = [
    "READS",
    "AmbiguousId",
    "BadFilter",
    "NoSuchId",
    "select_letter_ids",
    "select_task_ids",
]

BadFilter = FilterError

# A page of exports holds whole tasks, each with an input of up to 10 MiB.
EXPORT_BYTES_MAX = 8 * 1024 * 1024


def list_tasks(
    tx: Transaction,
    *,
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
    backwards: bool = False,
) -> Page[Task]:
    """Tasks, newest first."""
    return _listed(tx, TASKS, where, after=after, limit=limit, backwards=backwards, now_ms=now_ms)


def list_letters(
    tx: Transaction,
    *,
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
    backwards: bool = False,
) -> Page[DeadLetter]:
    """Dead letters, latest death first; open ones unless `where` names a state."""
    return _listed(tx, LETTERS, where, after=after, limit=limit, backwards=backwards, now_ms=now_ms)


def _listed(
    tx: Transaction,
    listing: Listing,
    where: str,
    *,
    after: str | None,
    limit: int,
    backwards: bool,
    now_ms: int,
) -> Page[Any]:
    found = page(
        tx, listing, where=where, after=after, limit=limit, backwards=backwards, now_ms=now_ms
    )
    items = [listing.item(row) for row in found.rows]
    return Page(items=items, next=found.next, total=found.total)


def export_letters(
    tx: Transaction, *, where: str, after: str | None, limit: int, now_ms: int
) -> Page[LetterExport]:
    """A page of dead letters with all their details; ends early when they are large."""
    found = list_letters(tx, where=where, after=after, limit=limit, now_ms=now_ms)
    items: list[LetterExport] = []
    size_bytes = 0
    for letter in found.items:
        if size_bytes > EXPORT_BYTES_MAX:
            last = items[-1].letter
            cursor = f"{last.died_at_ms}-{last.task_id}"
            return Page(items=items, next=cursor, total=found.total)
        item = export_one(tx, letter)
        size_bytes += _size(item)
        items.append(item)
    return Page(items=items, next=found.next, total=found.total)


def _size(item: LetterExport) -> int:
    """What is large in a letter: its inputs, and the output its errors kept."""
    inputs = sum(len(found.body) for found in item.detail.revisions)
    tails = sum(
        len(error.evidence.stdout_tail) + len(error.evidence.stderr_tail)
        for error in item.detail.errors
    )
    return inputs + tails


def get_task(tx: Transaction, *, task_id: str, now_ms: int) -> TaskDetail:  # noqa: ARG001 - one shape for all reads
    """Everything about one task; the id may be abbreviated. Raises NoSuchId, AmbiguousId."""
    return details.find(tx, task_id)


def get_letter_stats(tx: Transaction, *, where: str, now_ms: int) -> list[LetterStat]:
    """Dead letters by function, category and cause."""
    return stats.letter_stats(tx, where=where, now_ms=now_ms)


def list_errors(
    tx: Transaction,
    *,
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
    backwards: bool = False,
) -> Page[ErrorLine]:
    """Errors, newest first."""
    return _listed(tx, ERRORS, where, after=after, limit=limit, backwards=backwards, now_ms=now_ms)


def get_error(tx: Transaction, *, error_id: str, now_ms: int) -> ErrorDetail:  # noqa: ARG001 - one shape for all reads
    """Everything about one error; or a task's latest. Raises NoSuchId, AmbiguousId."""
    return error_details.find(tx, error_id)


def list_incidents(
    tx: Transaction,
    *,
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
    backwards: bool = False,
) -> Page[Incident]:
    """Incidents, latest error first; open ones unless `where` names a state."""
    return _listed(
        tx, INCIDENTS, where, after=after, limit=limit, backwards=backwards, now_ms=now_ms
    )


def get_incident(tx: Transaction, *, incident_id: str, now_ms: int) -> IncidentDetail:  # noqa: ARG001 - one shape for all reads
    """Everything about one incident. Raises NoSuchId, AmbiguousId."""
    return incidents.detail(tx, incident_id)


def list_similar(
    tx: Transaction,
    *,
    incident_id: str,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> list[SimilarIncident]:
    """Incidents that share most with one. Raises NoSuchId, AmbiguousId."""
    return incidents.similar(tx, incident_id, limit=limit)


def list_undo(
    tx: Transaction,
    *,
    where: str,
    after: str | None,
    limit: int,
    now_ms: int,
    backwards: bool = False,
) -> Page[Step]:
    """Undo steps, newest first; those that are not ended unless `where` names a state."""
    return _listed(tx, UNDO, where, after=after, limit=limit, backwards=backwards, now_ms=now_ms)


def get_undo(tx: Transaction, *, undo_id: str, now_ms: int) -> Step:  # noqa: ARG001 - one shape for all reads
    """One undo step. Raises NoSuchId, AmbiguousId."""
    return undo.get(tx, undo_id)


def list_error_records(
    tx: Transaction,
    *,
    since_ms: int,
    nameless: bool,
    after: str | None,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> Page[ErrorRecord]:
    """Errors with all their evidence, newest first."""
    return error_pages.errors_since(
        tx, since_ms=since_ms, nameless=nameless, after=after, limit=limit
    )


def list_corrections(
    tx: Transaction,
    *,
    since_ms: int,
    after: str | None,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> Page[CorrectedError]:
    """Errors that people have reclassified, latest first."""
    return error_pages.corrected_since(tx, since_ms=since_ms, after=after, limit=limit)


def list_rule_counts(tx: Transaction, *, now_ms: int) -> list[RuleCount]:  # noqa: ARG001 - one shape for all reads
    """How often each rule decided."""
    return rule_counts.counts(tx)


def list_replays(
    tx: Transaction,
    *,
    active: bool,
    after: str | None,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> Page[ReplayPlan]:
    """Replays, newest first."""
    return replay_plans.page(tx, active=active, after=after, limit=limit)


def get_replay(
    tx: Transaction,
    *,
    plan_id: str,
    reasons: bool,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> ReplayDetail:
    """A replay with the reasons of what did not come home. Raises NoSuchId, AmbiguousId."""
    return replay_entries.detail(tx, plan_id, reasons=reasons)


def list_replay_entries(
    tx: Transaction,
    *,
    plan_id: str,
    state: EntryState | None,
    after: str | None,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> Page[ReplayEntry]:
    """Letters of a replay in its order. Raises NoSuchId, AmbiguousId."""
    return replay_entries.page(tx, plan_id, state=state, after=after, limit=limit)


def list_workers(
    tx: Transaction,
    *,
    function: str | None = None,
    gone: bool = False,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> list[WorkerRecord]:
    """Workers as remembered, without their secrets."""
    return workers.listed(tx, function=function, gone=gone)


def list_functions(tx: Transaction, *, now_ms: int) -> list[FunctionRecord]:  # noqa: ARG001 - one shape for all reads
    """Functions that have tasks or are paused."""
    return functions.records(tx)


def list_log_spans(
    tx: Transaction,
    *,
    task_id: str | None,
    function: str | None,
    since_ms: int | None,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> list[LogSpan]:
    """Where output stands, oldest first."""
    return log_spans.spans(tx, task_id=task_id, function=function, since_ms=since_ms, limit=limit)


def get_store_stats(tx: Transaction, *, now_ms: int) -> StoreStats:  # noqa: ARG001 - one shape for all reads
    """Sizes and counts."""
    return stats.store_stats(tx)


def list_allocations(tx: Transaction, *, now_ms: int) -> list[Allocation]:  # noqa: ARG001 - one shape for all reads
    """What is given of the host."""
    return allocations.all_given(tx)


def _consistent(read: Callable[..., Any]) -> Callable[..., Any]:
    """One moment of the store for all statements of an answer, and a clock if none came."""

    def answer(tx: Transaction, *, now_ms: int | None = None, **fields: Any) -> Any:
        with tx.snapshot():
            return read(tx, now_ms=tx.now_ms() if now_ms is None else now_ms, **fields)

    return answer


READS: dict[str, Callable[..., Any]] = {
    "ListTasks": _consistent(list_tasks),
    "GetTask": _consistent(get_task),
    "ListLetters": _consistent(list_letters),
    "GetLetterStats": _consistent(get_letter_stats),
    "ExportLetters": _consistent(export_letters),
    "ListErrors": _consistent(list_errors),
    "GetError": _consistent(get_error),
    "ListIncidents": _consistent(list_incidents),
    "GetIncident": _consistent(get_incident),
    "ListSimilar": _consistent(list_similar),
    "ListUndo": _consistent(list_undo),
    "GetUndo": _consistent(get_undo),
    "ListErrorRecords": _consistent(list_error_records),
    "ListCorrections": _consistent(list_corrections),
    "ListRuleCounts": _consistent(list_rule_counts),
    "ListBreakers": _consistent(breakers.list_breakers),
    "GetBreaker": _consistent(breakers.get_breaker),
    "ListBreakerMoves": _consistent(breakers.list_breaker_moves),
    "ListReplays": _consistent(list_replays),
    "GetReplay": _consistent(get_replay),
    "ListReplayEntries": _consistent(list_replay_entries),
    "ListWorkers": _consistent(list_workers),
    "ListFunctions": _consistent(list_functions),
    "ListLogSpans": _consistent(list_log_spans),
    "GetStoreStats": _consistent(get_store_stats),
    "ListAllocations": _consistent(list_allocations),
}


# ── ids for commands that change what a filter finds ─────────────────────────


def select_task_ids(
    tx: Transaction, *, where: str, after: str | None, limit: int, now_ms: int
) -> list[str]:
    """Up to `limit` tasks that pass, newest first; fewer only when there are no more.

    Looks at every task if it must: with a filter no index decides, ask on a reader's thread.
    """
    found = page(
        tx, TASKS, where=where, after=after, limit=limit, now_ms=now_ms, looked_at_max=None
    )
    return [TASKS.item(row).task_id for row in found.rows]


def select_letter_ids(
    tx: Transaction, *, where: str, after: str | None, limit: int, now_ms: int
) -> tuple[list[str], str | None]:
    """Up to `limit` letters that pass, latest first, and where the next chunk begins.

    Looks at every letter if it must: with a filter no index decides, ask on a reader's thread.
    """
    found = page(
        tx, LETTERS, where=where, after=after, limit=limit, now_ms=now_ms, looked_at_max=None
    )
    return [LETTERS.item(row).task_id for row in found.rows], found.next
