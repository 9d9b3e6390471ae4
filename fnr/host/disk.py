"""Room on the disk, and files that are on it for certain.

A reserve file is room that only fnr can give back: on a full disk it is released, so that states
can still be written while new work is refused.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress

_MIB = 1024 * 1024


def free_mib(path: str) -> int:
    """MiB that an ordinary user may still write on the file system of path."""
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize // _MIB


def room_mib(path: str) -> tuple[int, int]:
    """MiB free and in all on the file system of path; OSError when there is no such path."""
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize // _MIB, stat.f_blocks * stat.f_frsize // _MIB


def is_full(path: str) -> bool:
    """Is there no room to speak of on the file system of path? Not when that is not known."""
    try:
        return free_mib(path) == 0 or _no_inode(path)
    except OSError:
        return False


def is_read_only(path: str) -> bool:
    """Is the file system of path mounted read-only? OSError when there is no such path."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def words_of_room(path: str) -> str:
    """How much room there is on the file system of path, for people."""
    try:
        words = f"{free_mib(path)} MiB free at {path}"
        return f"{words}, but no inode for another file (df -i)" if _no_inode(path) else words
    except OSError as error:
        return f"how much is free at {path} is not known: {error.strerror}"


def _no_inode(path: str) -> bool:
    stat = os.statvfs(path)
    # Where they are made as needed, as on btrfs, there are 0 in all.
    return stat.f_files > 0 and stat.f_favail == 0


def mount_of(path: str) -> str:
    """Where the file system of path is mounted; OSError when there is no such path."""
    real = os.path.realpath(path)
    device = os.stat(real).st_dev  # noqa: PTH116 - pathlib costs 8 ms
    while real != "/":
        above = real.rpartition("/")[0] or "/"
        if os.stat(above).st_dev != device:  # noqa: PTH116 - pathlib costs 8 ms
            break
        real = above
    return real


def make_reserve(path: str, mib: int) -> None:
    """Occupy mib MiB in a file; raises OSError, and leaves no file, when they are not free."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(fd).st_size != mib * _MIB:
            os.ftruncate(fd, 0)
            _occupy(fd, mib, path)
            os.fsync(fd)
    except OSError:
        release_reserve(path)
        raise
    finally:
        os.close(fd)


def _occupy(fd: int, mib: int, path: str) -> None:
    # Asked first, because a file system may hand out all it has before it says that it is full,
    # and for that moment nobody else on the host could write.
    if free_mib(path) < mib:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    if mib:
        os.posix_fallocate(fd, 0, mib * _MIB)


def release_reserve(path: str) -> bool:
    """Give the reserve's room back; False when there was none to give."""
    try:
        os.unlink(path)  # noqa: PTH108 - pathlib costs 8 ms
    except FileNotFoundError:
        return False
    return True


def close_to_others(path: str) -> int | None:
    """Make a file that others may read or write its owner's alone; the mode that it had then."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116 - pathlib costs 8 ms
        if not mode & stat.S_IRWXO:
            return None
        os.chmod(path, 0o600)  # noqa: PTH101 - as above
    except FileNotFoundError:
        return None
    return mode


def write_durably(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put data at path so that after a power loss there is either the old file or all of data."""
    _replace(path, data, mode=mode, sync=True)
    # The new name is an entry of the folder: it too is only in memory until the folder is synced.
    fsync_folder(os.path.dirname(path) or ".")  # noqa: PTH120 - pathlib costs 8 ms


def write_whole(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put data at path so that a reader finds the old file or all of data; not for power losses."""
    _replace(path, data, mode=mode, sync=False)


def _replace(path: str, data: bytes, *, mode: int, sync: bool) -> None:
    # Named after the writer, so that two writers of one path cannot mix; whoever looks after the
    # folder knows what a killed writer left by the name's end.
    draft = f"{path}.{os.getpid()}-{threading.get_ident()}.tmp"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        try:
            write_all(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(draft, path)  # noqa: PTH104 - pathlib costs 8 ms
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)  # noqa: PTH108 - pathlib costs 8 ms
        raise


def fsync_folder(path: str) -> None:
    """Make names that were created, renamed or removed in a folder survive a power loss."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; one write() may take fewer, for instance when the disk fills up."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
