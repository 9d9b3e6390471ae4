"""Which GPUs are trusted again, whatever the kernel log said of them before."""

from __future__ import annotations

from fnr.store.transaction import Transaction


def trust(
    tx: Transaction, place: str, *, boot_id: str, until_us: int, at_ms: int, author: str, why: str
) -> None:
    """What was said of the GPU at this place up to then counts no more.

    until_us: on the log's own clock.
    """
    tx.run(
        """
        INSERT INTO gpu_trust (place, boot_id, until_us, at_ms, author, why)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (place) DO UPDATE SET
            boot_id = excluded.boot_id, until_us = excluded.until_us, at_ms = excluded.at_ms,
            author = excluded.author, why = excluded.why
        """,
        (place, boot_id, until_us, at_ms, author, why),
    )


def trusted(tx: Transaction, boot_id: str) -> dict[str, int]:
    """Place → up to which moment of this boot's log nothing counts."""
    return dict(tx.all("SELECT place, until_us FROM gpu_trust WHERE boot_id = ?", (boot_id,)))
