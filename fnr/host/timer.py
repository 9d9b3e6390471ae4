"""A timer that a thread can wait for together with other file descriptors.

Setting it costs one system call and wakes nobody, so it can be set from a path that must stay
fast, for a thread that only cares about what is still going on later.
"""

from __future__ import annotations

import ctypes
import os
import struct

_CLOCK_BOOTTIME = 7
_ITIMERSPEC = struct.Struct("qqqq")  # interval and first expiry, seconds and nanoseconds each


class Timer:
    """Readable once it has expired, on the clock of Clock.boot_ms()."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._create = libc.timerfd_create
        self._settime = libc.timerfd_settime
        self._settime.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
        self._fd = self._created()

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._fd

    def set(self, wait_ms: int) -> None:
        """Expire so long from now; at once for 0. Replaces what was set before."""
        # All zeros would switch the timer off.
        seconds, ns = (0, 1) if wait_ms <= 0 else (wait_ms // 1_000, wait_ms % 1_000 * 1_000_000)
        expiry = _ITIMERSPEC.pack(0, 0, seconds, ns)
        if self._settime(self._fd, 0, expiry, None) != 0:
            # A function has closed it, and its number may be that of something of its own.
            self._fd = self._created()
            self._settime(self._fd, 0, expiry, None)

    def clear(self) -> None:
        """Forget that it expired, so that a poll waits again."""
        # Not by reading: what has our number by now would lose what was read.
        self._settime(self._fd, 0, _ITIMERSPEC.pack(0, 0, 0, 0), None)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)

    def _created(self) -> int:
        fd: int = self._create(_CLOCK_BOOTTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), "timerfd_create")
        return fd
