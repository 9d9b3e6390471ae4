"""Wake up when a file changes: by inotify, and where none is to be had by looking now and then."""

from __future__ import annotations

import os
import select
from typing import Self

_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100
_IN_MOVE_SELF, _IN_DELETE_SELF = 0x800, 0x400
# As long as an event can be: its head and the longest file name.
_EVENT_BYTES_MAX = 16 + 256


class Inotify:
    """Watches for changes; wait() returns early when there was one.

    The system allows only so many watchers (128 for each user by default). Beyond that wait()
    takes its full time every time, so callers must look for themselves after each wait.
    """

    def __init__(self) -> None:
        import ctypes  # noqa: PLC0415 - 1 MiB that only followers need

        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def working(self) -> bool:
        """Whether changes are seen at once."""
        return bool(self._fd >= 0)

    def file(self, path: str) -> bool:
        """Watch what is written to a file; False when that is not possible."""
        return self._watch(path, _IN_MODIFY | _IN_MOVE_SELF | _IN_DELETE_SELF)

    def folder(self, path: str) -> bool:
        """Watch which names appear in a folder; False when that is not possible."""
        return self._watch(path, _IN_CREATE | _IN_MOVED_TO)

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a change; whether there was one."""
        poll = select.poll()
        if self.working:
            poll.register(self._fd, select.POLLIN)
        if not poll.poll(timeout_ms):
            return False
        try:
            while len(os.read(self._fd, 64 * _EVENT_BYTES_MAX)) > 63 * _EVENT_BYTES_MAX:
                pass  # everything that happened is one change
        except BlockingIOError:
            pass
        return True

    def _watch(self, path: str, mask: int) -> bool:
        if not self.working:
            return False
        return bool(self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask) >= 0)
