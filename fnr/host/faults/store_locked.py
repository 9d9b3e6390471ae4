"""The store's write lock in a stranger's hand, as if another program were writing for long.

SQLite in WAL mode lets whoever holds byte 120 of the -shm file write. The kernel takes the lock
from a process that ends, so nothing can be left of it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select

from fnr.host.chaos_records import holder
from fnr.host.procfs import look_at
from fnr.policy.chaos import Injection

# UNIX_SHM_BASE + WAL_WRITE_LOCK of SQLite's os_unix.c and wal.c.
_WRITE_LOCK_BYTE = 120
_TRIES_MAX = 500
_PAUSE_MS = 10
# As long as this process lives: closing any descriptor of the file would free the lock.
_held: list[int] = []


def begin(injection: Injection) -> None:
    """Take it as soon as the daemon is between two transactions."""
    fd = os.open(_file(injection), os.O_RDWR | os.O_CLOEXEC)
    _held.append(fd)
    for _ in range(_TRIES_MAX):
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _WRITE_LOCK_BYTE)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
            select.poll().poll(_PAUSE_MS)
        else:
            return
    raise OSError(errno.EAGAIN, "somebody else holds the lock", _file(injection))


def proof(injection: Injection) -> str:
    """The kernel's list of locks names us."""
    return residue(injection)


def undo(_: Injection) -> None:
    """Let go, if it is us who hold it."""
    while _held:
        os.close(_held.pop())


def residue(injection: Injection) -> str:
    """Does the dead-man process hold the lock?"""
    known = holder(injection.folder)
    if known is None:
        return ""
    try:
        inode = b":%d" % os.stat(_file(injection)).st_ino  # noqa: PTH116 - pathlib costs 8 ms
    except FileNotFoundError:
        return ""  # the daemon that closed the store took it along
    pid = b"%d" % known.pid
    # A line reads: 1: POSIX  ADVISORY  WRITE 1234 08:02:131077 120 120
    lines = [line.split() for line in (look_at("/proc/locks") or b"").splitlines()]
    ours = [
        line
        for line in lines
        if len(line) > 7
        and (line[1], line[4], line[6]) == (b"POSIX", pid, b"%d" % _WRITE_LOCK_BYTE)
        and line[5].endswith(inode)
    ]
    return f"pid {known.pid} holds the write lock of the store" if ours else ""


def _file(injection: Injection) -> str:
    return injection.places["store"] + "-shm"
