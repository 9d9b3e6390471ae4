"""Records of the kernel log, in the order in which they were written."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

# A read of /dev/kmsg gives one record, and fails if it does not fit.
_READ_BYTES = 16 * 1024
# 3,419,2877895515,-;Memory cgroup out of memory: Killed process 9932 (python3) …
_HEAD = re.compile(rb"(\d+),\d+,(\d+),[^;]*;")
# Syslog facility 0; the facility is in the bits above the three of the level.
_PRIORITIES_OF_KERNEL = 8


class KernelRecords:
    """Reads /dev/kmsg from the oldest record there is.

    trouble: why nothing can be read, in words; "" when it can. oldest_us: time of the oldest record
    since which none is missing; None before the first.
    """

    def __init__(self, path: str) -> None:
        self.trouble = ""
        self.oldest_us: int | None = None
        self._partial = b""
        self._fd = -1
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.trouble = f"kernel log: {error.strerror}"

    def new(self) -> Iterator[tuple[int | None, bytes]]:
        """What was written since the last look: time in µs on the log's own clock, and the words.

        No words of a record that a program wrote, for it could say anything.
        """
        for raw in self._lines():
            at_us, text = _split(raw)
            self.oldest_us = at_us if self.oldest_us is None else self.oldest_us
            yield at_us, text

    def close(self) -> None:
        """Give the file descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lines(self) -> Iterator[bytes]:
        while self._fd >= 0:
            try:
                chunk = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EPIPE:
                    self.trouble = f"kernel log: {error.strerror}"
                    return
                self.oldest_us = None  # records were overwritten before we read them
                continue
            if not chunk:
                return
            *whole, self._partial = (self._partial + chunk).split(b"\n")
            yield from whole


def _split(raw: bytes) -> tuple[int | None, bytes]:
    head = _HEAD.match(raw)
    if head is None:
        return None, raw
    by_kernel = int(head[1]) < _PRIORITIES_OF_KERNEL
    return int(head[2]), raw[head.end() :] if by_kernel else b""
