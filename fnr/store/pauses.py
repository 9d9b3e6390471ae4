"""Pauses before the next try, when the wall clock they were reckoned by has been set."""

from __future__ import annotations

from fnr.store.tally import functions
from fnr.store.transaction import Transaction

# What was tried before and is due later pauses after a failure; what was never tried is due when
# somebody said, and stays so.
_PAUSED = (
    "state = 'waiting'",
    "state = 'queued' AND attempts > 0 AND function = :function",
)


def shift(tx: Transaction, *, by_ms: int, old_now_ms: int) -> int:
    """The clock was set by so much: pauses go on as long as they would have; how many."""
    moved = 0
    for where, names in ((_PAUSED[0], [""]), (_PAUSED[1], functions(tx))):
        for function in names:
            moved += tx.run(
                f"""
                UPDATE task
                   SET due_at_ms = CASE WHEN due_at_ms + :by_ms < 0 THEN 0
                                        ELSE due_at_ms + :by_ms END
                 WHERE {where} AND due_at_ms > :old_now_ms
                """,
                {"by_ms": by_ms, "old_now_ms": old_now_ms, "function": function},
            )
    return moved


def bound(tx: Transaction, *, latest_at_ms: int) -> int:
    """No pause ends later than this: the clock may have been set back while nobody watched."""
    moved = 0
    for where, names in ((_PAUSED[0], [""]), (_PAUSED[1], functions(tx))):
        for function in names:
            moved += tx.run(
                f"""
                UPDATE task SET due_at_ms = :latest_at_ms
                 WHERE {where} AND due_at_ms > :latest_at_ms
                """,
                {"latest_at_ms": latest_at_ms, "function": function},
            )
    return moved
