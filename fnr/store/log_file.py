"""How large the log's file is, asked without asking for its times (see commit_guard)."""

from __future__ import annotations

import os


class LogFile:
    """Kept open from the first question on, until the log is another file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._known_bytes = 0

    def size(self) -> int:
        """In bytes; raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return size_of(self._fd)

    def cut(self, kept_bytes: int) -> str:
        """That somebody has cut it short, in words; "" otherwise.

        kept_bytes: SQLite itself leaves at least so many of those that there were.
        """
        try:
            found = self.size()
        except OSError:
            return ""
        if found < self._known_bytes:
            return f"{self.path} was cut short: {found} bytes of {self._known_bytes} are left"
        self._known_bytes = min(found, kept_bytes)
        return ""

    def close(self) -> None:
        """The next question opens what is there then."""
        self._known_bytes = 0
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def size_of(fd: int) -> int:
    """The size in bytes of an open file, whose place for reads and writes moves to its end."""
    return os.lseek(fd, 0, os.SEEK_END)
