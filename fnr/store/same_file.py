"""Are the store's file and its log still those that were opened?

What is committed to a file that was removed is on disk for nobody: SQLite goes on with it, and it
is gone with the process. The same when a disk is taken away and the folder under it stays.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from fnr.store.batch import CommitHook

_LOG = "-wal"
# By which others find their way in the log: what is in it is safe without.
_INDEX = "-shm"
# A stat costs some µs: so many COMMITs share the one of the index.
INDEX_EVERY = 32

Identity = tuple[int, int]


class FileLost(sqlite3.OperationalError):
    """The store's file or its log was removed, or another one is in its place."""

    # Nothing is taken until it is there again, as with a disk that fails.
    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


class SameFile:
    """Looks before every COMMIT, which costs two stats; then calls the hook it stands before."""

    def __init__(self, path: Path, then: CommitHook | None) -> None:
        self.path = path
        self._path = str(path)
        self._then = then
        opened = path.stat()
        self._identity = (opened.st_ino, opened.st_dev)
        self._beside: dict[str, Identity] = {}
        self._commits = 0
        self._doubted = False  # somebody has looked, and found one lost
        self.opened()

    def __call__(self, phase: str) -> None:
        """A COMMIT is about to begin, or has ended. Raises FileLost."""
        if phase == "before":
            self._commits += 1
            index = self._doubted or self._commits % INDEX_EVERY == 0
            if lost := self.lost(index=index):
                raise FileLost(lost)
        if self._then is not None:
            self._then(phase)

    def opened(self) -> None:
        """What lies beside it now is what the connection to it writes."""
        self._beside, self._doubted = {}, False
        for suffix in (_LOG, _INDEX):
            name = f"{self._path}{suffix}"
            if (found := _identity(name)) is not None:
                self._beside[name] = found

    def closed(self) -> None:
        """No connection writes it: whatever lies beside it may go."""
        self._beside = {}

    def lost(self, *, index: bool = True) -> str:
        """What is not where it was, in words; "" when all is. index: look at it, too."""
        for name, opened in ((self._path, self._identity), *self._beside.items()):
            if (index or not name.endswith(_INDEX)) and not _is(name, opened):
                self._doubted = True
                return f"{name} was removed, or another file is in its place"
        return ""

    def stands(self) -> bool:
        """Whether the file itself is there."""
        return _is(self._path, self._identity)

    def log_stands(self) -> bool:
        """Whether what was written beside it is there."""
        return all(_is(name, opened) for name, opened in self._beside.items())


def _is(name: str, opened: Identity) -> bool:
    """What cannot be looked at is for the COMMIT to find out."""
    try:
        return _identity(name) == opened
    except OSError:
        return True


def _identity(name: str) -> Identity | None:
    """None when there is none; raises OSError."""
    try:
        found = os.stat(name)  # noqa: PTH116 - twice a COMMIT
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_dev
