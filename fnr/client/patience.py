"""A daemon that went away: how long it is waited for, how often a request is asked again."""

from __future__ import annotations

import select

from fnr.api.errors import DaemonDown, TimedOut
from fnr.api.requests import GetStatus
from fnr.client.connect import RETRY_MS, Connection
from fnr.config.paths import Paths
from fnr.host.clock import Clock
from fnr.host.inotify import Inotify


class Patience:
    """With daemons that go away with one request, one after the other, from the first loss on.

    It has an end, as the request may be what they die of.
    """

    def __init__(self, patience_ms: int) -> None:
        self._clock = Clock()
        self._ends_at_ms = self._clock.boot_ms() + patience_ms

    @property
    def is_over(self) -> bool:
        """Is a further loss one too many?"""
        return self._clock.boot_ms() >= self._ends_at_ms

    def rest(self) -> None:
        """Take a breath: a daemon that is leaving lets in whom it sends away at once."""
        select.poll().poll(RETRY_MS)


def connect_again(paths: Paths, *, timeout_ms: int | None, patience_ms: int) -> Connection:
    """A new connection, waiting for a daemon that is being restarted; DaemonDown if it stays away.

    Woken by the socket's appearance, so that it costs no time to wait. A daemon that dies accepts
    connections until its last moment, so one counts only once it has answered.
    """
    clock = Clock()
    give_up_at_ms = clock.boot_ms() + patience_ms
    with Inotify() as watch:
        watch.folder(paths.run_dir)
        while True:
            try:
                return _answering(paths, timeout_ms=timeout_ms)
            except (DaemonDown, TimedOut):
                left_ms = give_up_at_ms - clock.boot_ms()
                if left_ms <= 0:
                    raise
            # A socket appears a moment before anybody listens on it, hence the short waits.
            watch.wait(min(left_ms, RETRY_MS))


def _answering(paths: Paths, *, timeout_ms: int | None) -> Connection:
    connection = Connection(paths, timeout_ms=timeout_ms)
    try:
        connection.ask(GetStatus())
    except BaseException:
        connection.close()
        raise
    return connection
