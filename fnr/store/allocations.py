"""What running attempts and living workers were given of the host."""

from __future__ import annotations

from collections.abc import Sequence

from fnr.policy.admission import Allocation, Share
from fnr.store.transaction import Transaction

_NAMES = Allocation.__struct_fields__
_COLUMNS = ", ".join(_NAMES)


def grant(
    tx: Transaction,
    shares: Sequence[Share],
    *,
    owner: str,
    worker_id: str,
    function: str,
    now_ms: int,
) -> None:
    """Give shares to an attempt or a worker."""
    tx.many(
        f"INSERT INTO allocation ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (owner, one.kind, one.device, one.amount, one.capacity, worker_id, function, now_ms)
            for one in shares
        ],
    )


def release(tx: Transaction, owner: str) -> int:
    """Take back everything that an attempt or a worker was given; how many shares."""
    return tx.run("DELETE FROM allocation WHERE owner = ?", (owner,))


def holder_lives(tx: Transaction, owner: str) -> bool:
    """Is the owner a running attempt or a living worker?"""
    row = tx.one(
        """
        SELECT EXISTS (SELECT 1 FROM attempt WHERE token = :owner AND outcome = 'running')
            OR EXISTS (SELECT 1 FROM worker WHERE worker_id = :owner AND ended_at_ms IS NULL)
        """,
        {"owner": owner},
    )
    return bool(row and row[0])


def all_given(tx: Transaction) -> list[Allocation]:
    """Everything that is given; a few rows per running attempt at most."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM allocation ORDER BY since_at_ms, owner, kind, device")
    return [Allocation(**dict(zip(_NAMES, row, strict=True))) for row in rows]


def reconcile(tx: Transaction) -> int:
    """Take back what nobody can have any more: no running attempt, no living worker; how much."""
    return tx.run(
        """
        DELETE FROM allocation
         WHERE NOT EXISTS (SELECT 1 FROM attempt a
                            WHERE a.token = allocation.owner AND a.outcome = 'running')
           AND NOT EXISTS (SELECT 1 FROM worker w
                            WHERE w.worker_id = allocation.owner AND w.ended_at_ms IS NULL)
        """
    )
