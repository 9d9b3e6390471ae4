"""How large the log's file is, asked without asking for its times (see commit_guard)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path


class LogFile:
    """Kept open from the first question on, until the log is another file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._known_bytes = 0

    def size(self) -> int:
        """In bytes; raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return size_of(self._fd)

    def cut(self, kept_bytes: int) -> str:
        """That somebody has cut it short, in words; "" otherwise.

        kept_bytes: SQLite itself leaves at least so many of those that there were.
        """
        try:
            found = self.size()
        except OSError:
            return ""
        if found < self._known_bytes and (found or not _is_begun_anew(self.path)):
            return f"{self.path} was cut short: {found} bytes of {self._known_bytes} are left"
        self._known_bytes = min(found, kept_bytes)
        return ""

    def close(self) -> None:
        """The next question opens what is there then."""
        self._known_bytes = 0
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def size_of(fd: int) -> int:
    """The size in bytes of an open file, whose place for reads and writes moves to its end."""
    return os.lseek(fd, 0, os.SEEK_END)


def _is_begun_anew(log: str) -> bool:
    """Does SQLite know that nothing is in it, as after a checkpoint that somebody asked for?

    One that was only cut has pages by its index, of which nothing is read or moved here.
    """
    uri = f"{Path(log.removesuffix('-wal')).absolute().as_uri()}?mode=rw"
    with suppress(sqlite3.Error):
        other = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
        with closing(other):
            counted: tuple[int, ...] = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return counted == (0, 0, 0)
    return False
