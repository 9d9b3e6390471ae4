"""Breakers: one row each, and a row for every change of state; never one for a call.

What a breaker has counted stands in its row, in the transaction of the attempt that was counted,
so that neither a crash nor a restart loses a streak of failures.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fnr.policy.breaker import Breaker, BreakerMove, BreakerState, Forced
from fnr.policy.breaker_counts import Counts
from fnr.policy.breaker_record import BreakerDetail, BreakerMoveRecord, BreakerStatus
from fnr.policy.breaker_restore import SavedAt
from fnr.policy.record import PAGE_ITEMS_MAX
from fnr.store.ids import NoSuchBreaker
from fnr.store.rows import json_text, marks
from fnr.store.transaction import Row, Transaction

# A service that flaps every second for a week must not fill the disk.
MOVES_KEPT = 1_000
MOVES_SHOWN = 20

_NAMES = (
    "name", "state", "own", "generation", "reopen_ms", "forced_until_ms", "forced_by",
    "forced_reason", "counts", "openings", "closed_ms", "good_trials", "probe_fails", "samples",
    "boot_id", "boot_ms", "at_ms",
)  # fmt: skip
_COLUMNS = ", ".join(f"b.{name}" for name in _NAMES)
_KEEP = (
    f"INSERT INTO breaker ({', '.join(_NAMES)}) VALUES ({marks(_NAMES)})"
    " ON CONFLICT (name) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
)
_MOVE_NAMES = ("name", "generation", "at_ms", "before", "after", "why", "by", "facts")
_counts = msgspec.json.Decoder(Counts)
_samples = msgspec.json.Decoder(tuple[str, ...])
_facts = msgspec.json.Decoder(dict[str, object])


def keep(tx: Transaction, breaker: Breaker, *, now: SavedAt) -> None:
    """Store how a breaker stands."""
    forced = breaker.forced
    tx.run(
        _KEEP,
        (
            breaker.name, breaker.state, breaker.own, breaker.generation, breaker.reopen_ms,
            None if forced is None else forced.until_ms,
            "" if forced is None else forced.by,
            "" if forced is None else forced.reason,
            json_text(breaker.counts), breaker.openings, breaker.closed_ms, breaker.good_trials,
            breaker.probe_fails, json_text(breaker.samples), now.boot_id, now.boot_ms, now.at_ms,
        ),
    )  # fmt: skip


def record(tx: Transaction, move: BreakerMove, *, now_ms: int) -> None:
    """Store a change of state; call after `keep`."""
    tx.run(
        f"INSERT INTO breaker_move ({', '.join(_MOVE_NAMES)}) VALUES ({marks(_MOVE_NAMES)})",
        (
            move.name, move.generation, now_ms, move.before, move.after, move.why, move.by,
            json_text(move.facts),
        ),
    )  # fmt: skip
    if move.generation > MOVES_KEPT:
        tx.run(
            "DELETE FROM breaker_move WHERE name = ? AND generation <= ?",
            (move.name, move.generation - MOVES_KEPT),
        )


def add_missing(tx: Transaction, names: Sequence[str], *, now: SavedAt) -> list[str]:
    """Give breakers that have no row yet one, closed; those that got one."""
    known = {name for (name,) in tx.all("SELECT name FROM breaker")}
    fresh = [name for name in names if name not in known]
    for name in fresh:
        keep(tx, Breaker(name=name, closed_ms=now.boot_ms), now=now)
    return fresh


def forget(tx: Transaction, names: Sequence[str]) -> None:
    """Remove breakers and all that is known of them."""
    tx.many("DELETE FROM breaker WHERE name = ?", [(name,) for name in names])


def stored(tx: Transaction) -> list[tuple[Breaker, SavedAt]]:
    """Every breaker as it was stored, and when that was."""
    return [_breaker_of(row) for row in tx.all(f"SELECT {_COLUMNS} FROM breaker b ORDER BY b.name")]


def _breaker_of(row: Row) -> tuple[Breaker, SavedAt]:
    forced = None
    if row[5] is not None:
        forced = Forced(state=BreakerState(row[1]), until_ms=row[5], by=row[6], reason=row[7])
    breaker = Breaker(
        name=row[0],
        own=BreakerState(row[2]),
        forced=forced,
        generation=row[3],
        counts=_counts.decode(row[8]),
        reopen_ms=row[4],
        openings=row[9],
        closed_ms=row[10],
        good_trials=row[11],
        probe_fails=None if row[12] is None else bool(row[12]),
        samples=_samples.decode(row[13]),
    )
    return breaker, SavedAt(boot_id=row[14], boot_ms=row[15], at_ms=row[16])


def attempt_begun_in(tx: Transaction, name: str, token: str) -> int:
    """In which generation of a breaker an attempt was claimed, as far as the store can tell.

    For attempts that an earlier daemon has claimed: their start against the last moves.
    """
    row = tx.one(
        """
        SELECT m.generation FROM attempt a JOIN breaker_move m ON m.at_ms <= a.started_at_ms
         WHERE a.token = ? AND m.name = ?
         ORDER BY m.generation DESC LIMIT 1
        """,
        (token, name),
    )
    return row[0] if row else 0


# ── reads ────────────────────────────────────────────────────────────────────


def listed(tx: Transaction) -> list[BreakerStatus]:
    """Every breaker, by name."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM breaker b ORDER BY b.name")
    return [_status(tx, row) for row in rows]


def detail(tx: Transaction, name: str) -> BreakerDetail:
    """One breaker and its last moves. Raises NoSuchBreaker."""
    row = tx.one(f"SELECT {_COLUMNS} FROM breaker b WHERE b.name = ?", (name,))
    if row is None:
        raise NoSuchBreaker(name)
    return BreakerDetail(breaker=_status(tx, row), moves=moves(tx, name=name, limit=MOVES_SHOWN))


def moves(tx: Transaction, *, name: str | None, limit: int) -> list[BreakerMoveRecord]:
    """Moves of one breaker or of all, the latest first."""
    columns = ", ".join(_MOVE_NAMES)
    if name is None:
        rows = tx.all(
            f"""
            SELECT {columns} FROM breaker_move
             ORDER BY at_ms DESC, name DESC, generation DESC LIMIT ?
            """,
            (limit,),
        )
    else:
        rows = tx.all(
            f"""
            SELECT {columns} FROM breaker_move WHERE name = ? ORDER BY generation DESC LIMIT ?
            """,
            (name, limit),
        )
    return [_move_of(row) for row in rows]


def list_breakers(tx: Transaction, *, now_ms: int) -> list[BreakerStatus]:  # noqa: ARG001 - one shape for all reads
    """Every breaker, by name."""
    return listed(tx)


def get_breaker(tx: Transaction, *, name: str, now_ms: int) -> BreakerDetail:  # noqa: ARG001 - one shape for all reads
    """One breaker and its last moves. Raises NoSuchId."""
    return detail(tx, name)


def list_breaker_moves(
    tx: Transaction,
    *,
    name: str | None,
    limit: int,
    now_ms: int,  # noqa: ARG001 - one shape for all reads
) -> list[BreakerMoveRecord]:
    """Moves of one breaker or of all, the latest first. Raises NoSuchId."""
    if name is not None:
        detail(tx, name)
    return moves(tx, name=name, limit=max(1, min(limit, PAGE_ITEMS_MAX)))


def _status(tx: Transaction, row: Row) -> BreakerStatus:
    breaker, saved = _breaker_of(row)
    last = moves(tx, name=breaker.name, limit=1)
    until_ms = breaker.until_ms
    return BreakerStatus(
        name=breaker.name,
        state=breaker.state,
        own=breaker.own,
        generation=breaker.generation,
        # The distance on the boot clock, seen from the wall clock of the same moment.
        until_at_ms=None if until_ms is None else saved.at_ms + until_ms - saved.boot_ms,
        since_at_ms=last[0].at_ms if last else None,
        why=last[0].why if last else "",
        by=last[0].by if last else "",
        streak=breaker.counts.streak,
        recent="".join("x" if failed else "." for failed in breaker.counts.recent),
        sum=round(breaker.counts.total, 2),
        openings=breaker.openings,
        good_trials=breaker.good_trials,
        probe_fails=breaker.probe_fails,
        forced_by=breaker.forced.by if breaker.forced else "",
        forced_reason=breaker.forced.reason if breaker.forced else "",
        samples=breaker.samples,
    )


def _move_of(row: Row) -> BreakerMoveRecord:
    return BreakerMoveRecord(
        name=row[0],
        generation=row[1],
        at_ms=row[2],
        before=BreakerState(row[3]),
        after=BreakerState(row[4]),
        why=row[5],
        by=row[6],
        facts=_facts.decode(row[7]),
    )
