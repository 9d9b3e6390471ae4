"""Freeze the set of a replay: find the letters that a filter means, and write them down.

In steps of bounded size, each a unit of its own, so that others write in between. A step that is
made again adds nothing, so a plan whose freezing was cut short begins it afresh. Oldest first: rows
that are added at the end of an index cost half of those in its middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from fnr.policy.filter_match import matches
from fnr.policy.filter_tree import fields
from fnr.policy.replay import ReplayOptions, ReplayOrder
from fnr.store.filter import Plan, Sql
from fnr.store.letters import NO_LETTER
from fnr.store.listing import LETTERS, record_names, record_of
from fnr.store.paging import stretches
from fnr.store.transaction import Transaction

Key = tuple[int, str]
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


def search_for(tx: Transaction, where: str, *, now_ms: int) -> Search:
    """Understand a filter. Raises FilterError. now_ms: whatever dies later is not in the set."""
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
        newest=(min([now_ms, *upper]), "~"),
    )


def freeze_some(
    tx: Transaction,
    seq: int,
    options: ReplayOptions,
    search: Search,
    place: Place,
    *,
    rows_max: int,
) -> Place | None:
    """Look at up to rows_max letters and keep those that pass; None when all were looked at."""
    if place.run >= len(search.runs):
        return None
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
    conditions = (run, within, *search.made.sql)
    if search.made.rest:
        added = _add_matching(tx, seq, options.order, search, conditions)
    else:
        added = _add_selected(tx, seq, options.order, conditions)
    _count(tx, seq, added)
    if last is None:
        return Place(run=place.run + 1) if place.run + 1 < len(search.runs) else None
    return Place(run=place.run, key=(last[0], last[1]))


def add_letters(tx: Transaction, seq: int, options: ReplayOptions, ids: Sequence[str]) -> None:
    """Keep letters that were named one by one; a task without one is skipped from the start."""
    added = skipped = 0
    for task_id in dict.fromkeys(ids):
        row = tx.one(
            f"""
            SELECT {_RANKS[options.order]} FROM dead_letter d JOIN task t ON t.task_id = d.task_id
             WHERE d.task_id = ?
            """,
            (task_id,),
        )
        if row is not None:
            added += tx.run(_INSERT, (seq, row[0], task_id))
            continue
        skipped += tx.run(
            """
            INSERT INTO replay_entry (plan, rank, task_id, state, why)
            VALUES (?, 0, ?, 'skipped', ?)
            ON CONFLICT DO NOTHING
            """,
            (seq, task_id, NO_LETTER),
        )
    _count(tx, seq, added + skipped)
    tx.run("UPDATE replay_plan SET skipped = skipped + ? WHERE seq = ?", (skipped, seq))


_INSERT = "INSERT INTO replay_entry (plan, rank, task_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


def _add_selected(
    tx: Transaction, seq: int, order: ReplayOrder, conditions: tuple[Sql, ...]
) -> int:
    """The store alone decides, in one statement."""
    where = " AND ".join(part.text for part in conditions)
    return tx.run(
        f"""
        INSERT INTO replay_entry (plan, rank, task_id)
        SELECT ?, {_RANKS[order]}, d.task_id FROM {LETTERS.joined} WHERE {where}
        ON CONFLICT DO NOTHING
        """,
        (seq, *_params(conditions)),
    )


def _add_matching(
    tx: Transaction, seq: int, order: ReplayOrder, search: Search, conditions: tuple[Sql, ...]
) -> int:
    """Part of the filter is a pattern that only Python can decide."""
    names = record_names(sorted(frozenset().union(*map(fields, search.made.rest))))
    columns = ", ".join(LETTERS.sql_of[name] for name in names)
    where = " AND ".join(part.text for part in conditions)
    added = 0
    for task_id, place, *values in tx.all(
        f"SELECT d.task_id, {_RANKS[order]}, {columns} FROM {LETTERS.joined} WHERE {where}",
        tuple(_params(conditions)),
    ):
        record = record_of(names, tuple(values))
        if all(matches(part, record, search.now_ms) for part in search.made.rest):
            added += tx.run(_INSERT, (seq, place, task_id))
    return added


def _count(tx: Transaction, seq: int, added: int) -> None:
    if added:
        tx.run("UPDATE replay_plan SET total = total + ? WHERE seq = ?", (added, seq))


def _params(conditions: Sequence[Sql]) -> Iterator[Any]:
    return (value for condition in conditions for value in condition.params)
