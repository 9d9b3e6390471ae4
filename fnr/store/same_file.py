"""Are the store's file and its log still those that were opened?

What is committed to a file that was removed is on disk for nobody: SQLite goes on with it, and it
is gone with the process. The same when a disk is taken away and the folder under it stays.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from fnr.store.batch import CommitHook

# A stat costs some µs: so many COMMITs share the one of the log's index, by which others find their
# way in the log. What is in it is safe without.
INDEX_EVERY = 32

Identity = tuple[int, int]
Known = tuple[str, Identity]


class FileLost(sqlite3.OperationalError):
    """The store's file or its log was removed, or another one is in its place."""

    # Nothing is taken until it is there again, as with a disk that fails.
    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


class SameFile:
    """Looks before every COMMIT, which costs two stats; then calls the hook it stands before."""

    def __init__(self, path: Path, then: CommitHook | None) -> None:
        self.path = path
        self._then = then
        opened = path.stat()
        self._itself: Known = (str(path), (opened.st_ino, opened.st_dev))
        self._log: tuple[Known, ...] = ()
        self._index: tuple[Known, ...] = ()
        self._commits = 0
        self.opened()

    def __call__(self, phase: str) -> None:
        """A COMMIT is about to begin, or has ended. Raises FileLost."""
        if phase == "before":
            self._commits += 1
            if lost := self.lost() if self._commits % INDEX_EVERY == 0 else _lost(self._often):
                raise FileLost(lost)
        if self._then is not None:
            self._then(phase)

    def opened(self) -> None:
        """What lies beside it now is what the connection to it writes."""
        self._log, self._index = self._beside("-wal"), self._beside("-shm")
        self._often = (self._itself, *self._log)

    def closed(self) -> None:
        """No connection writes it: whatever lies beside it may go."""
        self._log = self._index = ()
        self._often = (self._itself,)

    def lost(self) -> str:
        """What is not where it was, in words; "" when all is. The next COMMIT finds the same."""
        if lost := _lost((self._itself, *self._log, *self._index)):
            self._often = (self._itself, *self._log, *self._index)
        return lost

    def stands(self) -> bool:
        """Whether the file itself is there."""
        return not _lost((self._itself,))

    def log_stands(self) -> bool:
        """Whether what was written beside it is there."""
        return not _lost((*self._log, *self._index))

    def _beside(self, suffix: str) -> tuple[Known, ...]:
        name = f"{self.path}{suffix}"
        found = _identity(name)
        return () if found is None else ((name, found),)


def _lost(files: tuple[Known, ...]) -> str:
    """What cannot be looked at is for the COMMIT to find out."""
    for name, opened in files:
        try:
            found = os.stat(name)  # noqa: PTH116 - twice a COMMIT
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
        found = os.stat(name)  # noqa: PTH116 - twice a COMMIT
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_dev
