"""The kernel holds the lock: it ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from host_programs import open_descriptors, running

from fnr.host.lock import (
    AlreadyHeld,
    hold_home,
    hold_lock,
    home_holder,
    lock_holder,
    wait_for_lock,
)

HOLDER = """
from fnr.host.lock import hold_lock
lock = hold_lock(sys.argv[1])
say("held")
rest()
"""


def test_a_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with running(HOLDER, path, fnr=True) as holder:
        assert holder.line() == "held"
        before = open_descriptors()
        with pytest.raises(AlreadyHeld) as caught:
            hold_lock(path)
        assert (caught.value.path, caught.value.pid) == (path, holder.pid)
        assert str(holder.pid) in str(caught.value)
        assert lock_holder(path) == holder.pid
        assert open_descriptors() == before


@pytest.fixture
def two_file_systems(tmp_path: Path) -> Iterator[list[Path]]:
    """Two empty ones that number their files alike."""
    folders = [tmp_path / "one", tmp_path / "other"]
    with ExitStack() as mounted:
        for folder in folders:
            folder.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
            if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
                pytest.skip("mounting needs root, and may not be allowed")
            mounted.callback(subprocess.run, ["umount", str(folder)], check=True)
        yield folders


def test_a_lock_of_another_file_system_is_not_this_one(two_file_systems: list[Path]) -> None:
    """A home's daemon was said to run when that of a home elsewhere did."""
    mine, others = (folder / "lock" for folder in two_file_systems)
    mine.touch()
    with running(HOLDER, str(others), fnr=True) as holder:
        assert holder.line() == "held"
        assert mine.stat().st_ino == others.stat().st_ino
        assert lock_holder(str(others)) == holder.pid
        assert lock_holder(str(mine)) is None


def test_a_sigkill_frees_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with running(HOLDER, path, fnr=True) as holder:
        assert holder.line() == "held"
        os.kill(holder.pid, signal.SIGKILL)
        assert holder.silent()
        assert holder.end().signal == signal.SIGKILL
        assert lock_holder(path) is None
        hold_lock(path).release()


def test_programs_started_by_the_holder_do_not_hold_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    code = """
from fnr.host.lock import hold_lock
from fnr.host.process import spawn
lock = hold_lock(sys.argv[1])
child = spawn([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"],
              env=dict(os.environ))
say(child.pid)
rest()
"""
    with running(code, path, fnr=True) as holder:
        left = int(holder.line())
        os.kill(holder.pid, signal.SIGKILL)
        assert holder.end().signal == signal.SIGKILL
        hold_lock(path).release()
        os.kill(left, signal.SIGKILL)


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    lock = hold_lock(path)
    assert Path(path).read_text() == f"{os.getpid()}\n"
    assert lock_holder(path) == os.getpid()
    lock.release()
    lock.release()
    assert lock_holder(path) is None
    hold_lock(path).release()


def test_a_file_that_does_not_say_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with running(HOLDER, str(path), fnr=True) as holder:
        assert holder.line() == "held"
        path.write_text("")
        with pytest.raises(AlreadyHeld) as caught:
            hold_lock(str(path))
        assert caught.value.pid is None


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hold_lock(str(tmp_path / "none" / "lock"))
    assert lock_holder(str(tmp_path / "none" / "lock")) is None


FOLDER_HOLDER = """
from fnr.host.lock import wait_for_lock
lock = wait_for_lock(sys.argv[1])
say("held")
rest()
"""


def test_who_waits_for_a_folder_gets_it_when_its_holder_dies(tmp_path: Path) -> None:
    with running(FOLDER_HOLDER, str(tmp_path), fnr=True) as holder:
        assert holder.line() == "held"
        assert lock_holder(str(tmp_path)) == holder.pid
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait_for_lock, str(tmp_path))
            os.kill(holder.pid, signal.SIGKILL)
            lock = waiting.result(timeout=30)
    assert lock_holder(str(tmp_path)) == os.getpid()
    lock.release()
    assert lock_holder(str(tmp_path)) is None


def test_who_waited_for_a_folder_that_was_made_anew_holds_the_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    held = wait_for_lock(str(folder))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_lock, str(folder))
        await_waiter(folder)
        folder.rmdir()
        folder.mkdir()
        held.release()
        lock = waiting.result(timeout=30)
    assert lock_holder(str(folder)) == os.getpid()
    lock.release()


def test_who_waited_for_a_folder_that_is_gone_hears_so(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    held = wait_for_lock(str(folder))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_lock, str(folder))
        await_waiter(folder)
        folder.rmdir()
        held.release()
        with pytest.raises(FileNotFoundError):
            waiting.result(timeout=30)


def await_waiter(folder: Path) -> None:
    """Until the kernel says that somebody waits for the lock on this folder."""
    inode = f":{folder.stat().st_ino} "
    while not any(
        "->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()
    ):
        os.sched_yield()


def test_a_disk_that_takes_no_writes_keeps_nobody_from_holding_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        lock = hold_lock(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert lock.stands()
    with pytest.raises(AlreadyHeld):
        hold_lock(path)
    lock.release()


def test_a_lock_whose_file_was_replaced_does_not_stand(tmp_path: Path) -> None:
    """Somebody else may hold the one that is there now."""
    path = tmp_path / "lock"
    lock = hold_lock(str(path))
    assert lock.stands()
    path.rename(tmp_path / "moved")
    assert not lock.stands()
    other = hold_lock(str(path))
    assert (lock.stands(), other.stands()) == (False, True)
    lock.release()
    other.release()


def test_a_home_is_held_although_its_lock_file_is_removed(tmp_path: Path) -> None:
    """Believed to be stale, by somebody who knows other daemons."""
    path = tmp_path / "lock"
    lock = hold_home(str(path))
    path.unlink()
    assert lock.stands()
    assert home_holder(str(path)) == os.getpid()
    with pytest.raises(AlreadyHeld) as told:
        hold_home(str(path))
    assert told.value.pid == os.getpid()
    assert not path.exists()
    lock.release()
    assert home_holder(str(path)) is None
    hold_home(str(path)).release()


def test_a_home_in_the_place_of_another_is_not_held(tmp_path: Path) -> None:
    home, moved = tmp_path / "home", tmp_path / "moved"
    home.mkdir()
    lock = hold_home(str(home / "lock"))
    home.rename(moved)
    home.mkdir()
    assert not lock.stands()
    hold_home(str(home / "lock")).release()
    with pytest.raises(AlreadyHeld):
        hold_home(str(moved / "lock"))
    lock.release()


def test_a_home_is_not_taken_from_who_holds_the_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon of an earlier version; and a file system that locks no folders."""
    path = str(tmp_path / "lock")
    earlier = hold_lock(path)
    with pytest.raises(AlreadyHeld):
        hold_home(path)
    assert lock_holder(str(tmp_path)) is None
    earlier.release()
    take = fcntl.flock

    def files_only(fd: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        take(fd, how)

    monkeypatch.setattr(fcntl, "flock", files_only)
    lock = hold_home(path)
    with pytest.raises(AlreadyHeld):
        hold_home(path)
    lock.release()
