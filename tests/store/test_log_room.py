"""Zeros behind the log: they make its flushes cheaper, and are nothing to whoever reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from store_values import is_whole, new_task
from writer_probes import count_of, writes

from fnr.store import checkpointer, log_room
from fnr.store.connection import Store, read_only
from fnr.store.log_room import COMMITS_PER_CHUNK, LogRoom


def log_of(store_file: Path) -> Path:
    return Path(f"{store_file}-wal")


async def test_what_lies_behind_the_log_is_nothing_to_whoever_opens_it_after_a_kill(
    store: Store, tmp_path: Path
) -> None:
    """The files as they are now are what a killed daemon would leave."""
    for _ in range(3 * COMMITS_PER_CHUNK):
        await store.write(writes(new_task()))
    assert log_of(store.path).stat().st_size >= 2 * log_room.CHUNK_BYTES
    assert log_of(store.path).read_bytes().endswith(bytes(100_000))
    left = tmp_path / "left"
    left.mkdir()
    for name in ("fnr.db", "fnr.db-wal"):
        shutil.copy(store.path.with_name(name), left / name)
    again = await Store.open(left / "fnr.db")
    await again.write(writes(new_task()))
    opened = read_only(again.path)
    assert count_of(opened) == 3 * COMMITS_PER_CHUNK + 1
    assert is_whole(opened)
    opened.close()
    await again.close()


async def test_the_log_is_gone_when_the_store_is_closed(store_file: Path) -> None:
    store = await Store.open(store_file)
    await store.write(writes(new_task()))
    await store.close()
    assert not log_of(store_file).exists()


def test_it_is_filled_up_to_where_a_log_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_room, "LOG_BYTES_MAX", 700_000)
    log = log_of(tmp_path / "fnr.db")
    log.write_bytes(b"x" * 1_000)
    room = LogRoom(tmp_path / "fnr.db")
    sizes = []
    while room.due:
        room.fill()
        sizes.append(log.stat().st_size)
        for _ in range(COMMITS_PER_CHUNK):
            room.committed()
    assert sizes == [1_000 + log_room.CHUNK_BYTES, 700_000, 700_000]
    assert log.read_bytes() == b"x" * 1_000 + bytes(699_000)


def test_where_room_is_scarce_none_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "ROOM_BYTES_MIN", 1 << 62)
    log = log_of(tmp_path / "fnr.db")
    log.write_bytes(b"x")
    room = LogRoom(tmp_path / "fnr.db")
    room.fill()
    assert (log.stat().st_size, room.due) == (1, False)


def test_a_disk_that_fills_up_meanwhile_is_given_back_what_was_taken(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "ROOM_BYTES_MIN", 0)
    log = log_of(small_disk / "fnr.db")
    log.write_bytes(b"x" * 1_000)
    (small_disk / "other").write_bytes(bytes(free_bytes(small_disk) - 100_000))
    room = LogRoom(small_disk / "fnr.db")
    room.fill()
    assert (log.stat().st_size, room.due) == (1_000, False)


def test_without_a_log_there_is_nothing_to_fill(tmp_path: Path) -> None:
    room = LogRoom(tmp_path / "fnr.db")
    room.fill()
    assert not room.due


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
