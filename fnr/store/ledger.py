"""Every decision on record, in the transaction of its effect."""

from __future__ import annotations

from fnr.policy.record import LedgerRow
from fnr.policy.verdict import Decision
from fnr.store.rows import LEDGER_COLUMNS, ledger_of
from fnr.store.transaction import Transaction


def add(
    tx: Transaction, decision: Decision, *, at_ms: int, task_id: str, token: str | None = None
) -> None:
    """Put a decision on record; token names the attempt whose end it answers."""
    tx.run(
        """
        INSERT INTO ledger (at_ms, task_id, token, action, why, category, strategy, rule,
                            delay_ms, decided_by)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            at_ms, task_id, token, decision.action, decision.why, decision.category,
            decision.strategy, decision.rule, decision.delay_ms, decision.decided_by,
        ),
    )  # fmt: skip


def of_task(tx: Transaction, task_id: str) -> list[LedgerRow]:
    """A task's decisions in the order of their commit."""
    rows = tx.all(f"SELECT {LEDGER_COLUMNS} FROM ledger WHERE task_id = ? ORDER BY seq", (task_id,))
    return [ledger_of(row) for row in rows]
