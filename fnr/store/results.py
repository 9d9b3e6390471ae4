"""Results of tasks that are done."""

from __future__ import annotations

from fnr.store.transaction import Transaction


def add(tx: Transaction, task_id: str, *, token: str, body: bytes) -> None:
    """Keep what the attempt returned."""
    tx.run(
        "INSERT INTO task_result (task_id, token, body) VALUES (?, ?, ?)",
        (task_id, token, body.decode()),
    )


def body(tx: Transaction, task_id: str) -> bytes | None:
    """A task's result as JSON; None while it has none."""
    row = tx.one("SELECT body FROM task_result WHERE task_id = ?", (task_id,))
    return bytes(row[0], "utf-8") if row else None
