"""The store's files are found to be gone at the next COMMIT, without asking for their times."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fnr.store.checkpointer import LOG_BYTES_MAX
from fnr.store.commit_guard import LOOK_EVERY, TICK_S, CommitGuard
from fnr.store.log_file import LogFile
from fnr.store.same_file import FileLost, SameFile


class Looks(SameFile):
    """Counts how often the files themselves are asked for."""

    count = 0

    def lost(self) -> str:
        self.count += 1
        return super().lost()


class Now:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Looks]:
    file = tmp_path / "fnr.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("CREATE TABLE a (b)")
        yield Looks(file)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def guard(files: Looks, now: Now) -> CommitGuard:
    return CommitGuard(files, None, log=LogFile(f"{files.path}-wal"), clock_s=now)


def settled(guard: CommitGuard, files: Looks, now: Now) -> None:
    """It knows that nothing in the folder has changed for longer than a tick."""
    guard("before")
    now.s += 2 * TICK_S
    guard("before")
    files.count = 0


def commits_until_found(guard: CommitGuard) -> int:
    for number in range(1, 2 * LOOK_EVERY):
        try:
            guard("before")
        except FileLost:
            return number
    raise AssertionError("not found")


def test_while_the_folder_stays_the_same_the_files_are_seldom_asked_for(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    settled(guard, files, now)
    for _ in range(4 * LOOK_EVERY):
        guard("before")
    assert files.count == 4


def test_what_is_written_into_them_is_no_change_of_the_folder(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    settled(guard, files, now)
    with closing(sqlite3.connect(files.path, isolation_level=None)) as other:
        other.execute("INSERT INTO a VALUES (1)")
        guard("before")
    assert files.count == 0


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("how", ["removed", "moved", "replaced", "the folder moved"])
def test_the_next_commit_finds_what_is_lost(
    guard: CommitGuard, files: Looks, now: Now, suffix: str, how: str
) -> None:
    settled(guard, files, now)
    gone = Path(f"{files.path}{suffix}")
    aside = gone.with_name("aside")
    match how:
        case "removed":
            gone.unlink()
        case "moved":
            gone.rename(aside)
        case "replaced":
            aside.write_bytes(gone.read_bytes())
            aside.replace(gone)
        case _:
            gone.parent.rename(gone.parent.with_name("elsewhere"))
    assert commits_until_found(guard) == 1
    with pytest.raises(FileLost):
        guard("before")
    if how == "the folder moved":
        gone.parent.with_name("elsewhere").rename(gone.parent)
    if how == "moved":
        aside.rename(gone)
    if how in {"moved", "the folder moved"}:
        guard("before")


@pytest.mark.parametrize("left", [0, 1_000])
def test_the_next_commit_finds_a_log_that_is_cut_short(
    guard: CommitGuard, files: Looks, now: Now, left: int
) -> None:
    settled(guard, files, now)
    os.truncate(f"{files.path}-wal", left)
    assert commits_until_found(guard) == 1
    with pytest.raises(FileLost, match="-wal was cut short"):
        guard("before")


def test_a_log_that_sqlite_cuts_back_when_it_begins_anew_is_whole(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    log = Path(f"{files.path}-wal")
    os.truncate(log, 2 * LOG_BYTES_MAX)
    settled(guard, files, now)
    os.truncate(log, LOG_BYTES_MAX)
    guard("before")
    assert not guard.lost()


def test_a_log_that_somebody_has_sqlite_empty_is_whole(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    """As an operator does in the sqlite3 shell before a copy is made."""
    settled(guard, files, now)
    with closing(sqlite3.connect(files.path, isolation_level=None)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        guard("before")
        assert not guard.lost()


def test_a_store_that_is_cut_short_is_found_at_the_next_look_at_it(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    settled(guard, files, now)
    os.truncate(files.path, 1_000)
    assert "fnr.db was cut short: it has 1000 bytes and had" in guard.lost()
    assert commits_until_found(guard) <= LOOK_EVERY


def test_two_changes_within_a_tick_are_told_apart(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    settled(guard, files, now)
    folder = files.path.parent
    (folder / "something").touch()
    time_ns = folder.stat().st_mtime_ns
    guard("before")
    now.s += TICK_S / 2
    files.path.unlink()
    os.utime(folder, ns=(time_ns, time_ns))
    assert commits_until_found(guard) == 1


def test_what_the_folder_does_not_know_of_is_found_after_some_commits(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    """As with a mount on top of a file."""
    settled(guard, files, now)
    folder = files.path.parent
    time_ns = folder.stat().st_mtime_ns
    files.path.unlink()
    os.utime(folder, ns=(time_ns, time_ns))
    assert 1 < commits_until_found(guard) <= LOOK_EVERY
    assert guard.lost()


def test_what_a_look_has_found_the_next_commit_finds(
    guard: CommitGuard, files: Looks, now: Now
) -> None:
    settled(guard, files, now)
    folder = files.path.parent
    time_ns = folder.stat().st_mtime_ns
    files.path.unlink()
    os.utime(folder, ns=(time_ns, time_ns))
    assert "fnr.db was removed" in guard.lost()
    assert commits_until_found(guard) == 1


def test_a_folder_that_cannot_be_looked_at_says_nothing_of_its_files(
    guard: CommitGuard, files: Looks, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(guard, files, now)
    monkeypatch.setattr(files, "folders", ("/nowhere",))
    guard("before")
    guard("before")
    assert files.count == 2


def test_a_log_file_is_asked_for_its_size_until_it_is_another(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path))
    with pytest.raises(FileNotFoundError):
        log.size()
    path.write_bytes(b"1234")
    assert log.size() == 4
    with path.open("ab") as more:
        more.write(b"5")
    assert log.size() == 5
    path.unlink()
    path.write_bytes(b"12")
    assert log.size() == 5
    log.close()
    log.close()
    assert log.size() == 2
    log.close()
