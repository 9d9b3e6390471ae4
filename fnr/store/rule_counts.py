"""How often each rule decided, counted in the transaction of each error and each correction."""

from __future__ import annotations

from fnr.policy.record import RuleCount
from fnr.store.transaction import Transaction


def hit(tx: Transaction, rule: str, *, at_ms: int) -> None:
    """A rule has named an error."""
    tx.run(
        """
        INSERT INTO rule_count (rule, hits, first_at_ms, last_at_ms)
        VALUES (:rule, 1, :at_ms, :at_ms)
        ON CONFLICT (rule) DO UPDATE
           SET hits = hits + 1, first_at_ms = min(first_at_ms, :at_ms),
               last_at_ms = max(last_at_ms, :at_ms)
        """,
        {"rule": rule, "at_ms": at_ms},
    )


def correct(tx: Transaction, rule: str, *, delta: int) -> None:
    """A person has said that a rule was wrong (1), or takes that back (-1)."""
    tx.run(
        "UPDATE rule_count SET corrected = max(0, min(hits, corrected + ?)) WHERE rule = ?",
        (delta, rule),
    )


def counts(tx: Transaction) -> list[RuleCount]:
    """Every rule that ever decided, by name."""
    rows = tx.all(
        "SELECT rule, hits, corrected, first_at_ms, last_at_ms FROM rule_count ORDER BY rule"
    )
    return [
        RuleCount(rule=rule, hits=hits, corrected=wrong, first_at_ms=first, last_at_ms=last)
        for rule, hits, wrong, first, last in rows
    ]
