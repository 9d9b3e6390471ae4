"""Whether anything that this process started, or inherited as subreaper, is still there.

A subreaper gets every orphan among its descendants as its child. So a subreaper without children
has no descendants: the kernel's own proof that a command is gone with all it started, for one
system call.
"""

from __future__ import annotations

import os


def reap_ended() -> bool:
    """Reap every child that ended, whoever it was; whether any child is left.

    Only for a process that has already taken the exits it wants to know.
    """
    try:
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
            pass
    except ChildProcessError:
        return False
    return True
