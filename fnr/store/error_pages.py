"""Errors with all their evidence, page by page; a page ends early when they are large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnr.policy.record import PAGE_ITEMS_MAX, CorrectedError, ErrorRecord, Page
from fnr.store.cursor import number_and_id_after
from fnr.store.ids import id_at
from fnr.store.rows import (
    ERROR_COLUMNS,
    ERRORS_JOINED,
    classification_of,
    correction_of,
    error_of,
    evidence_of,
)
from fnr.store.transaction import Row, Transaction

PAGE_BYTES_MAX = 4 * 1024 * 1024
CHUNK_ROWS = 50
_LAST_MS, _LAST = 2**62, "~"
# An id is a little older than its error: it is made before the error is stored.
_ID_SLACK_MS = 60_000
# The very words of the partial index error_nameless.
_NAMELESS = "AND e.rule IN ('unmatched', 'text-model')"

Key = tuple[Any, ...]


def errors_since(
    tx: Transaction, *, since_ms: int, nameless: bool, after: str | None, limit: int
) -> Page[ErrorRecord]:
    """Errors, newest first; nameless: only those that no rule named."""
    kept = _NAMELESS if nameless else ""

    def read(position: Key, count: int) -> list[Row]:
        return tx.all(
            f"""
            SELECT {ERROR_COLUMNS} FROM {ERRORS_JOINED}
             WHERE e.error_id < ? AND e.error_id >= ? {kept}
             ORDER BY e.error_id DESC LIMIT ?
            """,
            (*position, id_at(since_ms - _ID_SLACK_MS), count),
        )

    rows, more = _bounded(read, (after or _LAST,), limit, key=lambda row: (row[0],), heavy=5)
    items = [found for found in map(error_of, rows) if found.at_ms >= since_ms]
    return Page(items=items, next=rows[-1][0] if more else None)


def corrected_since(
    tx: Transaction, *, since_ms: int, after: str | None, limit: int
) -> Page[CorrectedError]:
    """Errors that people have reclassified, latest correction first."""

    def read(position: Key, count: int) -> list[Row]:
        return tx.all(
            """
            SELECT error_id, task_id, function, category, at_ms, author, why, evidence,
                   classification
              FROM correction
             WHERE (at_ms, error_id) < (?, ?) AND at_ms >= ?
             ORDER BY at_ms DESC, error_id DESC LIMIT ?
            """,
            (*position, since_ms, count),
        )

    # Of moments that no clock will show; the store has room for 64 bits.
    since_ms = max(0, min(since_ms, _LAST_MS))
    start = (_LAST_MS, _LAST) if after is None else number_and_id_after(after)
    rows, more = _bounded(read, start, limit, key=lambda row: (row[4], row[0]), heavy=7)
    items = [
        CorrectedError(
            error_id=row[0],
            task_id=row[1],
            function=row[2],
            correction=correction_of(row[3:7]),
            evidence=evidence_of(row[7]),
            classification=classification_of(row[8]),
        )
        for row in rows
    ]
    return Page(items=items, next=f"{rows[-1][4]}-{rows[-1][0]}" if more else None)


def _bounded(
    read: Callable[[Key, int], Sequence[Row]],
    position: Key,
    limit: int,
    *,
    key: Callable[[Row], Key],
    heavy: int,
) -> tuple[list[Row], bool]:
    """Rows until there are enough of them or enough bytes in column `heavy`; are there more?"""
    rows: list[Row] = []
    limit = max(1, min(limit, PAGE_ITEMS_MAX))
    left_bytes = PAGE_BYTES_MAX
    while True:
        asked = min(CHUNK_ROWS, limit - len(rows))
        found = read(position, asked)
        for row in found:
            rows.append(row)
            left_bytes -= len(row[heavy])
            if left_bytes < 0:
                return rows, True
        if len(found) < asked or len(rows) >= limit:
            return rows, len(found) == asked
        position = key(rows[-1])
