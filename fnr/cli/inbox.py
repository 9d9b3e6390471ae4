"""News for a command that follows something: from the daemon's events, and from logs that grow.

Two kinds of threads feed one inbox: one hears the daemon's events, one per log file reads what is
written there. The command itself waits for nothing but the inbox, so it ends at once when what it
follows does, and sees Ctrl-C.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from msgspec import Struct

from fnr.api.errors import FnrError
from fnr.api.requests import Watch
from fnr.cli.here import Here
from fnr.cli.terminal import is_unread
from fnr.client.connect import Connection, ConnectionLost
from fnr.client.patience import connect_again
from fnr.host.worker_log import follow

# A daemon that is restarted comes back in a second; one that does not is somebody's business.
PATIENCE_MS = 60_000
_SLEEP_S = 0.5


class _Look(Struct, frozen=True):
    """Something happened; look how things are."""


class _Grown(Struct, frozen=True):
    """Something was written to a log."""

    path: str


_Mail = _Look | _Grown | FnrError


class Inbox:
    """Where news arrive; ends with the command, as its threads do."""

    def __init__(
        self, here: Here, watch: Watch, *, patient: bool = False, unread_too: bool = False
    ) -> None:
        """patient: also with a daemon that is away already. unread_too: and nobody at stdout."""
        self._here = here
        self._patient = patient
        self._unread_too = unread_too
        self._watch = watch
        self._mail: SimpleQueue[_Mail] = SimpleQueue()
        self._followed: dict[str, threading.Event] = {}
        threading.Thread(target=self._hear, name="events", daemon=True).start()

    def wait(self) -> str | None:
        """Wait for news: the path of a log that has grown, or None: look how things are."""
        mail = self._next()
        if isinstance(mail, FnrError):
            raise mail
        return mail.path if isinstance(mail, _Grown) else None

    def _next(self) -> _Mail:
        """A Ctrl-C that comes in the moment before one falls asleep is heard when one wakes.

        So is that nobody reads what is to come: BrokenPipeError.
        """
        while True:
            with suppress(Empty):
                return self._mail.get(timeout=_SLEEP_S)
            if not self._unread_too and is_unread(sys.stdout):
                raise BrokenPipeError

    def follow(self, path: str, position: int) -> None:
        """Tell when a log grows behind a position."""
        if path not in self._followed:
            self._followed[path] = left = threading.Event()
            read = partial(self._read, path, position, left)
            threading.Thread(target=read, name="log", daemon=True).start()

    def leave(self, path: str) -> None:
        """Tell no more of a log."""
        self._followed.pop(path).set()

    def _hear(self) -> None:
        """Every event of the watch means: look; so does a new connection after a lost one."""
        try:
            connection = self._first_connection()
            while True:
                try:
                    self._hear_from(connection)
                except ConnectionLost:
                    connection.close()
                    connection = patient_connection(self._here)
        except FnrError as error:
            self._mail.put(error)

    def _first_connection(self) -> Connection:
        if self._patient:
            return patient_connection(self._here)
        return Connection(self._here.paths, timeout_ms=self._here.timeout_ms)

    def _hear_from(self, connection: Connection) -> None:
        for _event in connection.watch(self._watch, on_watching=lambda: self._mail.put(_Look())):
            self._mail.put(_Look())

    def _read(self, path: str, position: int, left: threading.Event) -> None:
        for _chunk in follow(path, position, stop=left.is_set):
            self._mail.put(_Grown(path))


def patient_connection(here: Here) -> Connection:
    """A connection, waiting for a daemon that is being restarted."""
    return connect_again(here.paths, timeout_ms=here.timeout_ms, patience_ms=PATIENCE_MS)
