"""How large the log's file is, asked without asking for its times (see commit_guard)."""

from __future__ import annotations

import os


class LogFile:
    """Kept open from the first question on, until the log is another file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def size(self) -> int:
        """In bytes; raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return size_of(self._fd)

    def close(self) -> None:
        """The next question opens what is there then."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def size_of(fd: int) -> int:
    """The size in bytes of an open file, whose place for reads and writes moves to its end."""
    return os.lseek(fd, 0, os.SEEK_END)
