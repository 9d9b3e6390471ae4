"""Forget what is old enough, in bounded steps; dead letters are never forgotten by age."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fnr.policy.task import TaskState
from fnr.store import incidents, replay_plans, workers
from fnr.store.ids import id_at
from fnr.store.transaction import Transaction

# How many tasks of a function a step looks at: those that have to stay are passed over.
LOOKED_AT_MAX = 5_000

# Function and state -> the last task that was looked at in this round.
Places = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a step removed, where the next one goes on, and whether there is anything to go on with.

    A place is kept from step to step, because thousands that have to stay may stand before one
    that may go.
    """

    removed: int
    places: Places
    more: bool


def prune_step(
    tx: Transaction,
    *,
    done_before_ms: int,
    cancelled_before_ms: int,
    incidents_before_ms: int,
    count_max: int,
    places: Places,
    enough: Callable[[], bool],
) -> Pruned:
    """Remove up to count_max tasks that ended before then, and no more once that is enough.

    enough: has it taken too long? What belongs to a task may be of any size.

    A cancelled task with a letter stays: the letter was resolved, and `dlq purge` removes it. One
    whose undo has not ended, or needs an operator, stays as well.
    Incidents go when they are resolved, their errors are gone and nothing came since then. Replays
    go with their entries, one after the other.
    """
    removed, more, reached = 0, False, dict(places)
    for state, before_ms in (
        (TaskState.DONE, done_before_ms),
        (TaskState.CANCELLED, cancelled_before_ms),
    ):
        for (function,) in tx.all(
            "SELECT function FROM tally WHERE state = ? AND count > 0", (state,)
        ):
            if removed == count_max or (removed and enough()):
                more = True
                break
            place = (function, state)
            after = places.get(place, "")
            left = count_max - removed
            gone, last = _prune(
                tx, function, state, before_ms=before_ms, after=after, count_max=left, enough=enough
            )
            removed += gone
            if last is not None:
                reached[place] = last
                more = True
    ended = workers.forget_oldest(tx, count_max=count_max)
    rested = incidents.forget(tx, quiet_before_ms=incidents_before_ms, count_max=count_max)
    replayed = replay_plans.forget(tx, ended_before_ms=cancelled_before_ms, count_max=count_max)
    more = more or count_max in {ended, rested} or replayed > 0
    return Pruned(removed=removed, places=reached if more else {}, more=more)


def _prune(
    tx: Transaction,
    function: str,
    state: str,
    *,
    before_ms: int,
    after: str,
    count_max: int,
    enough: Callable[[], bool],
) -> tuple[int, str | None]:
    """How many went, and the last one that was looked at; None when that was all."""
    # A task that ended before then was also born before then, so the scan stops at that id.
    values = {
        "function": function,
        "state": state,
        "after": after,
        "born_before": id_at(before_ms),
        "looked_at_max": LOOKED_AT_MAX,
        "before_ms": before_ms,
        "count_max": count_max,
    }
    rows = tx.all(
        """
        SELECT old.task_id
          FROM (SELECT task_id, state_at_ms FROM task
                 WHERE function = :function AND state = :state
                   AND task_id > :after AND task_id < :born_before
                 ORDER BY task_id
                 LIMIT :looked_at_max) AS old
         WHERE old.state_at_ms < :before_ms
           AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.task_id = old.task_id)
           AND NOT EXISTS (SELECT 1 FROM undo_step u
                            WHERE u.task_id = old.task_id
                              AND u.state IN ('recorded', 'undoing', 'needs_operator'))
         ORDER BY old.task_id
         LIMIT :count_max
        """,
        values,
    )
    last = tx.one(
        """
        SELECT task_id FROM task
         WHERE function = :function AND state = :state
           AND task_id > :after AND task_id < :born_before
         ORDER BY task_id
         LIMIT 1 OFFSET :looked_at_max - 1
        """,
        values,
    )
    gone = 0
    for row in rows:
        tx.run("DELETE FROM task WHERE task_id = ?", row)
        gone += 1
        if enough():
            break
    tx.count(function, state, -gone)
    if gone == count_max or gone < len(rows):
        return gone, str(rows[gone - 1][0])
    return gone, None if last is None else str(last[0])
