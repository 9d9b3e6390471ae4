"""Where somebody who reads along is in a log, so that nothing is trimmed before it was read.

A bookmark is a lock on the byte that is to be read next. The kernel holds it for the reader and
frees it with the reader, so that one who was killed keeps nobody waiting.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Container
from contextlib import suppress
from typing import Self

# The kernel's struct flock: type, whence, start, length, pid.
_FLOCK = struct.Struct("hhqqi0q")


class Bookmark:
    """From a position on all is still to be read. Raises OSError where there are no locks."""

    def __init__(self, path: str, position: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._set(fcntl.F_RDLCK, position, 1)
        except OSError:
            os.close(self._fd)
            raise

    def move(self, position: int) -> None:
        """What is before it has been read."""
        if position > 0:
            with suppress(OSError):
                # In this order there is one at every moment.
                self._set(fcntl.F_RDLCK, position, 1)
                self._set(fcntl.F_UNLCK, 0, position)

    def close(self) -> None:
        """Nothing more is to be read."""
        os.close(self._fd)

    def _set(self, kind: int, start: int, length: int) -> None:
        # Held by what is open and not by the process: others that the process opens free nothing.
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, start, length, 0))


class Bookmarks:
    """Those of one reader in several logs; where the kernel has no such locks there are none."""

    def __init__(self) -> None:
        self._marks: dict[str, Bookmark] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.keep(())

    def put(self, path: str, position: int) -> None:
        """Put one into a log; one that is there already stays where it is."""
        if path not in self._marks:
            with suppress(OSError):
                self._marks[path] = Bookmark(path, position)

    def move(self, path: str, position: int) -> None:
        """What is before it has been read."""
        if path in self._marks:
            self._marks[path].move(position)

    def keep(self, paths: Container[str]) -> None:
        """Take it out of all other logs: everything there has been read."""
        for path in [path for path in self._marks if path not in paths]:
            self._marks.pop(path).close()


def first_bookmark(fd: int, start: int, end: int) -> int:
    """The first bookmark between the two; end without any."""
    while start < end:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, end - start, 0)
        try:
            kind, _, found, _, _ = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))
        except OSError:
            return end
        if kind == fcntl.F_UNLCK:
            return end
        # Any of several is told, not the first.
        end = found
    return end
