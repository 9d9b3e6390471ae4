"""Forget what is old enough, in bounded steps; dead letters are never forgotten by age."""

from __future__ import annotations

from fnr.policy.task import TaskState
from fnr.store import incidents, replay_plans, workers
from fnr.store.ids import id_at
from fnr.store.transaction import Transaction

# How many tasks a step looks at: old ones that ended late are passed over each time.
LOOKED_AT_MAX = 5_000


def prune_step(
    tx: Transaction,
    *,
    done_before_ms: int,
    cancelled_before_ms: int,
    incidents_before_ms: int,
    count_max: int,
) -> int:
    """Remove up to count_max tasks that ended before then; call again while it removes so many.

    A cancelled task with a letter stays: the letter was resolved, and `dlq purge` removes it. One
    whose undo has not ended, or needs an operator, stays as well.
    Incidents go when they are resolved, their errors are gone and nothing came since then. Replays
    go with their entries, one after the other.
    """
    removed = 0
    for state, before_ms in (
        (TaskState.DONE, done_before_ms),
        (TaskState.CANCELLED, cancelled_before_ms),
    ):
        for (function,) in tx.all(
            "SELECT function FROM tally WHERE state = ? AND count > 0", (state,)
        ):
            if removed < count_max:
                removed += _prune(tx, function, state, before_ms, count_max - removed)
    workers.forget_oldest(tx)
    incidents.forget(tx, quiet_before_ms=incidents_before_ms, count_max=count_max)
    entries = replay_plans.forget(tx, ended_before_ms=cancelled_before_ms, count_max=count_max)
    return max(removed, entries)


def _prune(tx: Transaction, function: str, state: str, before_ms: int, count_max: int) -> int:
    # A task that ended before then was also born before then, so the scan stops at that id.
    rows = tx.all(
        """
        SELECT old.task_id
          FROM (SELECT task_id, state_at_ms FROM task
                 WHERE function = :function AND state = :state AND task_id < :born_before
                 ORDER BY task_id
                 LIMIT :looked_at_max) AS old
         WHERE old.state_at_ms < :before_ms
           AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.task_id = old.task_id)
           AND NOT EXISTS (SELECT 1 FROM undo_step u
                            WHERE u.task_id = old.task_id
                              AND u.state IN ('recorded', 'undoing', 'needs_operator'))
         LIMIT :count_max
        """,
        {
            "function": function,
            "state": state,
            "born_before": id_at(before_ms),
            "looked_at_max": LOOKED_AT_MAX,
            "before_ms": before_ms,
            "count_max": count_max,
        },
    )
    tx.many("DELETE FROM task WHERE task_id = ?", rows)
    tx.count(function, state, -len(rows))
    return len(rows)
