"""Every question that the store alone can answer, by the name of its request.

Daemon and offline client run these same functions, each on a read-only connection. All of one
answer is read from one moment of the store. now_ms: for filters that speak of ages; without it
SQLite's own clock is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fnr.policy.filter import FilterError
from fnr.policy.record import Page
from fnr.store import (
    alerts,
    allocations,
    breakers,
    details,
    error_details,
    error_pages,
    functions,
    incidents,
    log_spans,
    previews,
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


def export_letters(
    tx: Transaction, *, where: str, after: str | None, limit: int, now_ms: int
) -> Page[LetterExport]:
    """A page of dead letters with all their details; ends early when they are large."""
    found = _pages_of(LETTERS)(tx, where=where, after=after, limit=limit, now_ms=now_ms)
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


Read = Callable[..., Any]


def _pages_of(listing: Listing) -> Read:
    """One page of a list, in its order."""

    def read(
        tx: Transaction,
        *,
        where: str,
        after: str | None,
        limit: int,
        now_ms: int,
        backwards: bool = False,
    ) -> Page[Any]:
        found = page(
            tx, listing, where=where, after=after, limit=limit, backwards=backwards, now_ms=now_ms
        )
        items = [listing.item(row) for row in found.rows]
        return Page(items=items, next=found.next, total=found.total)

    return read


def _by_id(field: str, find: Read) -> Read:
    """What is asked of one thing, by its id or the beginning of it."""

    def read(tx: Transaction, *, now_ms: int, **fields: Any) -> Any:  # noqa: ARG001 - see _timeless
        return find(tx, fields.pop(field), **fields)

    return read


def _timeless(query: Read) -> Read:
    """A query that needs no clock, asked like one that does."""

    def read(tx: Transaction, *, now_ms: int, **fields: Any) -> Any:  # noqa: ARG001 - not needed
        return query(tx, **fields)

    return read


def _consistent(read: Read) -> Read:
    """One moment of the store for all statements of an answer, and a clock if none came."""

    def answer(tx: Transaction, *, now_ms: int | None = None, **fields: Any) -> Any:
        with tx.snapshot():
            return read(tx, now_ms=tx.now_ms() if now_ms is None else now_ms, **fields)

    return answer


# Fields are those of the request, ids may be abbreviated; NoSuchId, AmbiguousId, BadFilter.
_ANSWERS: dict[str, Read] = {
    "ListTasks": _pages_of(TASKS),
    "GetTask": _by_id("task_id", details.find),
    "ListLetters": _pages_of(LETTERS),
    "GetLetterStats": stats.letter_stats,
    "PreviewPurge": previews.purge,
    "PreviewResolve": previews.resolve,
    "PreviewCancel": previews.cancel,
    "ExportLetters": export_letters,
    "ListErrors": _pages_of(ERRORS),
    "GetError": _by_id("error_id", error_details.find),
    "ListIncidents": _pages_of(INCIDENTS),
    "GetIncident": _by_id("incident_id", incidents.detail),
    "ListSimilar": _by_id("incident_id", incidents.similar),
    "ListUndo": _pages_of(UNDO),
    "GetUndo": _by_id("undo_id", undo.get),
    "ListErrorRecords": _timeless(error_pages.errors_since),
    "ListCorrections": _timeless(error_pages.corrected_since),
    "ListRuleCounts": _timeless(rule_counts.counts),
    "ListAlerts": _timeless(alerts.listed),
    "ListBreakers": breakers.list_breakers,
    "GetBreaker": breakers.get_breaker,
    "ListBreakerMoves": breakers.list_breaker_moves,
    "ListReplays": _timeless(replay_plans.page),
    "GetReplay": _by_id("plan_id", replay_entries.detail),
    "ListReplayEntries": _by_id("plan_id", replay_entries.page),
    "ListWorkers": _timeless(workers.listed),
    "ListFunctions": _timeless(functions.records),
    "ListLogSpans": _timeless(log_spans.spans),
    "GetStoreStats": _timeless(stats.store_stats),
    "ListAllocations": _timeless(allocations.all_given),
}
READS = {name: _consistent(read) for name, read in _ANSWERS.items()}


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
