"""Open a store's file for the one writer, and look at it before it is trusted again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from fnr.store.batch import named
from fnr.store.checkpointer import LOG_BYTES_MAX, PAGES_AT_LAST
from fnr.store.migrate import migrate
from fnr.store.transaction import (
    ILL_CODES,
    Reader,
    connect_writer,
    make_private,
    primary_code,
    read_only,
)

NOTE_ROOM = """
    INSERT INTO meta (key, value) VALUES ('room', '')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


def open_writer(path: str | Path) -> sqlite3.Connection:
    """Open or create it, with the schema of today.

    Raises StoreNewer, StoreBusy, StoreFull, StoreIll.
    """
    try:
        make_private(path)
        connection = connect_writer(path)
        try:
            migrate(connection)
            # From here on a lock held by a stranger is waited for on the loop's clock, because
            # SQLite's own patience would block the loop.
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_AT_LAST}")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX}")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise named(error) from error
    return connection


def reopen_writer(path: str | Path) -> sqlite3.Connection | None:
    """After an I/O error nothing in memory can be trusted: open it afresh and look.

    None: it is still ill.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = open_writer(path)
        [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        _try_to_write(connection)
    except Exception:  # noqa: BLE001 - whatever it is, the store stays ill
        if connection is not None:
            connection.close()
        return None
    return connection


def open_reader(path: str | Path) -> Reader:
    """A second pair of eyes for the writer's process. Raises StoreBusy, StoreIll."""
    try:
        return read_only(path)
    except sqlite3.Error as error:
        raise named(error) from error


def _try_to_write(connection: sqlite3.Connection) -> None:
    """Raise what a write meets: a disk that can only be read is as ill as before.

    A full one, or a stranger who writes, is no illness; the next write says which.
    """
    try:
        connection.execute(NOTE_ROOM)
    except sqlite3.Error as error:
        if primary_code(error) in ILL_CODES:
            raise
