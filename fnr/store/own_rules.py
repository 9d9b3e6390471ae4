"""Were there rules of the operator's when rules were last read? A lost rules.d says nothing."""

from __future__ import annotations

from fnr.store.transaction import Transaction


def had_any(tx: Transaction) -> bool:
    """Did rules.d have files when it was last read?"""
    return tx.one("SELECT 1 FROM meta WHERE key = 'own_rules'") is not None


def note(tx: Transaction, *, any_now: bool) -> None:
    """Keep for the next daemon whether rules.d has files."""
    if any_now:
        tx.run(
            "INSERT INTO meta (key, value) VALUES ('own_rules', '') ON CONFLICT (key) DO NOTHING"
        )
    else:
        tx.run("DELETE FROM meta WHERE key = 'own_rules'")
