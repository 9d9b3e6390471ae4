"""Attempts that ran when the copy was made that is the store now, whatever came of them."""

from __future__ import annotations

from fnr.store import tasks
from fnr.store.transaction import Transaction


def note(tx: Transaction) -> None:
    """Keep which attempts a copy calls running that is put in the store's place."""
    tx.run("DELETE FROM meta WHERE key = 'restored'")
    value = " ".join(attempt.token for _, attempt in tasks.running(tx))
    if value:
        tx.run("INSERT INTO meta (key, value) VALUES ('restored', ?)", (value,))


def tokens(tx: Transaction) -> frozenset[str]:
    """The attempts that ran in the copy; none if the store is no copy."""
    row = tx.one("SELECT value FROM meta WHERE key = 'restored'")
    return frozenset(str(row[0]).split()) if row else frozenset()
