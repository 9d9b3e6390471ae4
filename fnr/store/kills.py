"""Our own kill ledger: who asked for the end of an attempt, written before the signal is sent."""

from __future__ import annotations

from fnr.policy.evidence import KilledBy
from fnr.store.connection import Transaction


def note(tx: Transaction, token: str, *, reason: KilledBy, why: str, now_ms: int) -> None:
    """Write down that we end this attempt; the first reason stays."""
    tx.run(
        """
        INSERT INTO kill_note (token, reason, why, at_ms)
        SELECT token, :reason, :why, :now_ms FROM attempt
         WHERE token = :token AND outcome = 'running'
            ON CONFLICT DO NOTHING
        """,
        {"token": token, "reason": reason.value, "why": why, "now_ms": now_ms},
    )


def find(tx: Transaction, token: str) -> tuple[KilledBy, str] | None:
    """Why we ended this attempt; None when we did not."""
    row = tx.one("SELECT reason, why FROM kill_note WHERE token = :token", {"token": token})
    return (KilledBy(row[0]), row[1]) if row else None
