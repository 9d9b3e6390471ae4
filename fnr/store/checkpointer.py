"""Move what was committed from the log into the store's file, beside the writer.

Left to SQLite, it happens within some unlucky COMMIT, and everybody who waits for that one waits
until the disk has taken thousands of pages. Here a thread does it while the writer goes on. What
the writer has added meanwhile is moved while it holds still: only then does the log begin anew.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from fnr.store.log_file import LogFile
from fnr.store.steps import Steps

# Rare enough to cost nothing, small enough to be read through at a start. A log that was larger is
# cut back to this when it begins anew, so its file is larger only while the log is.
LOG_BYTES_MAX = 8 * 1024 * 1024
# When the thread cannot keep up, or may not, the writer does it by itself within a COMMIT.
PAGES_AT_LAST = 4_000
# With less room on the disk nothing is done that takes some before it gives some back.
ROOM_BYTES_MIN = 1024 * 1024 * 1024
# A log that a reader keeps from beginning anew stays too large: look again after this.
PAUSE_S = 0.1

Tell = Callable[..., None]
# How a pass has ended: the error that it failed with.
Ended = Callable[[sqlite3.Error | None], None]


class Checkpointer:
    """Says when a pass is due, and makes one.

    Everything but the passes happens on the loop; tell: calls a function there.
    """

    def __init__(
        self, path: Path, log: LogFile, *, clock_s: Callable[[], float], tell: Tell
    ) -> None:
        self._path = path
        self._log = log
        self._clock_s = clock_s
        self._tell = tell
        self._steps = Steps("store-checkpoint")
        self._connection: sqlite3.Connection | None = None
        self._not_before_s = 0.0

    def due(self) -> bool:
        """Is the log large, and no pass under way? To be asked after every COMMIT.

        On a disk that is nearly full a pass would take the room that COMMITs still have.
        """
        if self._clock_s() < self._not_before_s:
            return False
        try:
            return self._log.size() > LOG_BYTES_MAX and has_room(self._log.path)
        except OSError:
            return False

    def start(self, done: Ended) -> None:
        """Make a pass; `done` is called on the loop."""
        self._not_before_s = math.inf

        def step() -> None:
            self._tell(self._ended, self._pass(), done)

        self._steps.put(step)

    def drop(self) -> Future[None]:
        """The store is opened anew: so is the connection that passes are made on."""
        self._log.close()
        dropped: Future[None] = Future()

        def step() -> None:
            self._close()
            dropped.set_result(None)

        self._steps.put(step)
        return dropped

    def close(self, then: Callable[[], None]) -> None:
        """Make no pass any more; `then` is called in the thread, when nothing is open."""
        self._log.close()

        def step() -> None:
            self._close()
            self._steps.end()
            then()

        self._steps.put(step)

    def _ended(self, error: sqlite3.Error | None, done: Ended) -> None:
        self._not_before_s = self._clock_s() + PAUSE_S
        done(error)

    # ── in the thread ────────────────────────────────────────────────────────

    def _pass(self) -> sqlite3.Error | None:
        try:
            if self._connection is None:
                self._connection = _open(self._path)
            # PASSIVE: nobody waits for it, and it waits for nobody.
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self._close()
            return error
        return None

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def has_room(place: str | Path | int) -> bool:
    """Is there room to spare on the file system of this file? Raises OSError."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= ROOM_BYTES_MIN


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection
