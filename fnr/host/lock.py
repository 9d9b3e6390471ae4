"""A lock that the kernel holds for a process, so that even a SIGKILL frees it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress


class AlreadyHeld(Exception):
    """Someone else holds the lock; pid is None when the file does not say who."""

    def __init__(self, path: str, pid: int | None) -> None:
        super().__init__(f"{path} is held by " + (f"pid {pid}" if pid else "another process"))
        self.path = path
        self.pid = pid


class Lock:
    """A held lock; it ends with release() or with the process."""

    def __init__(self, fd: int, path: str, folder_fd: int = -1) -> None:
        self._fd = fd
        self._path = path
        self._folder_fd = folder_fd

    def stands(self) -> bool:
        """Does the path still lead to what we hold? Else somebody else may hold another."""
        try:
            if self._folder_fd >= 0:
                held, there = os.fstat(self._folder_fd), os.stat(_folder_of(self._path))  # noqa: PTH116 - pathlib costs 8 ms
                return os.path.samestat(held, there)
            return os.path.samestat(os.fstat(self._fd), os.stat(self._path))  # noqa: PTH116 - pathlib costs 8 ms
        except OSError:
            return False

    def release(self) -> None:
        """Let others have it. The file stays: unlinking it would let two processes hold two."""
        for fd in (self._fd, self._folder_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._folder_fd = -1


def hold_lock(path: str) -> Lock:
    """Take the lock at once or raise AlreadyHeld; the pid in the file is information only."""
    return Lock(_hold_file(path), path)


def _hold_file(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _number(os.pread(fd, 32, 0))
        os.close(fd)
        raise AlreadyHeld(path, pid) from None
    except BaseException:
        os.close(fd)
        raise
    with suppress(OSError):  # a full disk keeps nobody from holding it
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d\n" % os.getpid(), 0)
    return fd


def hold_home(path: str) -> Lock:
    """Take the lock on a file and on its folder: it holds although the file is removed.

    Whoever believes that a lock file is stale removes it, and the next one to come would hold
    another. Raises AlreadyHeld.
    """
    folder_fd = os.open(_folder_of(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder_fd)
        raise AlreadyHeld(path, home_holder(path)) from None
    except OSError:  # some file systems of a network lock no folders
        os.close(folder_fd)
        return hold_lock(path)
    try:
        return Lock(_hold_file(path), path, folder_fd)
    except BaseException:
        os.close(folder_fd)
        raise


def home_holder(path: str) -> int | None:
    """The pid that holds the lock on this file, or on its folder; None as with lock_holder."""
    return lock_holder(path) or lock_holder(_folder_of(path))


def _folder_of(path: str) -> str:
    return os.path.dirname(path)  # noqa: PTH120 - pathlib costs 8 ms


def wait_for_lock(folder: str) -> Lock:
    """Take the lock on a folder, and wait for as long as somebody else holds it.

    Raises FileNotFoundError when there is none, or it was removed meanwhile.
    """
    while True:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            # Whoever held it may have removed it, and somebody else made another of this name.
            same = os.path.samestat(os.fstat(fd), os.stat(folder))  # noqa: PTH116 - pathlib costs 8 ms
        except BaseException:
            os.close(fd)
            raise
        if same:
            return Lock(fd, folder)
        os.close(fd)


def lock_holder(path: str) -> int | None:
    """The pid that holds the lock now; None when free or not to be seen from here.

    Asks the kernel's list instead of trying the lock: a try, however short, could make a daemon
    that starts at this moment believe that another one runs.
    """
    try:
        wanted = os.stat(path)  # noqa: PTH116 - pathlib costs 8 ms
        with open("/proc/locks", "rb") as file:  # noqa: PTH123 - pathlib costs 8 ms
            locks = file.read().splitlines()
    except OSError:
        return None
    inode = b":%d" % wanted.st_ino
    for line in locks:
        # A line reads: 1: FLOCK ADVISORY WRITE 1234 08:02:131077 0 EOF
        words = line.split()
        if len(words) >= 6 and words[1] == b"FLOCK" and words[5].endswith(inode):
            pid = _number(words[4])
            if pid is not None and _has_open(pid, wanted):
                return pid
    return None


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    """Is it this file that the process has locked, as far as can be seen?

    Other file systems have files with the same inode number, a tmpfs small ones; and the device in
    the kernel's list is on some (btrfs, overlayfs) not the one that stat tells.
    """
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)  # noqa: PTH208 - pathlib costs 8 ms
    except OSError:
        return True
    for descriptor in descriptors:
        try:
            found = os.stat(f"{folder}/{descriptor}")  # noqa: PTH116 - pathlib costs 8 ms
        except OSError:
            continue
        if os.path.samestat(found, wanted):
            return True
    return False


def _number(text: bytes) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() and int(text) > 0 else None
