"""The worker's log file, as the worker itself uses it: how long it is, its last words, its limit.

It is reached through standard error, which the daemon opened for us: we may run as a user who
cannot open the file by its name.
"""

from __future__ import annotations

import os
from contextlib import suppress

from fnr.api.frames import WorkerSpec
from fnr.host.bookmark import first_bookmark
from fnr.host.disk import write_all
from fnr.host.worker_log import name_of, read_span, trim
from fnr.policy.evidence import TAIL_BYTES_MAX
from fnr.worker.foreign_text import clean


class OwnLog:
    """The log of one worker; spans in it are the output of attempts.

    bytes_max: how much output is kept.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self.path = spec.log_path
        self.bytes_max = spec.log_bytes_max
        self._trimmed_at = 0
        # A function may close or redirect descriptor 2.
        self._fd = os.dup(2)
        self._name = name_of(self._fd)

    def size(self) -> int:
        """Where the next output will stand."""
        return os.fstat(self._fd).st_size

    def unread_from(self, start: int) -> int | None:
        """From where on behind start somebody who reads along has not read; None: nobody does."""
        # One byte further than there is: also who has read everything is there.
        end = self.size() + 1
        found = first_bookmark(self._fd, start, end)
        return found if found < end else None

    def write(self, data: bytes) -> None:
        """Append; on a full disk the output is lost, not the attempt."""
        with suppress(OSError):
            write_all(self._fd, data)

    def say(self, text: str) -> None:
        """A line of our own among the function's output."""
        self.write(f"fnr: {text}\n".encode("utf-8", "backslashreplace"))

    def tail(self, start: int, end: int) -> str:
        """The end of a span; "" when the file cannot be read from here."""
        try:
            tail = read_span(self._name, start, end, tail_bytes=TAIL_BYTES_MAX)
        except OSError:
            return ""
        return clean(tail.decode("utf-8", "replace"), TAIL_BYTES_MAX)

    def keep_bounded(self) -> bool:
        """Give old output back to the disk when there is too much; whether it grew much lately."""
        size_bytes = self.size()
        # What is kept is at least half the limit, so there is nothing to do before another half.
        full = size_bytes - self._trimmed_at > self.bytes_max // 2
        if full:
            self._trimmed_at = size_bytes
            with suppress(OSError):
                trim(self._name, self.bytes_max)
        return full
