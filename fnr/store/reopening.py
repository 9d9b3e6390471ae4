"""Open the store anew after trouble, without losing what is open in it alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress

from fnr.store.opening import reopen_writer
from fnr.store.same_file import SameFile
from fnr.store.steps import Steps

# A long read may hold the log that was removed; the next try comes when it has ended.
HOLDERS_PATIENCE_S = 5.0

# Closes a connection of its own to the store, now or when the future is done.
LetGo = Callable[[], futures.Future[None]]
Then = Callable[[sqlite3.Connection | None], None]


class Reopening:
    """One try at a time, in the thread that commits.

    tell: calls a function on the loop; then: is called there with the new connection, or None
    while the store is as ill as before.
    """

    def __init__(
        self, file: SameFile, steps: Steps, *, tell: Callable[..., None], then: Then
    ) -> None:
        self._file = file
        self._steps = steps
        self._tell = tell
        self._then = then
        self._holders: list[LetGo] = []
        self._under_way = False

    def held_by(self, holder: LetGo) -> None:
        """Connections of one process share the log's index, a lost one until all are closed."""
        self._holders.append(holder)

    def start(self, old: sqlite3.Connection) -> None:
        """Begin with a try, unless one is under way."""
        if self._under_way:
            return
        self._under_way = True
        lost = self._file.stands() and not self._file.log_stands()
        closing = [let_go() for let_go in self._holders] if lost else []
        self._steps.put(lambda: self._tell(self._ended, self._reopen(old, closing)))

    def _ended(self, connection: sqlite3.Connection | None) -> None:
        self._under_way = False
        self._then(connection)

    # ── in the commit thread ─────────────────────────────────────────────────

    def _reopen(
        self, old: sqlite3.Connection, closing: list[futures.Future[None]]
    ) -> sqlite3.Connection | None:
        # Opening makes a file where there is none: an empty store would be taken for this one.
        if not self._file.stands():
            # Its log would be taken for that of whatever comes to stand in its place.
            _folded(old, [])
            return None
        if not self._file.log_stands() and not _folded(old, closing):
            return None
        with suppress(sqlite3.Error):
            old.close()
        self._file.closed()
        connection = reopen_writer(self._file.path)
        if connection is None:
            return None
        try:
            self._file.opened(connection)
        except (OSError, sqlite3.Error):
            # The disk went again in between.
            connection.close()
            return None
        return connection


def _folded(old: sqlite3.Connection, closing: list[futures.Future[None]]) -> bool:
    """Move all of the log; one that was removed is open here alone, and gone when it is closed."""
    if futures.wait(closing, timeout=HOLDERS_PATIENCE_S).not_done:
        return False
    try:
        [busy, *_] = old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return False
    return not busy
