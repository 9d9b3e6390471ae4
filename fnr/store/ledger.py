"""Every decision on record, in the transaction of its effect."""

from __future__ import annotations

from fnr.policy.record import LedgerRow
from fnr.policy.verdict import Action, Decision
from fnr.store.rows import LEDGER_COLUMNS, json_text, ledger_of
from fnr.store.transaction import Transaction


def add(
    tx: Transaction,
    decision: Decision,
    *,
    at_ms: int,
    task_id: str,
    token: str | None = None,
    error_id: str | None = None,
) -> None:
    """Put a decision on record; token and error_id name the attempt and the failure it answers."""
    tx.run(
        """
        INSERT INTO ledger (at_ms, task_id, token, action, why, category, strategy, rule,
                            delay_ms, decided_by, error_id, numbers)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            at_ms, task_id, token, decision.action, decision.why, decision.category,
            decision.strategy, decision.rule, decision.delay_ms, decision.decided_by,
            error_id, json_text(decision.numbers) if decision.numbers else "{}",
        ),
    )  # fmt: skip


def of_task(tx: Transaction, task_id: str) -> list[LedgerRow]:
    """A task's decisions in the order of their commit."""
    rows = tx.all(f"SELECT {LEDGER_COLUMNS} FROM ledger WHERE task_id = ? ORDER BY seq", (task_id,))
    return [ledger_of(row) for row in rows]


# Decisions that give a task another try after a failure.
RECOVERIES = frozenset({Action.RETRY, Action.WAIT, Action.PARK, Action.DEGRADE})


def recoveries(tx: Transaction, task_id: str, *, since_ms: int) -> tuple[int, ...]:
    """When a task was given another try after a failure, since then and since its last replay."""
    rows = tx.all(
        """
        SELECT at_ms, action FROM ledger
         WHERE task_id = ? AND at_ms > ? AND (error_id IS NOT NULL OR action = 'replay')
         ORDER BY seq
        """,
        (task_id, since_ms),
    )
    found: list[int] = []
    for at_ms, action in rows:
        if action == Action.REPLAY:
            found.clear()
        elif action in RECOVERIES:
            found.append(at_ms)
    return tuple(found)
