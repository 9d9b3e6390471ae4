"""High-rate readings in a file of their own: losing a second of them on power loss is fine.

The file is worth nothing compared with the host's work, so a damaged one is put aside and begun
anew, and so is one that was removed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from fnr.store.migrate import migrate
from fnr.store.same_file import SameFile
from fnr.store.transaction import connect_writer, make_private, primary_code

_DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# Told of a damaged file: its new path, and what SQLite says.
OnDamaged = Callable[[str, str], None]


class Reading(Struct, frozen=True, kw_only=True):
    """One value of one thing at one moment; None when it could not be read."""

    at_ms: int
    subject: str
    name: str
    value: float | None


class Telemetry:
    """The telemetry file, opened for writing and reading."""

    def __init__(self, path: str | Path, on_damaged: OnDamaged) -> None:
        """Open or create the file. Raises StoreNewer, sqlite3.Error."""
        self._path = path
        self._on_damaged = on_damaged
        self._open()

    def keep(self, readings: Sequence[Reading], *, before_ms: int, count_max: int) -> None:
        """Add and prune; damage that shows only now is put aside like that which shows at once."""
        if self._file.lost():
            self._connection.close()
            self._open()
        try:
            self.add(readings)
            self.prune(before_ms=before_ms, count_max=count_max)
        except sqlite3.DatabaseError as error:
            if primary_code(error) not in _DAMAGED_CODES:
                raise
            self._connection.close()
            self._put_aside(error)
            self._open()
            self.add(readings)

    def add(self, readings: Sequence[Reading]) -> None:
        """Store readings; a later one of the same thing and moment counts."""
        if not readings:
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                """
                INSERT INTO reading (at_ms, subject, name, value) VALUES (?, ?, ?, ?)
                ON CONFLICT (subject, name, at_ms) DO UPDATE SET value = excluded.value
                """,
                [(one.at_ms, one.subject, one.name, one.value) for one in readings],
            )

    def series(
        self, subject: str, name: str, *, since_ms: int, count_max: int
    ) -> list[tuple[int, float | None]]:
        """The latest values of one thing as (at_ms, value), oldest first."""
        rows: list[tuple[int, float | None]] = self._connection.execute(
            """
            SELECT at_ms, value FROM reading
             WHERE subject = ? AND name = ? AND at_ms >= ?
             ORDER BY at_ms DESC LIMIT ?
            """,
            (subject, name, since_ms, count_max),
        ).fetchall()
        return rows[::-1]

    def prune(self, *, before_ms: int, count_max: int) -> int:
        """Forget up to count_max readings from before then; call again while it does so many."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            return self._connection.execute(
                """
                DELETE FROM reading
                 WHERE (subject, name, at_ms) IN (
                       SELECT subject, name, at_ms FROM reading
                        WHERE at_ms < ? ORDER BY at_ms LIMIT ?)
                """,
                (before_ms, count_max),
            ).rowcount

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _open(self) -> None:
        try:
            self._connection = _connect(self._path)
        except sqlite3.DatabaseError as error:
            # One that cannot be opened just now, for want of memory or of descriptors, is whole.
            if primary_code(error) not in _DAMAGED_CODES:
                raise
            self._put_aside(error)
            self._connection = _connect(self._path)
        self._file = SameFile(Path(self._path), self._connection)

    def _put_aside(self, error: sqlite3.Error) -> None:
        aside = f"{self._path}.damaged"
        for suffix in ("", "-wal", "-shm"):
            damaged = Path(f"{self._path}{suffix}")
            if damaged.exists():
                damaged.rename(f"{aside}{suffix}")
        self._on_damaged(aside, str(error))


def _connect(path: str | Path) -> sqlite3.Connection:
    make_private(path)
    connection = connect_writer(path)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection, telemetry=True)
    except BaseException:
        connection.close()
        raise
    return connection
