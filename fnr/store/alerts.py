"""Alerts: one row for each cause on each channel."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from fnr.policy.alert import Alert, AlertState, Told, hushed
from fnr.policy.record import PAGE_ITEMS_MAX
from fnr.store.rows import json_text, marks
from fnr.store.transaction import Row, Transaction

# A channel that nobody answers for a week must not fill the disk.
ROWS_MAX = 10_000

_NAMES = (
    "channel", "about", "state", "body", "count", "fresh", "first_at_ms", "last_at_ms",
    "due_at_ms", "told_at_ms", "told_over", "tries", "failing_since_ms", "why",
)  # fmt: skip
_COLUMNS = ", ".join(_NAMES)
_KEEP = (
    f"INSERT INTO alert ({_COLUMNS}) VALUES ({marks(_NAMES)})"
    " ON CONFLICT (channel, about) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NAMES[2:])
)
# That it is over is still to be told, and there are few.
_LASTS = "json_extract(body, '$.standing') AND NOT json_extract(body, '$.over')"
_alert = msgspec.json.Decoder(Alert)


def get(tx: Transaction, channel: str, about: str) -> Told | None:
    """What a channel knows of a cause."""
    row = tx.one(f"SELECT {_COLUMNS} FROM alert WHERE channel = ? AND about = ?", (channel, about))
    return told_of(row) if row else None


def keep(tx: Transaction, told: Told) -> None:
    """Store what it knows now."""
    tx.run(
        _KEEP,
        (
            told.channel, told.alert.about, told.state, json_text(told.alert), told.count,
            told.fresh, told.first_at_ms, told.last_at_ms, told.due_at_ms, told.told_at_ms,
            told.told_over, told.tries, told.failing_since_ms, told.why,
        ),
    )  # fmt: skip


def forget(tx: Transaction, channel: str, about: str) -> None:
    """It was never told, and need not be."""
    tx.run("DELETE FROM alert WHERE channel = ? AND about = ?", (channel, about))


def due(tx: Transaction, channel: str, *, count_max: int) -> list[Told]:
    """What is to be told there, now or later, the first due first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM alert"
        " WHERE channel = ? AND due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT ?",
        (channel, count_max),
    )
    return [told_of(row) for row in rows]


def to_tell(tx: Transaction, channel: str, *, count_max: int) -> list[Told]:
    """What is due, without what somebody has said is known since it came."""
    found = []
    for told in due(tx, channel, count_max=count_max):
        if not (told.alert.incident_id and is_quiet(tx, told.alert.incident_id)):
            found.append(told)
        elif (after := hushed(told)) is None:
            forget(tx, channel, told.alert.about)
        else:
            keep(tx, after)
    return found


def of_channel(tx: Transaction, channel: str, kinds: Collection[str]) -> list[Told]:
    """All that it knows of these kinds; there are few."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM alert WHERE channel = ?", (channel,))
    return [told for row in rows if (told := told_of(row)).alert.kind in kinds]


def last_told_ms(tx: Transaction, channel: str) -> int | None:
    """When it was last told something."""
    row = tx.one("SELECT max(told_at_ms) FROM alert WHERE channel = ?", (channel,))
    return None if row is None or row[0] is None else int(row[0])


def is_quiet(tx: Transaction, incident_id: str) -> bool:
    """Has somebody said that an incident is known, or is not to be told of for a while?"""
    row = tx.one(
        "SELECT state = 'snoozed' OR acked_by <> '' FROM incident WHERE incident_id = ?",
        (incident_id,),
    )
    return bool(row and row[0])


def make_room(tx: Transaction, channels: Collection[str], *, told_before_ms: int) -> None:
    """Forget what belongs to no channel any more, what was told long ago, and what is too much."""
    known = [name for (name,) in tx.all("SELECT DISTINCT channel FROM alert", ())]
    tx.many("DELETE FROM alert WHERE channel = ?", [(n,) for n in known if n not in channels])
    tx.run(
        f"DELETE FROM alert WHERE last_at_ms < ? AND state <> 'due' AND NOT ({_LASTS})",
        (told_before_ms,),
    )
    row = tx.one(
        "SELECT last_at_ms FROM alert ORDER BY last_at_ms DESC LIMIT 1 OFFSET ?", (ROWS_MAX,)
    )
    if row is not None:
        tx.run(f"DELETE FROM alert WHERE last_at_ms <= ? AND NOT ({_LASTS})", (row[0],))


def listed(tx: Transaction, *, channel: str | None = None, limit: int = 50) -> list[Told]:
    """The latest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM alert WHERE ? IS NULL OR channel = ?"
        " ORDER BY last_at_ms DESC, channel DESC, about DESC LIMIT ?",
        (channel, channel, max(1, min(limit, PAGE_ITEMS_MAX))),
    )
    return [told_of(row) for row in rows]


def told_of(row: Row) -> Told:
    """A row as a value."""
    (
        channel, _, state, body, count, fresh, first_at_ms, last_at_ms,
        due_at_ms, told_at_ms, told_over, tries, failing_since_ms, why,
    ) = row  # fmt: skip
    return Told(
        channel=channel,
        alert=_alert.decode(body),
        state=AlertState(state),
        count=count,
        fresh=fresh,
        first_at_ms=first_at_ms,
        last_at_ms=last_at_ms,
        due_at_ms=due_at_ms,
        told_at_ms=told_at_ms,
        told_over=bool(told_over),
        tries=tries,
        failing_since_ms=failing_since_ms,
        why=why,
    )
