"""Copies of the store: consistent, checked, never half there; put back without losing the old."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from store_values import Book, accept, bury, contents, is_whole, new_task

from fnr.policy.record import Finding
from fnr.store import backup as copies
from fnr.store import migrate
from fnr.store.backup import CopyNotWritten, DamagedCopy, restore, vacuum
from fnr.store.check import check
from fnr.store.connection import StoreNewer, Transaction, read_only


class Killed(BaseException):
    """Stands for kill -9: no handler may catch it by accident."""


def files_in(folder: Path) -> set[str]:
    """The names of everything there."""
    return {file.name for file in folder.iterdir()}


def tables_of(file: Path) -> object:
    """Everything in a store file."""
    reader = read_only(file)
    found = contents(reader)
    reader.close()
    return found


def backup(store: Path, target: Path, *, damaged: bool = False) -> tuple[int, list[Finding]]:
    """A copy, where everybody but us has ended."""
    return copies.backup(store, target, damaged=damaged, lives=lambda pid: pid == os.getpid())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the copy goes."""
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder / "copy.db"


def test_a_backup_holds_everything_committed_and_is_one_file(book: Book, target: Path) -> None:
    """While the writer has more under way."""
    bury(book.tx)
    book.commit()
    before = contents(book.tx)
    accept(book.tx, new_task())
    size_bytes, _ = backup(book.path, target)
    assert tables_of(target) == before
    assert size_bytes == target.stat().st_size
    assert files_in(target.parent) == {"copy.db"}


def test_a_backup_is_for_nobody_else_to_read(book: Book, target: Path) -> None:
    backup(book.path, target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_copy_that_cannot_be_written_is_not_blamed_on_the_store(book: Book) -> None:
    with pytest.raises(CopyNotWritten):
        backup(book.path, Path("/proc/copy.db"))


def test_a_write_that_fails_is_the_copys(book: Book, target: Path) -> None:
    """As with a quota, or a file system that takes no files of that size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(CopyNotWritten, match="while it was written"):
            backup(book.path, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files_in(target.parent) == set()


def test_a_place_without_links_takes_a_copy_too_and_still_overwrites_nothing(
    book: Book, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    backup(book.path, target)
    assert tables_of(target) == tables_of(book.path)

    def meanwhile(_draft: Path, name: Path) -> None:
        name.write_text("precious")
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", meanwhile)
    other = target.with_name("other.db")
    with pytest.raises(FileExistsError):
        backup(book.path, other)
    assert other.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_copy_without_room_leaves_nothing(book: Book, target: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(target.parent)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(CopyNotWritten, match="full"):
            backup(book.path, target)
        assert files_in(target.parent) == set()
    finally:
        subprocess.run(["umount", str(target.parent)], check=True)


def test_a_backup_overwrites_nothing(book: Book, target: Path) -> None:
    target.write_text("precious")
    with pytest.raises(FileExistsError):
        backup(book.path, target)
    assert target.read_text() == "precious"


def test_a_backup_of_a_broken_store_is_refused_and_leaves_nothing(book: Book, target: Path) -> None:
    bury(book.tx)
    book.connection.execute("DELETE FROM dead_letter")
    book.commit()
    with pytest.raises(DamagedCopy, match="no open dead letter"):
        backup(book.path, target)
    assert files_in(target.parent) == set()


def test_a_damaged_copy_is_kept_and_put_back_where_that_is_asked_for(
    book: Book, target: Path
) -> None:
    bury(book.tx)
    book.connection.execute("DELETE FROM dead_letter")
    book.commit()
    broken = contents(book.tx)
    _, findings = backup(book.path, target, damaged=True)
    assert any("no open dead letter" in finding.what for finding in findings)
    assert tables_of(target) == broken
    bury(book.tx)
    book.commit()
    book.close()
    with pytest.raises(DamagedCopy):
        restore(book.path, target)
    restore(book.path, target, damaged=True)
    assert tables_of(book.path) == broken


def test_what_cannot_be_read_at_all_is_never_kept(target: Path, tmp_path: Path) -> None:
    store = tmp_path / "garbage.db"
    store.write_bytes(b"x" * 9_000)
    with pytest.raises(DamagedCopy):
        backup(store, target, damaged=True)
    assert files_in(target.parent) == set()


def test_two_who_copy_to_one_place_do_not_meet_in_one_draft(
    book: Book, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the second begins and ends while the first has checked its copy."""
    bury(book.tx)
    book.commit()
    second: list[int] = []

    def check_while_another_copies(copy: Transaction) -> list[Finding]:
        monkeypatch.setattr(copies, "check", check)
        second.append(backup(book.path, target)[0])
        return check(copy)

    monkeypatch.setattr(copies, "check", check_while_another_copies)
    with pytest.raises(FileExistsError):
        backup(book.path, target)
    assert second == [target.stat().st_size]
    assert tables_of(target) == contents(book.tx)
    assert files_in(target.parent) == {"copy.db"}


def test_what_a_killed_copy_left_is_removed_by_the_next_and_a_living_ones_is_not(
    book: Book, target: Path
) -> None:
    bury(book.tx)
    book.commit()
    living = f".copy.db.{os.getpid()}-x.draft"
    somebodys = ".copy.db.my-own.draft"
    longer = ".copy.db.old.4711-x.draft"
    for name in (".copy.db.4711-x.draft", ".copy.db.4711-x.draft-wal", living, somebodys, longer):
        (target.parent / name).write_text("half")
    backup(book.path, target)
    assert files_in(target.parent) == {"copy.db", living, somebodys, longer}


def test_a_missing_store_has_no_backup(tmp_path: Path, target: Path) -> None:
    with pytest.raises(FileNotFoundError):
        backup(tmp_path / "nothing.db", target)
    assert files_in(target.parent) == set()


def test_a_restored_store_is_the_copy_and_the_old_one_is_kept(book: Book, target: Path) -> None:
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    accept(book.tx, new_task())
    book.commit()
    newer = contents(book.tx)
    book.close()
    kept = restore(book.path, target)
    assert kept is not None
    assert tables_of(book.path) == tables_of(target)
    assert tables_of(kept) == newer
    again = restore(book.path, kept)
    assert again not in {None, kept}
    assert tables_of(book.path) == newer
    reader = read_only(book.path)
    assert is_whole(reader)
    reader.close()


def test_a_store_can_be_restored_where_there_was_none(
    book: Book, target: Path, tmp_path: Path
) -> None:
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    assert restore(tmp_path / "new.db", target) is None
    assert tables_of(tmp_path / "new.db") == tables_of(target)


def test_a_store_that_a_link_leads_to_stays_where_it_is(
    book: Book, target: Path, tmp_path: Path
) -> None:
    """It lies there because there is room: neither a copy nor what is put aside goes elsewhere."""
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    book.close()
    (link := tmp_path / "home" / "fnr.db").parent.mkdir()
    link.symlink_to(book.path)
    kept = restore(link, target)
    assert kept is not None
    assert kept.parent == book.path.parent
    assert not kept.is_symlink()
    assert files_in(link.parent) == {"fnr.db"}
    assert link.is_symlink()
    assert tables_of(link) == tables_of(target)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hand files to somebody else")
@pytest.mark.parametrize("there_was", [True, False])
def test_what_root_puts_back_is_the_daemons(
    book: Book, target: Path, tmp_path: Path, there_was: bool
) -> None:
    """Its user could not have opened it, and the daemon did not start."""
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    book.close()
    home = tmp_path / "home"
    home.mkdir()
    store = home / "fnr.db"
    if there_was:
        shutil.copy(book.path, store)
        store.chmod(0o640)
    for path in (home, *home.iterdir()):
        os.chown(path, 4242, 4343)
    restore(store, target)
    found = store.stat()
    assert (found.st_uid, found.st_gid) == (4242, 4343)
    assert found.st_mode & 0o777 == (0o640 if there_was else 0o600)


def test_the_log_of_a_replaced_store_does_not_meet_the_new_one(book: Book, target: Path) -> None:
    """Method: a store that was killed leaves its log behind; SQLite would apply it to whatever
    file stands there."""
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    accept(book.tx, *(new_task() for _ in range(50)))
    book.commit()
    log = Path(f"{book.path}-wal").read_bytes()
    main = book.path.read_bytes()
    book.close()
    book.path.write_bytes(main)
    Path(f"{book.path}-wal").write_bytes(log)
    kept = restore(book.path, target)
    assert tables_of(book.path) == tables_of(target)
    assert kept is not None
    reader = read_only(kept)
    assert reader.tally("render", "queued") == 50
    reader.close()


def test_a_restore_that_is_killed_before_it_replaces_leaves_all_that_was_committed(
    book: Book, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: die in the place of the rename, over a store whose daemon was killed."""
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    accept(book.tx, *(new_task() for _ in range(50)))
    book.commit()
    log = Path(f"{book.path}-wal").read_bytes()
    main = book.path.read_bytes()
    newest = contents(book.tx)
    book.close()
    book.path.write_bytes(main)
    Path(f"{book.path}-wal").write_bytes(log)

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(Killed):
        restore(book.path, target)
    assert tables_of(book.path) == newest


def test_a_damaged_store_can_be_replaced(book: Book, target: Path) -> None:
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    book.close()
    book.path.write_bytes(b"\x00" * 5_000)
    kept = restore(book.path, target)
    assert kept is not None
    assert kept.read_bytes() == b"\x00" * 5_000
    assert tables_of(book.path) == tables_of(target)


def test_the_log_of_a_damaged_store_goes_with_it(book: Book, target: Path) -> None:
    """It cannot be folded into the file any more, and must not be taken for the new one's."""
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    accept(book.tx, *(new_task() for _ in range(50)))
    book.commit()
    log = Path(f"{book.path}-wal").read_bytes()
    book.close()
    book.path.write_bytes(b"\x00" * 5_000)
    Path(f"{book.path}-wal").write_bytes(log)
    kept = restore(book.path, target)
    assert tables_of(book.path) == tables_of(target)
    assert Path(f"{kept}-wal").read_bytes() == log


@pytest.mark.parametrize("what", ["garbage", "newer", "broken"])
def test_a_bad_copy_replaces_nothing(book: Book, target: Path, what: str) -> None:
    bury(book.tx)
    book.commit()
    backup(book.path, target)
    book.close()
    before = tables_of(book.path)
    names = files_in(book.path.parent)
    if what == "garbage":
        target.write_bytes(b"x" * 9_000)
    else:
        with sqlite3.connect(target) as copy:
            copy.execute(
                "PRAGMA user_version = 999" if what == "newer" else "DELETE FROM dead_letter"
            )
        copy.close()
    with pytest.raises(StoreNewer if what == "newer" else DamagedCopy):
        restore(book.path, target)
    assert tables_of(book.path) == before
    assert files_in(book.path.parent) == names


@pytest.mark.parametrize("version", [1, 5])
def test_a_copy_of_an_older_version_is_kept_as_it_is_and_put_back_as_of_today(
    book: Book, target: Path, tmp_path: Path, version: int
) -> None:
    bury(book.tx)
    book.commit()
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(older, isolation_level=None)) as store:
        for _, sql in migrate.schema_steps()[:version]:
            store.executescript(sql)
        store.execute(f"PRAGMA user_version = {version}")
        store.execute(
            "INSERT INTO task (task_id, function, state, priority, due_at_ms, created_at_ms,"
            " state_at_ms) VALUES ('01JD0000000000000000000001', 'f', 'queued', 5, 1, 1, 1)"
        )
        store.execute(
            "INSERT INTO task_input (task_id, revision, at_ms, author, body)"
            " VALUES ('01JD0000000000000000000001', 1, 1, 'me', '{}')"
        )
        store.execute("INSERT INTO tally (function, state, count) VALUES ('f', 'queued', 1)")
    backup(older, target)
    with closing(sqlite3.connect(target)) as copy:
        assert migrate.schema_version(copy) == version
    book.close()
    restore(book.path, target)
    with closing(read_only(book.path)) as reader:
        migrate.check_readable(reader._connection)
        assert reader.tally("f", "queued") == 1
        assert is_whole(reader)


@pytest.mark.parametrize("version", [0, 3, migrate.schema_steps()[-1][0]])
def test_what_has_no_tables_of_ours_is_no_store(book: Book, target: Path, version: int) -> None:
    """An empty file, which a copy to a full disk leaves; another program's, of any version."""
    with closing(sqlite3.connect(target)) as other:
        if version:
            other.execute("CREATE TABLE task (name)")
        other.execute(f"PRAGMA user_version = {version}")
    book.close()
    before = tables_of(book.path)
    with pytest.raises(DamagedCopy) as told:
        restore(book.path, target, damaged=True)
    assert not told.value.readable
    assert tables_of(book.path) == before


def test_vacuum_gives_space_back_and_keeps_every_row(book: Book) -> None:
    accept(book.tx, *(new_task() for _ in range(300)), body=b'{"x":"' + b"x" * 5_000 + b'"}')
    task_id = bury(book.tx, function="kept")
    book.commit()
    book.connection.execute("DELETE FROM task WHERE task_id <> ?", (task_id,))
    book.connection.execute("DELETE FROM tally WHERE function = 'render'")
    book.commit()
    before = contents(book.tx)
    book.close()
    before_bytes, after_bytes = vacuum(book.path)
    assert after_bytes < before_bytes / 2
    assert after_bytes == book.path.stat().st_size
    assert tables_of(book.path) == before


IN_LITTLE_MEMORY = """
import resource, sys
from fnr.store import transaction
from fnr.store.backup import vacuum
transaction.CACHE_KIB = 1_024
[line] = [one for one in open("/proc/self/status") if one.startswith("VmData:")]
resource.setrlimit(resource.RLIMIT_DATA, ((int(line.split()[1]) << 10) + (20 << 20),) * 2)
vacuum(sys.argv[1])
"""


def test_a_vacuum_takes_no_memory_for_the_store(book: Book) -> None:
    """Method: a store of 32 MiB, small caches, and 20 MiB for who compacts it."""
    body = b'{"x":"' + b"x" * (1 << 20) + b'"}'
    accept(book.tx, *(new_task() for _ in range(32)), body=body)
    book.commit()
    book.close()
    done = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, str(book.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert files_in(book.path.parent) == {book.path.name}


def test_the_size_before_a_vacuum_counts_what_is_in_the_log_alone(
    book: Book, tmp_path: Path
) -> None:
    """As after a kill: the file was said to have grown."""
    accept(book.tx, *(new_task() for _ in range(300)), body=b'{"x":"' + b"x" * 5_000 + b'"}')
    book.commit()
    left = tmp_path / "left.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{book.path}{suffix}", f"{left}{suffix}")
    assert left.stat().st_size < 300 * 5_000
    before_bytes, after_bytes = vacuum(left)
    assert 300 * 5_000 < after_bytes <= before_bytes
