"""Find what was accepted before, for those who ask again and have no answer from the first time."""

from __future__ import annotations

from collections.abc import Iterable

from fnr.store.transaction import Transaction


def known(tx: Transaction, task_id: str | None, idempotency_key: str | None) -> str | None:
    """The remembered task that has this id or key."""
    row = tx.one(
        """
        SELECT task_id FROM task WHERE task_id = ?
        UNION ALL
        SELECT task_id FROM task WHERE idempotency_key = ?
        """,
        (task_id, idempotency_key),
    )
    return row[0] if row else None


def all_known(tx: Transaction, names: Iterable[tuple[str | None, str | None]]) -> list[str] | None:
    """The same of many; None if there is one that is not remembered."""
    found = []
    for task_id, key in names:
        if (one := known(tx, task_id, key)) is None:
            return None
        found.append(one)
    return found
