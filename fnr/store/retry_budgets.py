"""What functions may still spend on retries, and the tasks that wait until it is earned."""

from __future__ import annotations

from fnr.policy.pace import BUDGET
from fnr.policy.task import TaskState
from fnr.store.transaction import Transaction


def balance_ms(tx: Transaction, function: str) -> int | None:
    """What the function's budget holds; None when nothing was ever spent or earned."""
    row = tx.one("SELECT balance_ms FROM retry_budget WHERE function = ?", (function,))
    return row[0] if row else None


def put(tx: Transaction, function: str, balance: int, *, now_ms: int) -> None:
    """Remember what it holds now."""
    tx.run(
        """
        INSERT INTO retry_budget (function, balance_ms, at_ms) VALUES (?, ?, ?)
        ON CONFLICT (function) DO UPDATE
           SET balance_ms = excluded.balance_ms, at_ms = excluded.at_ms
        """,
        (function, balance, now_ms),
    )


def balances(tx: Transaction) -> dict[str, int]:
    """Every function whose budget was touched."""
    return dict(tx.all("SELECT function, balance_ms FROM retry_budget ORDER BY function"))


def parked_functions(tx: Transaction) -> set[str]:
    """Functions that have parked tasks."""
    found: set[str] = set()
    name = ""
    while True:
        row = tx.one(
            f"""
            SELECT function FROM task
             WHERE state = 'waiting' AND waiting_for = '{BUDGET}' AND function > ?
             ORDER BY function LIMIT 1
            """,
            (name,),
        )
        if row is None:
            return found
        name = row[0]
        found.add(name)


def wake(tx: Transaction, function: str, *, count_max: int, now_ms: int) -> list[int]:
    """Queue the tasks that were parked first; when each is due, no sooner than its backoff."""
    rows = tx.all(
        f"""
        SELECT t.task_id,
               t.state_at_ms + coalesce((SELECT l.delay_ms FROM ledger l
                                          WHERE l.task_id = t.task_id AND l.action = 'park'
                                          ORDER BY l.seq DESC LIMIT 1), 0)
          FROM task t
         WHERE t.state = 'waiting' AND t.waiting_for = '{BUDGET}' AND t.function = ?
         ORDER BY t.state_at_ms, t.task_id
         LIMIT ?
        """,
        (function, count_max),
    )
    due = [(max(now_ms, ready_at_ms), task_id) for task_id, ready_at_ms in rows]
    tx.many(
        """
        UPDATE task
           SET state = 'queued', waiting_for = NULL, state_at_ms = ?, due_at_ms = ?
         WHERE task_id = ?
        """,
        [(now_ms, due_at_ms, task_id) for due_at_ms, task_id in due],
    )
    tx.count(function, TaskState.WAITING, -len(due))
    tx.count(function, TaskState.QUEUED, len(due))
    return [due_at_ms for due_at_ms, _ in due]
