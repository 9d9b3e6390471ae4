"""Copies of the store: made while the daemon runs, put back while it does not, and compacted.

A copy is one file without a log beside it. It appears under its name only when it is complete,
on disk and checked.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import msgspec

from fnr.policy.record import Finding
from fnr.store import restored
from fnr.store.check import check
from fnr.store.drafts import BESIDE, appear, draft_beside
from fnr.store.migrate import as_of_today, check_version, migrate, schema_version
from fnr.store.same_file import real_file
from fnr.store.transaction import (
    FULL_CODES,
    Transaction,
    connect_reader,
    connect_writer,
    is_of_a_write,
    primary_code,
    read_only,
)

# 0 and SQLITE_ERROR: the tables are not those of its version.
_NO_STORE = frozenset({0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_OURS = "SELECT t.owner, i.revision, a.token FROM task t, task_input i, attempt a LIMIT 0"


class DamagedCopy(Exception):
    """The file is not a whole store, or none that can be read at all (`readable`)."""

    def __init__(self, file: Path, findings: list[Finding], *, readable: bool = True) -> None:
        super().__init__(f"{file}: " + "; ".join(finding.what for finding in findings))
        self.findings = findings
        self.readable = readable


class CopyNotWritten(Exception):
    """There is no room for the copy, or no permission to write it (`denied`)."""

    def __init__(self, why: str, *, denied: bool = False) -> None:
        super().__init__(why)
        self.denied = denied


def backup(
    store_file: str | Path,
    target: str | Path,
    *,
    damaged: bool = False,
    lives: Callable[[int], bool],
) -> tuple[int, list[Finding]]:
    """Copy the store as it is at this moment into a new file; its size in bytes, what is wrong.

    damaged: a copy with broken invariants is kept too. lives: is there a process of this number,
    which may make a copy of the same name at this moment? Raises FileExistsError, CopyNotWritten,
    DamagedCopy, StoreNewer, sqlite3.Error and OSError.
    """
    target = Path(target)
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    with _draft(target, lives) as draft:
        findings = _copy(Path(store_file), draft, damaged=damaged)
        with _written():
            appear(draft, target)
    with _written():
        _sync(target.parent)
    return target.stat().st_size, findings


def restore(store_file: str | Path, source: str | Path, *, damaged: bool = False) -> Path | None:
    """Put a copy in the store's place; where the replaced store is kept, None if there was none.

    The caller holds the daemon's lock. Whatever is wrong with the copy is found before anything
    is replaced; `damaged`: broken invariants do not count. Raises CopyNotWritten, DamagedCopy,
    StoreNewer, sqlite3.Error and OSError.
    """
    store_file = real_file(store_file)
    with _draft(store_file, _nobody) as draft:
        _copy(Path(source), draft, damaged=damaged, today=True)
        _belongs_like(draft, store_file)
        kept = _set_aside(store_file) if store_file.exists() else None
        draft.replace(store_file)
    _sync(store_file.parent)
    return kept


def vacuum(store_file: str | Path) -> tuple[int, int]:
    """Give the space of deleted rows back; the file's size before and after, in bytes.

    The caller holds the daemon's lock.
    """
    store_file = real_file(store_file)
    with closing(connect_writer(store_file)) as connection:
        check_version(connection)
        # What a daemon that was killed has left in the log is in the file's size before, too.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = store_file.stat().st_size
        with _temporary_files_in(store_file.absolute().parent, connection):
            connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, store_file.stat().st_size


@contextmanager
def _temporary_files_in(folder: Path, connection: sqlite3.Connection) -> Iterator[None]:
    """SQLite makes a whole store anew: that has no place in memory, nor in a small /tmp."""
    connection.execute("PRAGMA temp_store = FILE")
    place = str(folder).replace("'", "''")
    connection.execute(f"PRAGMA temp_store_directory = '{place}'")
    try:
        yield
    finally:
        connection.execute("PRAGMA temp_store_directory = ''")


def _copy(source: Path, draft: Path, *, damaged: bool, today: bool = False) -> list[Finding]:
    """Copy, check and sync; what is wrong with a copy that may be damaged.

    The copy is made in one step, so writers are not waited for. today: what an older version has
    left is brought to this one's schema; else it is only looked at so.
    """
    if not source.exists():
        raise FileNotFoundError(f"there is no file {source}")
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        try:
            with closing(connect_reader(source)) as origin:
                origin.backup(copy)
            # Without a log of its own the copy is one file.
            copy.execute("PRAGMA journal_mode = DELETE")
            # An empty file is an empty database, and would be a good and empty store.
            if not schema_version(copy):
                raise sqlite3.OperationalError("it has no schema of fnr's")
            if today:
                migrate(copy)
            with as_of_today(copy):
                # Other programs count their versions there too.
                copy.execute(_OURS)
                findings = check(Transaction(copy))
            if today:
                # What is so damaged that this cannot be said is restored all the same.
                with suppress(sqlite3.Error, msgspec.MsgspecError):
                    restored.note(Transaction(copy))
        except sqlite3.DatabaseError as error:
            if primary_code(error) in FULL_CODES:
                raise CopyNotWritten(str(error)) from error
            # Of the two it is the copy that is written.
            if is_of_a_write(error):
                raise CopyNotWritten(f"{error} while it was written") from error
            if primary_code(error) not in _NO_STORE:
                raise
            found = [Finding(invariant="sqlite-integrity", what=str(error))]
            raise DamagedCopy(source, found, readable=False) from error
        if findings and not damaged:
            raise DamagedCopy(source, findings)
    with _written():
        _sync(draft)
    return findings


def _belongs_like(draft: Path, store_file: Path) -> None:
    """The daemon's it is, also where root puts it back: by the store of before, or its folder."""
    there_was = store_file.exists()
    before = (store_file if there_was else store_file.parent).stat()
    with suppress(PermissionError):  # who may not give it away has it
        os.chown(draft, before.st_uid, before.st_gid)
    if there_was:
        draft.chmod(stat.S_IMODE(before.st_mode))


def _set_aside(store_file: Path) -> Path:
    """Keep the present store, as it is, under another name; its file stays until it is replaced.

    A store that was killed has a log beside it that belongs to it alone: SQLite would apply it
    to whatever file stands there.
    """
    _fold_log(store_file)
    number = 1
    while (kept := store_file.with_name(f"{store_file.name}.replaced-{number}")).exists():
        number += 1
    os.link(store_file, kept)
    for suffix in BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{store_file}{suffix}").rename(f"{kept}{suffix}")
    return kept


def _fold_log(store_file: Path) -> None:
    """Move a sound store's log into its file, or whoever is killed between the two leaves a store
    without what it had committed last. A damaged one is left to whoever looks into it.
    """
    with suppress(sqlite3.Error):
        with closing(read_only(store_file)) as reader:
            if reader.one("PRAGMA quick_check(1)") != ("ok",):
                return
        with closing(connect_writer(store_file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _draft(file: Path, lives: Callable[[int], bool]) -> Iterator[Path]:
    with ExitStack() as stack:
        with _written():
            draft = stack.enter_context(draft_beside(file, lives))
        yield draft


@contextmanager
def _written() -> Iterator[None]:
    """What fails here is the copy, not the store."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        denied = isinstance(error, PermissionError)
        raise CopyNotWritten(error.strerror or str(error), denied=denied) from error


def _nobody(_pid: int) -> bool:
    return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
