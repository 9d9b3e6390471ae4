"""Results of tasks that succeeded; apart from the task, because they can be 10 MiB."""

from __future__ import annotations

from fnr.store.transaction import Transaction


def body(tx: Transaction, task_id: str) -> bytes | None:
    """A task's result as JSON; None when it has none."""
    row = tx.one("SELECT body FROM task_result WHERE task_id = ?", (task_id,))
    return bytes(row[0], "utf-8") if row else None
