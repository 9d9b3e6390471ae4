"""Care for the store's file: checked, copied, put back, shrunk, and never under a daemon's feet."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fnr.api.errors import BadData, NotFound, Refused, StorageError
from fnr.client import store_file
from fnr.client.new_file import write_new
from fnr.config.paths import Paths, find_paths
from fnr.host.lock import hold_home, hold_lock
from fnr.policy.task import Task
from fnr.store.accepting import accept
from fnr.store.connection import Store

ID = "01JD0000000000000000000001"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A home with one queued task in its store."""
    found = find_paths(str(tmp_path / "home"))
    Path(found.state_dir).mkdir(parents=True)
    asyncio.run(fill(found.store_file))
    return found


async def fill(store_file: str) -> None:
    store = await Store.open(store_file)
    await store.write(lambda tx: accept(tx, [(Task(task_id=ID, function="f"), b"{}")]))
    await store.close()


def tasks(file: str) -> int:
    connection = sqlite3.connect(file)
    try:
        [count] = connection.execute("SELECT count(*) FROM task").fetchone()
    finally:
        connection.close()
    return count  # type: ignore[no-any-return]  # sqlite3 says Any


def damage(file: str) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE tally SET count = 7")
    connection.commit()
    connection.close()


def test_a_whole_store_has_no_findings_and_a_drifted_count_is_one(paths: Paths) -> None:
    assert store_file.check(paths) == []
    damage(paths.store_file)
    assert store_file.check(paths) != []


def test_a_backup_can_be_restored_into_an_empty_home(paths: Paths, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert store_file.backup(paths, copy) == (copy.stat().st_size, [])
    shutil.rmtree(paths.state_dir)
    assert store_file.restore(paths, copy) is None
    assert tasks(paths.store_file) == 1


def test_a_backup_overwrites_nothing(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(Refused, match="exists already"):
        store_file.backup(paths, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_what_lies_where_nothing_can_be_written_is_copied_and_put_back(
    paths: Paths, tmp_path: Path
) -> None:
    """A store that was closed in good order has no log beside it, and none can be made there."""
    place, copy = tmp_path / "place", tmp_path / "copy.db"
    Path(f"{place}/state").mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", f"{place}/state"]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        there = find_paths(str(place))
        shutil.copy(paths.store_file, there.store_file)
        subprocess.run(["mount", "-o", "remount,ro", f"{place}/state"], check=True)
        assert store_file.backup(there, copy) == (copy.stat().st_size, [])
        store_file.restore(paths, Path(there.store_file))
    finally:
        subprocess.run(["umount", f"{place}/state"], check=True)
    assert (tasks(str(copy)), tasks(paths.store_file)) == (1, 1)


def test_a_copy_that_cannot_be_read_is_not_called_the_store(paths: Paths, tmp_path: Path) -> None:
    """Method: its log is a folder."""
    copy = tmp_path / "copy.db"
    shutil.copy(paths.store_file, copy)
    Path(f"{copy}-wal").mkdir()
    with pytest.raises(StorageError) as caught:
        store_file.restore(paths, copy)
    assert (caught.value.what, caught.value.next_step) == (f"{copy} cannot be read", "")
    assert tasks(paths.store_file) == 1


def test_a_store_that_is_a_link_to_itself_is_replaced_by_a_copy(
    paths: Paths, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    shutil.move(paths.store_file, copy)
    Path(paths.store_file).symlink_to("fnr.db")
    assert store_file.restore(paths, copy) is None
    assert tasks(paths.store_file) == 1


def test_the_store_of_before_is_kept(paths: Paths, tmp_path: Path) -> None:
    store_file.backup(paths, tmp_path / "copy.db")
    kept = store_file.restore(paths, tmp_path / "copy.db")
    assert kept is not None
    assert tasks(str(kept)) == 1


def test_what_is_no_store_is_not_restored(paths: Paths, tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"no store " * 1_000)
    with pytest.raises(BadData, match="cannot be restored"):
        store_file.restore(paths, bad)
    assert tasks(paths.store_file) == 1


def test_a_damaged_store_is_not_backed_up_as_if_it_were_whole(paths: Paths, tmp_path: Path) -> None:
    damage(paths.store_file)
    with pytest.raises(BadData, match="was not kept") as caught:
        store_file.backup(paths, tmp_path / "copy.db")
    assert caught.value.details
    assert not (tmp_path / "copy.db").exists()


def test_shrinking_says_before_and_after(paths: Paths) -> None:
    connection = sqlite3.connect(paths.store_file)
    connection.execute("INSERT INTO meta VALUES ('x', hex(randomblob(100000)))")
    connection.commit()
    connection.execute("DELETE FROM meta WHERE key = 'x'")
    connection.commit()
    connection.close()
    before, after = store_file.vacuum(paths)
    assert before - 150_000 > after > 0
    assert after == Path(paths.store_file).stat().st_size


def test_nothing_is_changed_while_a_daemon_holds_the_store(paths: Paths, tmp_path: Path) -> None:
    store_file.backup(paths, tmp_path / "copy.db")
    lock = hold_lock(paths.lock_file)
    try:
        for change in (
            lambda: store_file.restore(paths, tmp_path / "copy.db"),
            lambda: store_file.vacuum(paths),
            lambda: store_file.refuse_while_running(paths, "restored"),
        ):
            with pytest.raises(Refused, match="while the daemon runs"):
                change()
    finally:
        lock.release()
    store_file.refuse_while_running(paths, "restored")
    assert tasks(paths.store_file) == 1


def test_a_store_that_was_removed_under_a_daemon_is_not_called_a_new_one(paths: Paths) -> None:
    Path(paths.store_file).unlink()
    with pytest.raises(NotFound, match="no store yet"):
        store_file.require(paths)
    lock = hold_lock(paths.lock_file)
    try:
        with pytest.raises(StorageError, match="is not there") as told:
            store_file.require(paths)
    finally:
        lock.release()
    assert "the file was removed" in told.value.why


def test_a_store_that_takes_no_writes_is_not_said_to_be_unreadable(paths: Paths) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    hold_home(paths.lock_file).release()
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written") as told:
            store_file.vacuum(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "MiB free" in told.value.why
    assert store_file.check(paths) == []


ENDLESS = """
import sys
from fnr.client import store_file
from fnr.client.new_file import write_new
from fnr.config.paths import find_paths
from fnr.store import backup as copies

def look(tx):
    print("looks", flush=True)
    tx.all("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")

copies.check = store_file.checks.check = look
deed, home, *files = sys.argv[1:]
getattr(store_file, deed)(find_paths(home), *map(copies.Path, files))
"""


@pytest.mark.parametrize("deed", ["check", "backup", "restore"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_asked_to_end_ends_in_the_middle_and_leaves_no_draft(
    paths: Paths, tmp_path: Path, deed: str, number: signal.Signals
) -> None:
    """Method: looking at the copy takes for ever."""
    copy = tmp_path / "copy.db"
    if deed == "restore":
        store_file.backup(paths, copy)
    files = [] if deed == "check" else [str(copy)]
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, deed, paths.home, *files], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"looks\n"
            process.send_signal(number)
            assert process.wait(60) == 128 + number
        finally:
            process.kill()
    assert copy.exists() == (deed == "restore")
    for folder in (tmp_path, Path(paths.state_dir)):
        assert not list(folder.glob("*.draft*"))
    assert tasks(paths.store_file) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_new_file_whose_writer_was_killed_is_not_there(
    tmp_path: Path, how: signal.Signals
) -> None:
    """Half of an export would look like all of it to whoever purges afterwards."""
    target = tmp_path / "letters.jsonl"
    program = f"""
import os, signal
from pathlib import Path
from fnr.client.new_file import write_new

def lines():
    yield b"half" * 100_000
    os.kill(os.getpid(), {how})
    signal.pause()

write_new(Path({str(target)!r}), lines())
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode in {-how, 128 + how}
    assert not target.exists()
    assert write_new(target, [b"all"]) == 1
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {target.name: b"all"}
    with pytest.raises(FileExistsError):
        write_new(target, [])
