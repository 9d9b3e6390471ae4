"""Let whoever reads along with a command's output keep up, as a pipe between the two would.

A command can print faster than anybody reads, and its log keeps only so much. As long as a reader
is behind by too much, no more is taken from the command, which then waits in its next write.
"""

from __future__ import annotations

from fnr.worker.own_log import OwnLog

# A reader that takes nothing for so long has gone for a coffee, and no work waits for that.
STALLED_MS = 10_000
# Who submits a command has to hear first where its output is.
COMING_MS = 2_000


class ReadAlong:
    """The reader of one attempt's output. begun_at_ms: boot clock."""

    def __init__(self, log: OwnLog, *, begun_at_ms: int) -> None:
        self._log = log
        self._begun_at_ms = begun_at_ms
        self._from = log.size()
        self._came = False
        self._unread_from = -1
        self._unread_since_ms = 0

    def is_behind(self, now_ms: int) -> bool:
        """Whether it has to catch up before more is printed."""
        limit = self._log.bytes_max
        size = self._log.size()
        # Half of it is what the log keeps without any reader.
        if size - self._from <= limit // 4:
            return False
        unread_from = self._log.unread_from(self._from)
        if unread_from is None:
            return not self._came and now_ms < self._begun_at_ms + COMING_MS
        self._came = True
        if unread_from != self._unread_from:
            self._unread_from, self._unread_since_ms = unread_from, now_ms
        return size - unread_from > limit // 2 and now_ms < self._unread_since_ms + STALLED_MS
