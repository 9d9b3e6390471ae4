"""Freeze the set of a replay: find the letters that a filter means, and write them down.

In steps of bounded size: each is looked for beside the writer and then written in a unit of its
own, so that others write in between. A plan whose freezing was cut short begins it afresh. Oldest
first: rows that are added at the end of an index cost half of those in its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from msgspec import Struct

from fnr.policy.filter_match import matches
from fnr.policy.filter_tree import fields
from fnr.policy.replay import ReplayOptions, ReplayOrder
from fnr.store import replay_entries, replay_plans
from fnr.store.filter import Plan, Sql
from fnr.store.letters import NO_LETTER
from fnr.store.listing import LETTERS, record_names, record_of
from fnr.store.paging import stretches
from fnr.store.transaction import Transaction

_ROWS = 100
Key = tuple[int, str]
Entry = tuple[int, str]  # rank and task
# The rank of policy/replay.py, as the store reckons it.
_RANKS = {
    ReplayOrder.OLDEST: "d.died_at_ms",
    ReplayOrder.NEWEST: "-d.died_at_ms",
    ReplayOrder.PRIORITY: f"(10 - t.priority) * {2**44} + d.died_at_ms",
}


class Search(Struct, frozen=True, kw_only=True):
    """What to look for: a filter, divided, and the stretches of an index to look through.

    now_ms: the moment that ages count from. oldest, newest: all that can pass lies behind the
    one and not behind the other.
    """

    made: Plan
    runs: tuple[Sql, ...]
    now_ms: int
    oldest: Key
    newest: Key


class Place(Struct, frozen=True, kw_only=True):
    """How far a search is: in which stretch, and behind which key it goes on."""

    run: int = 0
    key: Key | None = None


class Found(Struct, frozen=True, kw_only=True):
    """What a step has found, oldest death first, and where the next one looks; None: nowhere."""

    entries: list[Entry]
    next: Place | None


def search_for(tx: Transaction, where: str, *, now_ms: int, until_ms: int | None = None) -> Search:
    """Understand a filter. Raises FilterError.

    until_ms: whatever dies later is not in the set; None: now_ms.
    """
    made, runs = stretches(tx, LETTERS, where, now_ms=now_ms)
    # Bounds become the ends of the search. Left beside the place of a later step they would be
    # what the index is entered by, and every step would walk over all that came before it.
    lower = [bound.params[0] for bound in made.bounds if ">" in bound.text]
    upper = [bound.params[0] for bound in made.bounds if "<" in bound.text]
    return Search(
        made=made,
        runs=tuple(runs),
        now_ms=now_ms,
        oldest=(max([-1, *lower]), ""),
        newest=(min([now_ms if until_ms is None else until_ms, *upper]), "~"),
    )


def look(
    tx: Transaction, options: ReplayOptions, search: Search, place: Place, *, rows_max: int
) -> Found:
    """Look at up to rows_max letters for those that pass. Needs no writer."""
    run = search.runs[place.run]
    first = place.key or search.oldest
    last = tx.one(
        f"""
        SELECT d.died_at_ms, d.task_id FROM dead_letter d
         WHERE {run.text}
           AND (d.died_at_ms, d.task_id) > (?, ?) AND (d.died_at_ms, d.task_id) <= (?, ?)
         ORDER BY d.died_at_ms, d.task_id LIMIT 1 OFFSET ?
        """,
        (*run.params, *first, *search.newest, rows_max - 1),
    )
    within = Sql(
        "(d.died_at_ms, d.task_id) > (?, ?) AND (d.died_at_ms, d.task_id) <= (?, ?)",
        (*first, *(last or search.newest)),
    )
    entries = _passing(tx, options.order, search, (run, within, *search.made.sql))
    if last is not None:
        return Found(entries=entries, next=Place(run=place.run, key=(last[0], last[1])))
    run_next = place.run + 1
    return Found(entries=entries, next=Place(run=run_next) if run_next < len(search.runs) else None)


def keep(tx: Transaction, seq: int, entries: Sequence[Entry]) -> None:
    """Write down letters that were found; those that stand there already add nothing."""
    added = 0
    for first in range(0, len(entries), _ROWS):
        some = entries[first : first + _ROWS]
        # One statement for many rows costs half of what a statement for each of them does.
        sql = f"""
            INSERT INTO replay_pending (plan, rank, task_id)
            VALUES {", ".join([f"({seq}, ?, ?)"] * len(some))} ON CONFLICT DO NOTHING
            """
        added += tx.run(sql, tuple(chain.from_iterable(some)))
    _count(tx, seq, added)


def forget_some(tx: Transaction, seq: int, *, rows_max: int) -> int:
    """Take back up to rows_max letters of a set that was not whole; how many were."""
    return replay_plans.remove_entries(tx, seq, count_max=rows_max)


def add_letters(
    tx: Transaction, seq: int, options: ReplayOptions, ids: Sequence[str], *, now_ms: int
) -> None:
    """Keep letters that were named one by one; a task without one is skipped from the start."""
    found: list[Entry] = []
    skipped = 0
    for task_id in dict.fromkeys(ids):
        if (rank := rank_of(tx, options.order, task_id)) is not None:
            found.append((rank, task_id))
            continue
        skipped += tx.run(
            """
            INSERT INTO replay_entry (plan, rank, task_id, state, at_ms, why)
            VALUES (?, ?, ?, 'skipped', ?, ?)
            ON CONFLICT DO NOTHING
            """,
            (seq, replay_entries.START[0], task_id, now_ms, NO_LETTER),
        )
    keep(tx, seq, found)
    _count(tx, seq, skipped)
    tx.run("UPDATE replay_plan SET skipped = skipped + ? WHERE seq = ?", (skipped, seq))


def rank_of(tx: Transaction, order: ReplayOrder, task_id: str) -> int | None:
    """Where a letter would stand in a plan; None without a letter."""
    row = tx.one(
        f"""
        SELECT {_RANKS[order]} FROM dead_letter d JOIN task t ON t.task_id = d.task_id
         WHERE d.task_id = ?
        """,
        (task_id,),
    )
    return row[0] if row else None


def _passing(
    tx: Transaction, order: ReplayOrder, search: Search, conditions: tuple[Sql, ...]
) -> list[Entry]:
    where = " AND ".join(part.text for part in conditions)
    params = tuple(value for condition in conditions for value in condition.params)
    # What is left is a pattern that only Python can decide.
    rest = search.made.rest
    names = record_names(sorted(frozenset().union(*map(fields, rest))))
    columns = ", ".join([_RANKS[order], "d.task_id", *(LETTERS.sql_of[name] for name in names)])
    rows = tx.all(f"SELECT {columns} FROM {LETTERS.joined} WHERE {where}", params)
    if not rest:
        return rows
    return [
        (rank, task_id)
        for rank, task_id, *values in rows
        if all(matches(part, record_of(names, tuple(values)), search.now_ms) for part in rest)
    ]


def _count(tx: Transaction, seq: int, added: int) -> None:
    if added:
        tx.run("UPDATE replay_plan SET total = total + ? WHERE seq = ?", (added, seq))
