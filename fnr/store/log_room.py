"""Keep the log's file larger than the log: a flush without a new end of file takes half as long."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fnr.store.checkpointer import LOG_BYTES_MAX, has_room
from fnr.store.log_file import size_of

CHUNK_BYTES = 512 * 1024
# So many take less than a chunk, most of them; a short life does not fill the disk with zeros.
COMMITS_PER_CHUNK = 8


class LogRoom:
    """Writes zeros behind the log until its file is as large as a log ever is.

    SQLite reads a log no further than to the last record that fits, so zeros behind it are nothing.
    Nobody else may write meanwhile.
    """

    def __init__(self, path: str | Path) -> None:
        self._log = f"{path}-wal"
        self._commits = COMMITS_PER_CHUNK
        self._enough = False

    def committed(self) -> None:
        """A COMMIT has written something."""
        self._commits += 1

    @property
    def due(self) -> bool:
        """Is it time for another chunk?"""
        return not self._enough and self._commits >= COMMITS_PER_CHUNK

    def fill(self) -> None:
        """Add a chunk, or find that there is enough of them."""
        self._commits = 0
        try:
            fd = os.open(self._log, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            self._enough = True
            return
        try:
            end = size_of(fd)
            # Where room may be scarce none is taken that is not needed.
            self._enough = end >= LOG_BYTES_MAX or not has_room(fd)
            if not self._enough:
                _add_zeros(fd, end, min(CHUNK_BYTES, LOG_BYTES_MAX - end))
        except OSError:
            self._enough = True
        finally:
            os.close(fd)


def _add_zeros(fd: int, end: int, count: int) -> None:
    try:
        if os.pwrite(fd, bytes(count), end) < count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(fd)
    except OSError:
        os.ftruncate(fd, end)
        raise
