"""Tasks that wait for a condition: what for, who is next, and waking them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from fnr.policy.task import PRIORITY_MAX, TaskState
from fnr.policy.verdict import Action, Decision
from fnr.store import ledger
from fnr.store.transaction import Transaction

# More than this is "many" for whoever asks how many wait.
COUNTED_MAX = 10_000


class Waiter(Struct, frozen=True):
    """A waiting task: who it is, and its place in the order."""

    task_id: str
    function: str
    priority: int


def texts(tx: Transaction, *, count_max: int) -> list[str]:
    """What is waited for, each text once; a seek per text, however many tasks wait for it."""
    found: list[str] = []
    last = ""
    while len(found) < count_max:
        row = tx.one(
            "SELECT min(waiting_for) FROM task WHERE state = 'waiting' AND waiting_for > ?", (last,)
        )
        if row is None or row[0] is None:
            break
        last = row[0]
        found.append(last)
    return found


def is_waited_for(tx: Transaction, text: str) -> bool:
    """Does any task still wait for this?"""
    row = tx.one("SELECT 1 FROM task WHERE state = 'waiting' AND waiting_for = ? LIMIT 1", (text,))
    return row is not None


def count(tx: Transaction, text: str) -> int:
    """How many tasks wait for this, up to COUNTED_MAX."""
    row = tx.one(
        """
        SELECT count(*) FROM (
               SELECT 1 FROM task WHERE state = 'waiting' AND waiting_for = ? LIMIT ?) AS waiting
        """,
        (text, COUNTED_MAX),
    )
    return row[0] if row else 0


def next_waiters(
    tx: Transaction,
    text: str,
    *,
    missed_at_ms: int,
    now_ms: int,
    count_max: int,
    without: Collection[str] = (),
) -> list[Waiter]:
    """Who is to be woken first: highest priority, then oldest.

    missed_at_ms: when the condition was last seen not to hold. Who waits since before then is
    woken at once. Who came later failed while the condition seemed to hold, so that it is not the
    whole truth: such a task rests 1 s, 4 s, 16 s, … before it is believed again.
    without: functions whose tasks are passed over.
    """
    passed = {f"without_{number}": function for number, function in enumerate(without)}
    others = f"AND function NOT IN ({', '.join(f':{name}' for name in passed)})" if passed else ""
    rows = tx.all(
        f"""
        SELECT task_id, function, priority FROM task
         WHERE state = 'waiting' AND waiting_for = :text
           AND (state_at_ms <= :missed_at_ms
                OR state_at_ms + CASE WHEN waits <= 1 THEN 1000
                                      WHEN waits < 8 THEN 1000 << (2 * (waits - 1))
                                      ELSE 16384000 END <= :now_ms)
               {others}
         ORDER BY priority DESC, task_id
         LIMIT :count_max
        """,
        {
            "text": text,
            "missed_at_ms": missed_at_ms,
            "now_ms": now_ms,
            "count_max": count_max,
            **passed,
        },
    )
    return [Waiter(*row) for row in rows]


def most_urgent(tx: Transaction, function: str, *, now_ms: int) -> Waiter | None:
    """The due task of a function that is to start first: highest priority, then oldest."""
    level: int | None = PRIORITY_MAX + 1
    while True:
        row = tx.one(
            """
            SELECT max(priority) FROM task
             WHERE state = 'queued' AND function = ? AND priority < ?
            """,
            (function, level),
        )
        level = row[0] if row else None
        if level is None:
            return None
        row = tx.one(
            """
            SELECT task_id FROM task
             WHERE state = 'queued' AND function = ? AND priority = ? AND due_at_ms <= ?
             ORDER BY due_at_ms, task_id LIMIT 1
            """,
            (function, level, now_ms),
        )
        if row is not None:
            return Waiter(row[0], function, level)


def wake(tx: Transaction, waiters: Sequence[Waiter], *, why: str, now_ms: int) -> None:
    """Put these back into the queue, due now, each with its reason in the ledger."""
    for waiter in waiters:
        woken = tx.run(
            """
            UPDATE task
               SET state = 'queued', waiting_for = NULL, state_at_ms = ?, due_at_ms = ?
             WHERE task_id = ? AND state = 'waiting'
            """,
            (now_ms, now_ms, waiter.task_id),
        )
        if woken:
            decision = Decision(action=Action.WAKE, why=why)
            ledger.add(tx, decision, at_ms=now_ms, task_id=waiter.task_id)
            tx.count(waiter.function, TaskState.WAITING, -1)
            tx.count(waiter.function, TaskState.QUEUED, 1)
