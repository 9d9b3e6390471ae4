"""Is the file at the store's path still the one that was opened?

What is committed to a file that was removed is on disk for nobody: SQLite goes on with it, and it
is gone with the process. The same when a disk is taken away and the folder under it stays.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from fnr.store.batch import CommitHook


class FileLost(sqlite3.OperationalError):
    """The store's file was removed, or another one is in its place."""

    # Nothing is taken until it is there again, as with a disk that fails.
    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


class SameFile:
    """Looks before every COMMIT, which costs a stat; then calls the hook that it stands before."""

    def __init__(self, path: Path, then: CommitHook | None) -> None:
        self._path = str(path)
        self._then = then
        opened = path.stat()
        self._opened = (opened.st_ino, opened.st_dev)

    def __call__(self, phase: str) -> None:
        """A COMMIT is about to begin, or has ended. Raises FileLost."""
        if phase == "before" and not self.stands():
            raise FileLost(f"{self._path} was removed, or another file is in its place")
        if self._then is not None:
            self._then(phase)

    def stands(self) -> bool:
        """Whether it is there; what cannot be looked at is for the COMMIT to find out."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - once a COMMIT
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return (found.st_ino, found.st_dev) == self._opened
