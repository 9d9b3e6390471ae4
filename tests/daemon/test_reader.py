"""What the daemon reads stays what is in its store, wherever somebody has put the files."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from store_values import accept, new_task

from fnr.daemon import reader as reader_module
from fnr.daemon.reader import Reader
from fnr.store import commit_guard
from fnr.store.connection import Store, StoreBusy, StoreIll
from fnr.store.transaction import Transaction


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """With one task in it."""
    opened = await Store.open(tmp_path / "fnr.db")
    await opened.write(lambda tx: accept(tx, new_task())[0])
    yield opened
    await opened.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """As the daemon has it."""
    opened = Reader(store)
    yield opened
    opened.close()


def tasks(tx: Transaction) -> int:
    [count] = tx.one("SELECT count(*) FROM task") or (0,)
    return int(count)


class Held:
    """Queries that are read until they are let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self._begun = threading.Semaphore(0)

    def __call__(self, tx: Transaction) -> int:
        self._begun.release()
        self.go_on.wait()
        return tasks(tx)

    async def begun(self) -> None:
        """One more is being read."""
        await asyncio.to_thread(self._begun.acquire)


async def ill(store: Store) -> None:
    """Let it meet what has happened to its files."""
    with pytest.raises(StoreIll):
        await store.write(lambda tx: accept(tx, new_task())[0])


async def test_what_was_committed_is_read_while_another_file_is_in_its_place(
    store: Store, reader: Reader, tmp_path: Path
) -> None:
    store.path.rename(tmp_path / "moved.db")
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("CREATE TABLE task (task_id TEXT)")
    await ill(store)
    assert (reader.point(tasks), await reader.read(tasks)) == (1, 1)


async def test_a_file_that_is_not_the_store_is_not_opened(
    store: Store, reader: Reader, tmp_path: Path
) -> None:
    """Once open, it would be read for as long as the daemon lives."""
    store.path.rename(tmp_path / "moved.db")
    await ill(store)
    for holder in (reader, *reader._lanes):
        await asyncio.wrap_future(holder._let_go())
    with pytest.raises(StoreIll, match=r"fnr\.db was removed"):
        reader.point(tasks)
    with pytest.raises(StoreIll, match=r"fnr\.db was removed"):
        await reader.read(tasks)


async def test_after_trouble_it_is_ready_for_the_next(
    store: Store, reader: Reader, tmp_path: Path
) -> None:
    """The file is lost before anybody has read again."""
    well = asyncio.Event()
    store.on_trouble(lambda state, _: well.set() if state == "ok" else None)
    store.path.with_name("fnr.db-wal").unlink()
    await ill(store)
    await well.wait()
    # Its thread has done what was asked of it before.
    await asyncio.wrap_future(reader._lanes[0].put(lambda _: None))
    store.path.rename(tmp_path / "moved.db")
    await ill(store)
    assert (reader.point(tasks), await reader.read(tasks)) == (1, 1)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_what_is_committed_after_the_log_was_removed_is_read(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """Its connections do not keep the log of before."""
    monkeypatch.setattr(commit_guard, "LOOK_EVERY", 1)
    store.path.with_name(f"{store.path.name}{suffix}").unlink()
    await ill(store)
    assert await store.heal()
    await store.write(lambda tx: accept(tx, new_task())[0])
    assert (reader.point(tasks), await reader.read(tasks)) == (2, 2)


async def test_a_thread_that_cannot_be_started_is_tried_again_as_a_busy_store(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a daemon takes up when it starts, such as replays, was never taken up."""

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        with pytest.raises(StoreBusy):
            await reader.read(lambda _: None)
    assert await reader.read(lambda _: 7) == 7


async def test_a_long_search_keeps_nobody_waiting(reader: Reader) -> None:
    held = Held()
    long = [asyncio.ensure_future(reader.read(held)) for _ in range(reader_module.LANES_MAX - 1)]
    for _ in long:
        await held.begun()
    assert await reader.read(tasks) == 1
    assert not any(one.done() for one in long)
    held.go_on.set()
    assert [await one for one in long] == [1, 1]


async def test_more_than_there_are_lanes_wait_their_turn(reader: Reader) -> None:
    held = Held()
    several = [asyncio.ensure_future(reader.read(held)) for _ in range(2 * reader_module.LANES_MAX)]
    for _ in range(reader_module.LANES_MAX):
        await held.begun()
    assert [lane.waiting for lane in reader._lanes] == [2] * reader_module.LANES_MAX
    held.go_on.set()
    assert [await one for one in several] == [1] * len(several)


async def test_beside_a_long_search_what_is_open_is_read_when_the_file_is_lost(
    store: Store, reader: Reader, tmp_path: Path
) -> None:
    held = Held()
    long = asyncio.ensure_future(reader.read(held))
    await held.begun()
    store.path.rename(tmp_path / "moved.db")
    await ill(store)
    short = asyncio.ensure_future(reader.read(tasks))
    held.go_on.set()
    assert (await long, await short) == (1, 1)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_no_lane_keeps_the_log_of_before(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(commit_guard, "LOOK_EVERY", 1)
    held = Held()
    long = asyncio.ensure_future(reader.read(held))
    await held.begun()
    assert await reader.read(tasks) == 1
    held.go_on.set()
    await long
    store.path.with_name(f"{store.path.name}{suffix}").unlink()
    await ill(store)
    assert await store.heal()
    await store.write(lambda tx: accept(tx, new_task())[0])
    assert [await asyncio.wrap_future(lane.put(tasks)) for lane in reader._lanes] == [2, 2]
