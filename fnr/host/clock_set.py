"""Hear at once that somebody has set the wall clock: by an event of the kernel, without looking."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_CLOCK_REALTIME = 0
_ABSOLUTE_AND_CANCELLED_WHEN_SET = 1 | 2  # TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET
_ITIMERSPEC = struct.Struct("qqqq")  # interval and first expiry, seconds and nanoseconds each
_NEVER_S = 1 << 33  # some 270 years after 1970


class ClockSet:
    """Readable once the wall clock was set; slewing it, as NTP does, is no setting."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._settime.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
        self._fd: int = libc.timerfd_create(_CLOCK_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), "timerfd_create")
        self._watch()

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._fd

    def was_set(self) -> bool:
        """Whether it was set since the last call."""
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.ECANCELED:
                raise
        self._watch()
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)

    def _watch(self) -> None:
        spec = _ITIMERSPEC.pack(0, 0, _NEVER_S, 0)
        flags = _ABSOLUTE_AND_CANCELLED_WHEN_SET
        # A clock that was set before this call makes it say ECANCELED, and arms it all the same.
        if self._settime(self._fd, flags, spec, None) != 0:
            code = ctypes.get_errno()
            if code != errno.ECANCELED:
                raise OSError(code, os.strerror(code), "timerfd_settime")
