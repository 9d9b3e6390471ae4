"""Worker logs: bounded on disk, yet a position in them stays the same for ever.

An attempt's output is remembered as a span of its worker's log. So old output is not cut off,
which would shift what follows under other attempts' spans, but its blocks are given back: the
file keeps its length and becomes sparse at the front. Writers notice nothing and lose nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Self

from fnr.host.bookmark import first_bookmark
from fnr.host.inotify import Inotify

_BLOCK_BYTES = 4096
_CHUNK_BYTES = 256 * 1024
# Who reads along is waited for long before that: this is what two pipes hold, and once as much read
# from them, if each byte is a line and so a record of its own.
UNREAD_BYTES_MAX = 8 * 1024 * 1024
# How long it takes a follower to see that it shall stop, and, without inotify, to see news.
_CHECK_MS = 250
_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01


def trim(path: str, bytes_max: int, *, unread_bytes_max: int = UNREAD_BYTES_MAX) -> int:
    """Give the oldest output back to the disk when more than bytes_max is kept; how many bytes.

    Keeps the latest half of bytes_max, so that it is not called for at every line; and what is
    still to be read by whoever has a bookmark in it, up to unread_bytes_max more than bytes_max.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        size = os.fstat(fd).st_size
        first = _first_kept(fd, 0, size)
        if size - first <= bytes_max:
            return 0
        keep_from = first_bookmark(fd, first, size - bytes_max // 2)
        keep_from = (
            max(keep_from, size - bytes_max - unread_bytes_max) // _BLOCK_BYTES * _BLOCK_BYTES
        )
        if keep_from <= first:
            return 0
        try:
            _punch(fd, keep_from)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
            _rewrite(fd, keep_from, size)
        return keep_from - first
    finally:
        os.close(fd)


def blank(path: str, words: Sequence[bytes]) -> bool:
    """Write signs over these words wherever they stand, so that nothing moves; was there any?"""
    if not words:
        return False
    found, reach = False, max(map(len, words)) - 1
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        stat = os.fstat(fd)
        start = _first_kept(fd, 0, stat.st_size)
        while chunk := os.pread(fd, _CHUNK_BYTES + reach, start):
            for word in words:
                at = chunk.find(word)
                while at >= 0:
                    os.pwrite(fd, b"*" * len(word), start + at)
                    found, at = True, chunk.find(word, at + len(word))
            start += _CHUNK_BYTES
        if found and os.fstat(fd).st_size == stat.st_size:
            # Its age is that of its output.
            os.utime(fd, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    finally:
        os.close(fd)
    return found


def whole_blocks(size_bytes: int) -> int:
    """Where to go on behind so much that is not there: at the beginning of a block."""
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def name_of(fd: int) -> str:
    """By what a file held open can be opened again, though its folder be closed to us."""
    return f"/proc/self/fd/{fd}"


def first_kept(path: str) -> int:
    """Position of the oldest byte still there; what is before was trimmed. 0 without a file."""
    try:
        with _Reader(path) as log:
            return log.first_kept(0)
    except FileNotFoundError:
        return 0


def read_span(
    path: str, start: int, end: int | None = None, tail_bytes: int | None = None
) -> bytes:
    """The output between two positions, without what was trimmed; end None: until now.

    tail_bytes: only the last so many bytes of it. b"" when there is no file.
    """
    try:
        with _Reader(path) as log:
            end = log.size if end is None else min(end, log.size)
            if tail_bytes is not None:
                start = max(start, end - tail_bytes)
            return log.read(log.first_kept(start), end)
    except FileNotFoundError:
        return b""


def read_kept(path: str, start: int, end: int, *, bytes_max: int) -> tuple[int, bytes]:
    """At most so much of the output between two positions, and where it begins.

    It begins behind `start` where that was trimmed, and at `end` when all of it was.
    """
    try:
        with _Reader(path) as log:
            begin = min(log.first_kept(start), end)
            while True:
                data = log.read(begin, min(begin + bytes_max, end))
                # What is trimmed while it is read comes as zeros.
                kept = min(log.first_kept(begin), end)
                if kept == begin:
                    return begin, data
                begin = kept
    except FileNotFoundError:
        return start, b""


def follow(path: str, start: int, *, stop: Callable[[], bool]) -> Iterator[bytes]:
    """New output as it is written, from a position on; ends when stop() says so.

    All that was written before stop() became true is still given. A file that is not there yet
    is waited for; one that was replaced or cut short is read from its beginning.
    """
    inode, position = 0, start
    with Inotify() as watch:
        watch.folder(os.path.dirname(path) or ".")  # noqa: PTH120 - pathlib costs 8 ms
        while True:
            last = stop()
            with suppress(FileNotFoundError), _Reader(path) as log:
                if log.inode != inode:
                    # Watched before its size is taken: what is written after that wakes us.
                    watch.file(path)
                    log.look()
                    position = 0 if inode else position
                    inode = log.inode
                position = position if position <= log.size else 0
                while position < log.size:
                    position = log.first_kept(position)
                    chunk = log.read(position, position + _CHUNK_BYTES)
                    position += len(chunk)
                    if not chunk:
                        break
                    yield chunk
            if last:
                return
            watch.wait(_CHECK_MS)


class _Reader:
    """An open log; size is what it was when it was last looked at."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def look(self) -> None:
        """Take note of how long the log is now."""
        stat = os.fstat(self._fd)
        self.size, self.inode = stat.st_size, stat.st_ino

    def first_kept(self, start: int) -> int:
        """Where at or behind start the output begins that was not trimmed."""
        return _first_kept(self._fd, start, self.size)

    def read(self, start: int, end: int) -> bytes:
        """What stands between two positions."""
        parts = []
        while start < end and (part := os.pread(self._fd, min(end - start, _CHUNK_BYTES), start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)


def _first_kept(fd: int, start: int, size_bytes: int) -> int:
    try:
        return min(os.lseek(fd, start, os.SEEK_DATA), size_bytes)
    except OSError as error:
        if error.errno != errno.ENXIO:  # ENXIO: nothing from there on
            raise
        return size_bytes


def _punch(fd: int, end: int) -> None:
    """Give the blocks before end back to the disk."""
    import ctypes  # noqa: PLC0415 - 1 MiB that only long logs need

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(fd, _PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(end)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _rewrite(fd: int, keep_from: int, size_bytes: int) -> None:
    """The same on file systems that cannot punch holes; loses what is written meanwhile."""
    kept = os.pread(fd, size_bytes - keep_from, keep_from)
    os.ftruncate(fd, 0)
    os.pwrite(fd, kept, keep_from)
