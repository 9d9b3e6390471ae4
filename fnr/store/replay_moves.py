"""The moves of a replay: who made each, when and why."""

from __future__ import annotations

from fnr.policy.replay import ReplayMove, ReplayPlan, ReplayState
from fnr.store.transaction import Transaction

# A breaker that flaps moves a plan twice each time; how it was made is kept all the same.
MOVES_MAX = 200


def note(tx: Transaction, seq: int, plan: ReplayPlan) -> None:
    """Keep the move that has led to where the plan is now."""
    [(number,)] = tx.all(
        """
        INSERT INTO replay_move (plan, number, at_ms, state, author, why)
        SELECT :plan, coalesce(max(number), 0) + 1, :at_ms, :state, :author, :why
          FROM replay_move WHERE plan = :plan
        RETURNING number
        """,
        {
            "plan": seq,
            "at_ms": plan.state_at_ms,
            "state": plan.state,
            "author": plan.state_by,
            "why": plan.why,
        },
    )
    tx.run(
        "DELETE FROM replay_move WHERE plan = ? AND number > 1 AND number <= ?",
        (seq, number - MOVES_MAX),
    )


def moves(tx: Transaction, seq: int) -> list[ReplayMove]:
    """The moves of a plan, the oldest first."""
    rows = tx.all(
        "SELECT at_ms, state, author, why FROM replay_move WHERE plan = ? ORDER BY number", (seq,)
    )
    return [
        ReplayMove(at_ms=at_ms, state=ReplayState(state), by=author, why=why)
        for at_ms, state, author, why in rows
    ]
