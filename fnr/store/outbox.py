"""Effects decided but not yet delivered; a row stays until its effect is done."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fnr.policy.verdict import Effect
from fnr.store.rows import json_text
from fnr.store.transaction import Transaction


def add(tx: Transaction, effect: Effect, *, now_ms: int) -> None:
    """Keep an effect until it is delivered; one that is already kept stays as it is."""
    tx.run(
        """
        INSERT INTO outbox (key, kind, data, at_ms, due_at_ms) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (key) DO NOTHING
        """,
        (effect.key, effect.kind, json_text(effect.data), now_ms, now_ms),
    )


def due(tx: Transaction, *, now_ms: int, count_max: int) -> list[Effect]:
    """The effects to deliver now, oldest first."""
    rows = tx.all(
        """
        SELECT key, kind, data FROM outbox
         WHERE due_at_ms <= ? ORDER BY due_at_ms, seq LIMIT ?
        """,
        (now_ms, count_max),
    )
    return [Effect(key=key, kind=kind, data=msgspec.json.decode(data)) for key, kind, data in rows]


def done(tx: Transaction, keys: Sequence[str]) -> None:
    """These effects are delivered."""
    tx.many("DELETE FROM outbox WHERE key = ?", [(key,) for key in keys])
