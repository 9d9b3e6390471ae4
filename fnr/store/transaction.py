"""One SQLite connection as the rest of the store sees it: statements in, plain rows out.

A Transaction never begins or commits; whoever hands it out does (connection.py for writes,
`snapshot` for reads). Rows are tuples, because the hot paths build values by position.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fnr.store.same_file import real_file

Row = tuple[Any, ...]
Params = Sequence[Any] | Mapping[str, Any]

STATEMENTS_CACHED = 512
CACHE_KIB = 32 * 1024
READER_CACHE_KIB = 8 * 1024
OPEN_PATIENCE_MS = 5_000
READ_PATIENCE_MS = 5_000
# A checkpoint every 16 MiB of WAL: rare enough to cost nothing, and the file is then written
# again from its start, which is cheaper than letting it grow.
WAL_PAGES_MAX = 4_000
# A reader that held up checkpoints for long may leave a huge WAL behind; cut it back to this.
WAL_KEPT_BYTES = 64 * 1024 * 1024

FULL_CODES = frozenset({sqlite3.SQLITE_FULL})
ILL_CODES = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_WRITE_CODES = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE}
)


class StoreFull(Exception):
    """The disk is full; nothing of this write is stored."""


class StoreIll(Exception):
    """The store's file cannot be trusted or reached right now."""


class StoreBusy(Exception):
    """Another program holds the store's write lock."""


class StoreNewer(Exception):
    """The store was written by a newer version of fnr."""


class StoreOlder(Exception):
    """The store was last written by an older version of fnr; a daemon of this one must open it."""


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of an error; 0 when it is not SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def is_of_a_write(error: BaseException) -> bool:
    """Is it SQLite's, of a write that failed? One of a read has the same primary code."""
    return getattr(error, "sqlite_errorcode", 0) in _WRITE_CODES


class Transaction:
    """Statements within a transaction that somebody else begins and ends.

    Counts of moves are collected here and written once per commit; `tally` includes them.
    alone: nobody else writes, so a count that was read once is remembered, and moves with commits.
    on_undone: called when what a unit has written is rolled back, perhaps on the commit's thread:
    whoever keeps a copy of rows in memory learns that the copy may be wrong.
    """

    __slots__ = ("_alone", "_connection", "_execute", "_pending", "_stored", "_unit", "on_undone")

    def __init__(
        self,
        connection: sqlite3.Connection,
        on_undone: Sequence[Callable[[], None]] = (),
        *,
        alone: bool = False,
    ) -> None:
        self.on_undone = on_undone
        self._connection = connection
        self._execute = connection.execute
        self._unit: dict[tuple[str, str], int] = {}
        self._pending: dict[tuple[str, str], int] = {}
        self._alone = alone
        # What the table says of the counts that were asked for.
        self._stored: dict[tuple[str, str], int] = {}

    def one(self, sql: str, params: Params = ()) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._execute(sql, params).fetchone()
        return row

    def all(self, sql: str, params: Params = ()) -> list[Row]:
        """Every row."""
        return self._execute(sql, params).fetchall()

    def run(self, sql: str, params: Params = ()) -> int:
        """Change rows; how many were."""
        return self._execute(sql, params).rowcount

    def many(self, sql: str, rows: Iterable[Params]) -> int:
        """Run one statement for each of many parameter rows; how many rows were changed."""
        return self._connection.executemany(sql, rows).rowcount

    def count(self, function: str, state: str, delta: int) -> None:
        """Note that this many more tasks (or letters) of a function are in a state."""
        key = (function, state)
        self._unit[key] = self._unit.get(key, 0) + delta

    def tally(self, function: str, state: str) -> int:
        """How many tasks (or letters) of a function are in a state, this transaction included."""
        key = (function, state)
        stored = self._stored.get(key)
        if stored is None:
            row = self.one("SELECT count FROM tally WHERE function = ? AND state = ?", key)
            stored = row[0] if row else 0
            if self._alone:
                self._stored[key] = stored
        return stored + self._pending.get(key, 0) + self._unit.get(key, 0)

    def forget_stored(self) -> None:
        """What was read of the counts may be wrong."""
        self._stored.clear()

    def uncommitted_counts(self) -> dict[tuple[str, str], int]:
        """What `count` has noted since the last commit."""
        return {
            key: self._pending.get(key, 0) + self._unit.get(key, 0)
            for key in {*self._pending, *self._unit}
        }

    def now_ms(self) -> int:
        """The wall clock as SQLite reads it, for readers that have no clock of their own."""
        row = self.one("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
        assert row is not None
        found: int = row[0]
        return found

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """See one moment of the store in several statements; inside a write it already does."""
        if self._connection.in_transaction:
            yield self
            return
        self._execute("BEGIN")
        try:
            yield self
        finally:
            # After some I/O errors SQLite has already ended the transaction.
            if self._connection.in_transaction:
                self._execute("ROLLBACK")

    def keep_counts(self) -> None:
        """The unit succeeded: its counts belong to the commit."""
        if self._unit:
            pending = self._pending
            for key, delta in self._unit.items():
                pending[key] = pending.get(key, 0) + delta
            self._unit = {}

    def forget_counts(self) -> None:
        """The unit was rolled back, and its counts with it."""
        self._unit = {}
        self.forget_stored()
        for undone in self.on_undone:
            undone()

    def forget_all_counts(self) -> None:
        """Everything since the last commit was rolled back."""
        self._unit = {}
        self._pending = {}
        self.forget_stored()
        for undone in self.on_undone:
            undone()

    def take_counts(self) -> dict[tuple[str, str], int]:
        """The counts to write before the commit; from now on they are no longer pending."""
        if self._unit:
            self.keep_counts()
        taken, self._pending = self._pending, {}
        stored = self._stored
        for key, delta in taken.items():
            if key in stored:
                stored[key] += delta
        return taken


class Reader(Transaction):
    """A read-only connection of its own; sees what is committed."""

    __slots__ = ()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def interrupt(self) -> None:
        """Make a statement that runs in another thread stop; it raises OperationalError."""
        self._connection.interrupt()


def make_private(path: str | Path) -> None:
    """Make a store's file, where there is none, for nobody else to read: it holds every input.

    SQLite would leave that to the umask, and gives its logs the mode of the file. What is wrong
    with the place is SQLite's to say.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def connect_writer(path: str | Path) -> sqlite3.Connection:
    """Open (or create) a store file for writing, durable on every commit."""
    connection = sqlite3.connect(
        path,
        timeout=OPEN_PATIENCE_MS / 1_000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
            "temp_store = MEMORY",
            # Some builds write zeros over all that is deleted, which nobody here counts on: with
            # large inputs that is every old page once more.
            "secure_delete = FAST",
            f"wal_autocheckpoint = {WAL_PAGES_MAX}",
            f"journal_size_limit = {WAL_KEPT_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def read_only(path: str | Path) -> Reader:
    """Open a store file for reading beside the daemon, or while it is down.

    Raises sqlite3.OperationalError when there is no store.
    """
    return Reader(connect_reader(path))


def connect_reader(path: str | Path) -> sqlite3.Connection:
    """As read_only, for whoever copies all of it."""
    uri = Path(path).absolute().as_uri()
    try:
        return _connect_reader(f"{uri}?mode=ro")
    except sqlite3.OperationalError:
        # Without write permission in the folder, or room for it, SQLite cannot make its
        # shared-memory file. With nothing in a WAL beside it nobody is writing and the file alone
        # is everything.
        if Path(path).exists() and not _size(Path(f"{real_file(path)}-wal")):
            return _connect_reader(f"{uri}?mode=ro&immutable=1")
        raise


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _connect_reader(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=READ_PATIENCE_MS / 1_000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        # The first read opens the files; without it a missing store would show up later.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
