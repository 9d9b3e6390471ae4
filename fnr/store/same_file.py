"""Are the store's file and its log still those that were opened?

What is committed to a file that was removed is on disk for nobody: SQLite goes on with it, and it
is gone with the process. The same when a disk is taken away and the folder under it stays.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

Identity = tuple[int, int]
Known = tuple[str, Identity]


class FileLost(sqlite3.OperationalError):
    """The store's file or its log was removed or cut, or another one is in its place."""

    # Nothing is taken until it is there again, as with a disk that fails.
    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


def real_file(path: str | Path) -> Path:
    """The file itself where a link leads to it: SQLite keeps the log beside that one."""
    path = Path(path)
    # Not resolve: that raises where links lead in a circle.
    return Path(os.path.realpath(path)) if path.is_symlink() else path


class SameFile:
    """The store's file with its log and the log's index, as they were opened.

    folders: nothing of these is made, moved or removed without a new time of one of them.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection | None = None) -> None:
        """connection: that it was opened with; None: nobody takes of it what it has too much."""
        self.path = path
        opened = path.stat()
        self._itself: Known = (str(path), (opened.st_ino, opened.st_dev))
        self._beside_it: tuple[Known, ...] = ()
        self.opened(connection)

    def opened(self, connection: sqlite3.Connection | None = None) -> None:
        """What lies beside it now is what the connection to it writes."""
        # It grows only: the space of what is deleted stays in it. But where a VACUUM was killed it
        # is cut back by a checkpoint, from what it is now to what is in the log.
        now = self.path.stat().st_size
        self._bytes_min = now if connection is None else min(now, _bytes_of_pages(connection))
        self._cut_back_from = now if now > self._bytes_min else -1
        self.real = real_file(self.path)
        self.folders = tuple({str(self.path.parent), str(self.real.parent)})
        found = [(name, _identity(name)) for name in (f"{self.real}-wal", f"{self.real}-shm")]
        self._beside_it = tuple((name, it) for name, it in found if it is not None)

    def closed(self) -> None:
        """No connection writes it: whatever lies beside it may go."""
        self._beside_it = ()

    def lost(self) -> str:
        """What is not where it was, in words; "" when all is."""
        return _lost((self._itself, *self._beside_it)) or self._cut_short()

    def _cut_short(self) -> str:
        """As by whoever copies another one into it, or empties it for room on the disk."""
        known = self._bytes_min  # before the look: others look too, and it grows
        try:
            size = os.stat(self.path).st_size  # noqa: PTH116 - as below
        except OSError:
            return ""
        if size < known:
            return f"{self.path} was cut short: it has {size} bytes and had {known}"
        if size != self._cut_back_from:
            self._bytes_min = size
        return ""

    def stands(self) -> bool:
        """Whether the file itself is there."""
        return not _lost((self._itself,))

    def log_stands(self) -> bool:
        """Whether what was written beside it is there."""
        return not _lost(self._beside_it)


def _bytes_of_pages(connection: sqlite3.Connection) -> int:
    """How large it is once all of the log is moved into it."""
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    [page_bytes] = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * page_bytes)


def _lost(files: tuple[Known, ...]) -> str:
    """What cannot be looked at is for the COMMIT to find out."""
    for name, opened in files:
        try:
            found = os.stat(name)  # noqa: PTH116 - often, and pathlib is slow
        except (FileNotFoundError, NotADirectoryError):
            found = None
        except OSError:
            continue
        if found is None or (found.st_ino, found.st_dev) != opened:
            return f"{name} was removed, or another file is in its place"
    return ""


def _identity(name: str) -> Identity | None:
    """None when there is none; raises OSError."""
    try:
        found = os.stat(name)  # noqa: PTH116 - as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_dev
