"""Full disks, I/O errors, damaged files, strangers: everybody is told, and the store comes back."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest
from store_values import accept, is_whole, new_task
from writer_probes import Commits, count_of, news_of, sqlite_error, writes

from fnr.store import commit_guard, connection, reopening
from fnr.store.batch import nothing
from fnr.store.connection import Store, StoreBusy, StoreFull, StoreIll
from fnr.store.transaction import Reader, Transaction, read_only

KILLED_VACUUM = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA wal_autocheckpoint = 0")
store.execute("VACUUM")
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_an_io_error_at_commit_fails_the_batch_and_the_store_comes_back(
    watched: tuple[Store, Commits],
) -> None:
    store, commits = watched
    news = news_of(store)
    commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
    answers = await asyncio.gather(  # noqa: TID251 - one batch
        *(store.write(writes(new_task())) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StoreIll] * 3
    assert await news.get() == "ill"
    assert await news.get() == "ok"
    await store.write(writes(new_task()))
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == 1
    assert await store.write(is_whole)


async def test_ill_again_at_once_it_waits_to_be_asked(
    watched: tuple[Store, Commits], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a disk that takes some writes and not others keeps it busy with nothing else."""
    store, commits = watched
    news, reopened, reopen = news_of(store), [], reopening.reopen_writer

    def counted(path: Path) -> sqlite3.Connection | None:
        reopened.append(path)
        return reopen(path)

    monkeypatch.setattr(connection, "WELL_FOR_S", 3_600.0)
    monkeypatch.setattr(reopening, "reopen_writer", counted)
    for told in range(2):
        commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
        with pytest.raises(StoreIll):
            await store.write(writes(new_task()))
        assert await news.get() == "ill"
        if told == 0:
            assert await news.get() == "ok"
    await store.close()
    assert len(reopened) == 1


async def test_a_disk_that_goes_while_it_is_opened_again_can_come_back(
    watched: tuple[Store, Commits], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that commits ended with it: the store was ill for ever and could not be closed."""
    store, commits = watched
    news, reopen, away = news_of(store), reopening.reopen_writer, tmp_path / "away.db"

    def taken_away(path: Path) -> sqlite3.Connection | None:
        opened = reopen(path)
        store.path.rename(away)
        return opened

    monkeypatch.setattr(reopening, "reopen_writer", taken_away)
    commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))
    assert await news.get() == "ill"
    assert not await store.heal()
    monkeypatch.setattr(reopening, "reopen_writer", reopen)
    away.rename(store.path)
    assert await store.heal()
    await store.write(writes(new_task()))
    assert await store.write(is_whole)


async def test_a_disk_that_takes_no_writes_keeps_the_store_ill(
    store: Store, reader: Reader
) -> None:
    """It can be read, as others do, and is whole; only a write shows that it is no better."""
    news = news_of(store)
    await store.write(writes(new_task()))
    assert count_of(reader) == 1
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StoreIll):
            await store.write(writes(new_task()))
        assert await news.get() == "ill"
        assert not await store.heal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await store.heal()
    assert await news.get() == "ok"
    await store.write(writes(new_task()))
    assert await store.write(is_whole)


@pytest.mark.parametrize("in_its_place", [False, True])
async def test_what_nobody_could_find_again_is_not_taken(
    store: Store, tmp_path: Path, *, in_its_place: bool
) -> None:
    """The store's file is moved away under the writer; nothing is made in its place."""
    news, moved = news_of(store), tmp_path / "moved.db"
    await store.write(writes(new_task()))
    store.path.rename(moved)
    if in_its_place:
        store.path.touch()
    with pytest.raises(StoreIll, match="was removed, or another file is in its place"):
        await store.write(writes(new_task()))
    assert await news.get() == "ill"
    assert not await store.heal()
    assert store.path.exists() == in_its_place
    # Nothing is left that another file could be mixed with.
    assert store.path.with_name("fnr.db-wal").stat().st_size == 0
    shutil.copy(moved, alone := tmp_path / "alone.db")
    with closing(read_only(alone)) as left:
        assert count_of(left) == 1
    moved.replace(store.path)
    assert await store.heal()
    assert await news.get() == "ok"
    await store.write(writes(new_task()))
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == 2


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")])
async def test_what_is_in_a_log_that_was_removed_is_moved_to_the_file(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffixes: tuple[str, ...]
) -> None:
    """Whoever is killed later leaves no task in a log that nobody can open."""
    monkeypatch.setattr(commit_guard, "LOOK_EVERY", 1)
    news = news_of(store)
    await store.write(writes(new_task()))
    for suffix in suffixes:
        store.path.with_name(f"{store.path.name}{suffix}").unlink()
    with pytest.raises(StoreIll, match=f"{suffixes[0]} was removed"):
        await store.write(writes(new_task()))
    assert [await news.get(), await news.get()] == ["ill", "ok"]
    await store.write(writes(new_task()))
    # What a kill would leave: the files, without the process that has them open.
    for suffix in ("", "-wal"):
        shutil.copy(f"{store.path}{suffix}", tmp_path / f"left.db{suffix}")
    with closing(read_only(tmp_path / "left.db")) as left:
        assert count_of(left) == 2


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
async def test_the_files_that_a_link_leads_to_are_those_that_are_looked_at(
    tmp_path: Path, suffix: str
) -> None:
    """An owner has moved the store to a larger disk: SQLite has the log there too."""
    real, link = tmp_path / "large" / "moved.db", tmp_path / "fnr.db"
    real.parent.mkdir()
    link.symlink_to(real)
    store = await Store.open(link)
    await store.write(writes(new_task()))
    gone = real.with_name(f"{real.name}{suffix}")
    gone.rename(aside := gone.with_name("aside"))
    with pytest.raises(StoreIll, match="was removed, or another file is in its place"):
        await store.write(writes(new_task()))
    if not suffix:
        aside.rename(gone)
    while not await store.heal():
        pass
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == 1
    await store.close()
    assert link.is_symlink()


async def test_a_file_that_was_cut_short_takes_nothing_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the log is moved into what is left, and what was accepted meanwhile lies in ruins."""
    monkeypatch.setattr(commit_guard, "LOOK_EVERY", 1)
    await store.write(writes(new_task()))
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("PRAGMA wal_checkpoint(PASSIVE)")
    await store.write(writes(new_task()))
    bytes_before = store.path.stat().st_size
    os.truncate(store.path, 4096)
    with pytest.raises(StoreIll, match=f"cut short: it has 4096 bytes and had {bytes_before}"):
        await store.write(writes(new_task()))
    assert not await store.heal()


def vacuumed_and_killed(store_file: Path) -> int:
    """The size of the file, which nothing of it was moved into."""
    subprocess.run([sys.executable, "-c", KILLED_VACUUM, store_file], check=False)
    return size_of(store_file)


def size_of(file: Path) -> int:
    return file.stat().st_size


async def test_what_a_killed_vacuum_left_is_cut_back_and_nobody_is_refused(
    store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: a VACUUM that is committed, and killed before it is moved into the file."""
    monkeypatch.setattr(commit_guard, "LOOK_EVERY", 1)
    store = await Store.open(store_file)
    await store.write(lambda tx: tx.run("CREATE TABLE freed (b)"))
    await store.write(lambda tx: tx.run("INSERT INTO freed VALUES (zeroblob(1000000))"))
    await store.write(lambda tx: tx.run("DROP TABLE freed"))
    await store.close()
    bytes_before = vacuumed_and_killed(store_file)
    assert bytes_before > 1_000_000
    store = await Store.open(store_file)
    await store.write(writes(new_task()))
    with closing(sqlite3.connect(store_file)) as other:
        other.execute("PRAGMA wal_checkpoint(PASSIVE)")
    assert size_of(store_file) < bytes_before
    await store.write(writes(new_task()))
    os.truncate(store_file, 4096)
    with pytest.raises(StoreIll, match="cut short: it has 4096 bytes"):
        await store.write(writes(new_task()))
    await store.close()


async def test_a_removed_log_is_kept_open_while_its_file_is_away(
    store: Store, tmp_path: Path
) -> None:
    """It has what the file has not."""
    moved = tmp_path / "moved.db"
    await store.write(writes(new_task()))
    store.path.rename(moved)
    store.path.with_name("fnr.db-wal").unlink()
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))
    assert not await store.heal()
    moved.replace(store.path)
    assert await store.heal()
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == 1


async def test_a_removed_log_that_others_hold_is_kept_until_they_let_it_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reopening, "HOLDERS_PATIENCE_S", 0.0)
    monkeypatch.setattr(commit_guard, "LOOK_EVERY", 1)
    holder: Future[None] = Future()
    store.held_by(lambda: holder)
    await store.write(writes(new_task()))
    store.path.with_name("fnr.db-shm").unlink()
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))
    assert not await store.heal()
    holder.set_result(None)
    while not await store.heal():
        pass
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == 1


async def test_an_index_that_was_removed_is_found_after_some_commits(store: Store) -> None:
    store.path.with_name("fnr.db-shm").unlink()
    news, taken = news_of(store), 0
    with pytest.raises(StoreIll, match=r"fnr\.db-shm was removed"):
        while taken < commit_guard.LOOK_EVERY:
            await store.write(writes(new_task()))
            taken += 1
    assert [await news.get(), await news.get()] == ["ill", "ok"]
    assert len(await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))) == taken


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_a_look_finds_what_nobody_has_written_since(store: Store, suffix: str) -> None:
    news = news_of(store)
    await store.look()
    assert news.empty()
    store.path.with_name(f"fnr.db{suffix}").unlink()
    await store.look()
    assert news.get_nowait() == "ill"
    assert await news.get() == "ok"


@pytest.mark.parametrize("neighbours", [0, 2])
async def test_an_io_error_in_a_statement_is_the_whole_batchs(
    store: Store, neighbours: int
) -> None:
    """What ran before it is not on disk, what would have run behind it is not tried."""
    news = news_of(store)

    def fails(_: Transaction) -> None:
        raise sqlite_error(sqlite3.SQLITE_IOERR)

    before = [store.write(writes(new_task())) for _ in range(neighbours)]
    behind = [store.write(writes(new_task())) for _ in range(neighbours)]
    answers = await asyncio.gather(  # noqa: TID251 - one batch
        *before, store.write(fails), *behind, return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {StoreIll}
    assert [await news.get(), await news.get()] == ["ill", "ok"]
    assert await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2")) == []
    assert await store.heal() is True


async def test_who_did_not_run_in_a_lost_transaction_runs_in_the_next(store: Store) -> None:
    """SQLite ends the transaction by itself when some disks are full."""
    news = news_of(store)

    def lost(tx: Transaction) -> None:
        tx._connection.execute("ROLLBACK")
        raise sqlite_error(sqlite3.SQLITE_FULL)

    behind = new_task()
    answers = await asyncio.gather(  # noqa: TID251 - one batch
        store.write(writes(new_task())),
        store.write(lost),
        store.write(writes(behind)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers[:2]] == [StoreFull] * 2
    assert answers[2] == behind.task_id
    assert [await news.get(), await news.get()] == ["full", "ok"]
    assert await store.write(is_whole)


async def test_a_file_with_a_broken_page_keeps_the_store_ill(store_file: Path) -> None:
    """It opens, and only `quick_check` sees what is wrong with it."""
    commits = Commits()
    store = await Store.open(store_file, commit_hook=commits)
    await store.write(lambda tx: accept(tx, *(new_task() for _ in range(500))))
    await store.write(lambda tx: tx.run("DELETE FROM meta WHERE key = ''"))
    await store.close()
    store = await Store.open(store_file, commit_hook=commits)
    swap_two_pages(store_file)
    commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))
    assert await store.heal() is False
    assert store.state == "ill"
    await store.close()


def swap_two_pages(file: Path) -> None:
    """What a disk that mixes up its blocks does."""
    data = file.read_bytes()
    size = 4096
    last = len(data) // size - 1
    pages = [data[at : at + size] for at in range(0, len(data), size)]
    pages[last], pages[last // 2] = pages[last // 2], pages[last]
    file.write_bytes(b"".join(pages))


async def test_nothing_is_accepted_while_the_store_is_ill(
    watched: tuple[Store, Commits],
) -> None:
    """Whoever waited behind the failed batch is told too."""
    store, commits = watched
    commits.may_go_on.clear()
    commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
    first = asyncio.ensure_future(store.write(writes(new_task())))
    await commits.under_way.wait()
    behind = asyncio.ensure_future(store.write(writes(new_task())))
    await asyncio.sleep(0)
    commits.may_go_on.set()
    for answer in (first, behind):
        with pytest.raises(StoreIll):
            await answer


async def test_nothing_is_accepted_while_the_store_is_looked_at(
    watched: tuple[Store, Commits],
) -> None:
    """Method: write from the hook that hears of the trouble."""
    store, commits = watched
    refused: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def trouble(state: str, _why: str) -> None:
        if state == "ill":
            store.post(writes(new_task()), lambda _, error: refused.set_result(error))

    store.on_trouble(trouble)
    commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))
    assert isinstance(await refused, StoreIll)


def damage(file: Path) -> Callable[[], object]:
    """Overwrite two pages in the middle; the answer undoes it."""
    good = file.read_bytes()
    middle = len(good) // 2
    file.write_bytes(good[:middle] + b"\xff" * 8192 + good[middle + 8192 :])
    return lambda: file.write_bytes(good)


async def test_a_damaged_file_keeps_the_store_ill_until_it_is_put_right(
    store_file: Path,
) -> None:
    commits = Commits()
    store = await Store.open(store_file, commit_hook=commits)
    news = news_of(store)
    await store.write(lambda tx: accept(tx, *(new_task() for _ in range(200))))
    await store.close()
    store = await Store.open(store_file, commit_hook=commits)
    news = news_of(store)
    commits.errors = [sqlite_error(sqlite3.SQLITE_IOERR)]
    put_right = damage(store_file)
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))
    assert await news.get() == "ill"
    assert await store.heal() is False
    with pytest.raises(StoreIll):
        await store.write(writes(new_task()))

    put_right()
    assert await store.heal() is True
    assert await news.get() == "ok"
    await store.write(writes(new_task()))
    await store.close()


async def test_a_full_disk_is_told_and_the_store_finds_room_again_by_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: SQLite's own limit on pages, which fails as a full disk does."""
    monkeypatch.setattr(connection, "ROOM_PROBE_S", 0.01)
    news = news_of(store)
    first = new_task()
    await store.write(writes(first))
    [(pages,)] = await store.write(lambda tx: tx.all("PRAGMA page_count"))
    await store.write(lambda tx: tx.all(f"PRAGMA max_page_count = {pages}"))
    large = b'{"x":"' + b"x" * 1_000_000 + b'"}'
    with pytest.raises(StoreFull):
        await store.write(lambda tx: accept(tx, new_task(), body=large))
    assert await news.get() == "full"
    assert await news.get() == "ok"
    await store.write(lambda tx: tx.all("PRAGMA max_page_count = 1000000"))
    await store.write(lambda tx: accept(tx, new_task(), body=large))
    assert await store.write(is_whole)


async def test_the_full_batch_hears_of_a_commit_that_found_no_room(
    watched: tuple[Store, Commits],
) -> None:
    store, commits = watched
    commits.errors = [sqlite_error(sqlite3.SQLITE_FULL)]
    answers = await asyncio.gather(  # noqa: TID251 - one batch
        *(store.write(writes(new_task())) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StoreFull] * 3
    assert store.state == "full"
    await store.write(writes(new_task()))
    assert store.state == "ok"
    assert await store.write(is_whole)


async def test_a_disk_that_is_really_full_loses_nothing_that_was_told(small_disk: Path) -> None:
    """Method: accept tasks until the disk is full, free some room, go on, look what is there."""
    reserve = small_disk / "reserve"
    reserve.write_bytes(bytes(512 * 1024))
    store = await Store.open(small_disk / "fnr.db")
    told: list[str] = []
    body = b'{"x":"' + b"x" * 20_000 + b'"}'
    with pytest.raises(StoreFull):
        while True:
            told += await store.write(lambda tx: accept(tx, new_task(), body=body))
    assert store.state == "full"
    assert len(told) > 10
    reserve.unlink()
    told += await store.write(lambda tx: accept(tx, new_task(), body=body))
    assert store.state == "ok"
    found = await store.write(lambda tx: tx.all("SELECT * FROM task ORDER BY 1, 2"))
    assert {row[0] for row in found} == set(told)
    assert await store.write(is_whole)
    await store.close()


async def test_a_stranger_with_the_lock_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sqlite3 fnr.db` in another window must not break the daemon."""
    monkeypatch.setattr(connection, "BUSY_RETRY_S", 0.001)
    stranger = sqlite3.connect(store.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    answer = asyncio.ensure_future(store.write(writes(new_task())))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not answer.done()
    stranger.execute("COMMIT")
    stranger.close()
    assert await answer


async def test_who_only_comes_behind_others_does_not_fail_with_those_behind_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it waited for is on disk; `fnr function pause` said that it had failed."""
    monkeypatch.setattr(connection, "BUSY_PATIENCE_S", 0.0)
    stranger = sqlite3.connect(store.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    ends: list[BaseException | None] = []
    store.post(nothing, lambda _, error: ends.append(error))
    with pytest.raises(StoreBusy):
        await store.write(writes(new_task()))
    stranger.close()
    assert ends == [None]


@pytest.mark.parametrize("heavy", [True, False])
async def test_a_stranger_who_keeps_the_lock_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, heavy: bool
) -> None:
    monkeypatch.setattr(connection, "BUSY_PATIENCE_S", 0.0)
    stranger = sqlite3.connect(store.path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="locked"):
        await store.write(writes(new_task()), heavy=heavy)
    stranger.close()
    assert await store.write(writes(new_task()))
