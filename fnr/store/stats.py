"""Sizes and counts: of the store as a whole, and of dead letters by kind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from fnr.policy.record import LetterStat, StoreStats
from fnr.store.listing import LETTERS
from fnr.store.paging import kinds_of, page
from fnr.store.transaction import Transaction

PAGE_ITEMS = 1_000
TELEMETRY_FILE = "telemetry.db"
# Counted row by row: the tally knows only tasks and letters.
_COUNTED = (
    "task_input", "task_result", "attempt", "error", "ledger", "worker", "outbox", "kill_note",
    "incident", "correction", "rule_count",
)  # fmt: skip


def letter_stats(tx: Transaction, *, where: str, now_ms: int) -> list[LetterStat]:
    """Dead letters by function, category and cause, most first; open ones unless `where` says.

    From the tally and two index seeks per kind, when the filter asks for nothing else.
    """
    kinds = kinds_of(tx, LETTERS, where, now_ms=now_ms)
    if kinds is not None:
        found = [
            (function, category, cause, count, *_age_of(tx, (function, state, category, cause)))
            for (function, state, category, cause), count in kinds.items()
        ]
    else:
        found = list(_looked_at(tx, where, now_ms))
    return _summed(found)


Line = tuple[str, str, str, int, int, int]


def _age_of(tx: Transaction, kind: tuple[str, str, str, str]) -> tuple[int, int]:
    same = "function = ? AND state = ? AND category = ? AND cause = ?"
    row = tx.one(
        f"""
        SELECT (SELECT min(died_at_ms) FROM dead_letter WHERE {same}),
               (SELECT max(died_at_ms) FROM dead_letter WHERE {same})
        """,
        (*kind, *kind),
    )
    assert row is not None
    return row[0] or 0, row[1] or 0


def _looked_at(tx: Transaction, where: str, now_ms: int) -> Iterable[Line]:
    after: str | None = None
    while True:
        found = page(
            tx, LETTERS, where=where, after=after, limit=PAGE_ITEMS, now_ms=now_ms,
            looked_at_max=None,
        )  # fmt: skip
        for row in found.rows:
            letter = LETTERS.item(row)
            yield (
                letter.function, letter.category, letter.cause, 1,
                letter.died_at_ms, letter.died_at_ms,
            )  # fmt: skip
        after = found.next
        if after is None:
            return


def _summed(lines: Iterable[Line]) -> list[LetterStat]:
    sums: dict[tuple[str, str, str], LetterStat] = {}
    for function, category, cause, count, oldest_at_ms, newest_at_ms in lines:
        key = (function, str(category), str(cause))
        known = sums.get(key)
        sums[key] = LetterStat(
            function=function,
            category=str(category),
            cause=str(cause),
            count=count + (known.count if known else 0),
            oldest_at_ms=min(oldest_at_ms, known.oldest_at_ms) if known else oldest_at_ms,
            newest_at_ms=max(newest_at_ms, known.newest_at_ms) if known else newest_at_ms,
        )
    return sorted(sums.values(), key=lambda stat: (-stat.count, stat.function, stat.category))


def store_stats(tx: Transaction) -> StoreStats:
    """Sizes of the files and numbers of rows; counting them costs time with their number."""
    page_bytes = _number(tx, "PRAGMA page_size")
    file = Path(tx.all("PRAGMA database_list")[0][2])
    oldest = tx.one("SELECT created_at_ms FROM task ORDER BY task_id LIMIT 1")
    tables = {
        "task": _number(tx, "SELECT coalesce(sum(count), 0) FROM tally WHERE state NOT LIKE '%/%'"),
        "dead_letter": _number(
            tx, "SELECT coalesce(sum(count), 0) FROM tally WHERE state LIKE '%/%'"
        ),
    }
    tables |= {name: _number(tx, f"SELECT count(*) FROM {name}") for name in _COUNTED}
    return StoreStats(
        schema_version=_number(tx, "PRAGMA user_version"),
        sqlite_version=sqlite3.sqlite_version,
        store_bytes=_number(tx, "PRAGMA page_count") * page_bytes,
        wal_bytes=_size(Path(f"{file}-wal")),
        telemetry_bytes=_size(file.with_name(TELEMETRY_FILE)),
        free_bytes=_number(tx, "PRAGMA freelist_count") * page_bytes,
        tables=tables,
        oldest_task_at_ms=oldest[0] if oldest else None,
    )


def _number(tx: Transaction, sql: str) -> int:
    row = tx.one(sql)
    assert row is not None, sql
    found: int = row[0]
    return found


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
