"""How far attempts got: what a function told us to keep, for the next attempt at its task."""

from __future__ import annotations

from fnr.store.transaction import Transaction


def keep(tx: Transaction, token: str, body: bytes, *, now_ms: int) -> bool:
    """Keep it in place of an earlier one; False when this attempt no longer owns its task."""
    return bool(
        tx.run(
            """
            INSERT INTO checkpoint (task_id, token, function, input_revision, at_ms, body)
            SELECT t.task_id, a.token, t.function, t.input_revision, ?, ?
              FROM attempt a
              JOIN task t ON t.task_id = a.task_id AND t.owner = a.token
             WHERE a.token = ?
            ON CONFLICT (task_id) DO UPDATE
               SET token = excluded.token, function = excluded.function, at_ms = excluded.at_ms,
                   input_revision = excluded.input_revision, body = excluded.body
            """,
            (now_ms, body.decode(), token),
        )
    )


def of_task(tx: Transaction, task_id: str) -> bytes | None:
    """What the next attempt may go on from: only for the same function and the same input."""
    row = tx.one(
        """
        SELECT c.body
          FROM checkpoint c
          JOIN task t ON t.task_id = c.task_id AND t.function = c.function
                     AND t.input_revision = c.input_revision
         WHERE c.task_id = ?
        """,
        (task_id,),
    )
    return bytes(row[0], "utf-8") if row else None


def forget(tx: Transaction, task_id: str) -> None:
    """The task is done; nobody goes on from there."""
    tx.run("DELETE FROM checkpoint WHERE task_id = ?", (task_id,))
