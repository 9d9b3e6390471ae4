"""Tell errors that say nothing of what was looked at: what it takes to look was used up."""

from __future__ import annotations

import errno

_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def is_used_up(error: OSError) -> bool:
    """Was it file descriptors, or memory, that were missing?"""
    return error.errno in _USED_UP


def no_thread(error: BaseException) -> bool:
    """Was it a thread that could not be started, for want of pids or memory?"""
    return isinstance(error, RuntimeError) and "start new thread" in str(error)
