"""Who may try a service that is being tested: one trial at a time, over all processes of the host.

A lease is a record lock on one byte of a file, the byte chosen by the breaker's name. The kernel
holds it for the process and frees it with the process, so a trial whose holder was killed is free
at once, by nobody's guess. Record locks and not flock: a child of the holder does not inherit them.
"""

from __future__ import annotations

import fcntl
import os
import threading
from hashlib import blake2b


class TrialLeases:
    """The leases of this process; made once, because closing the file would free them all.

    fd: the file, opened for us because we may not open it ourselves; -1 when it is for us to open.
    """

    def __init__(self, path: str, fd: int = -1) -> None:
        self._path = path
        self._fd = fd
        self._pid = os.getpid()
        self._held: set[str] = set()
        # A record lock belongs to the process: between threads we keep order ourselves.
        self._lock = threading.Lock()

    def take(self, name: str) -> bool:
        """Take the trial of a breaker; False when another has it. Raises OSError."""
        with self._lock:
            self._forget_parent()
            if name in self._held:
                return False
            self._open()
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte_of(name))
            except (BlockingIOError, PermissionError):
                return False
            self._held.add(name)
            return True

    def release(self, name: str) -> None:
        """Let another have it; nothing if it is not ours."""
        with self._lock:
            self._forget_parent()
            if name in self._held:
                self._held.remove(name)
                fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, _byte_of(name))

    def release_all(self) -> None:
        """Let others have all of them, also one that was being taken when a signal came between."""
        with self._lock:
            self._forget_parent()
            self._held.clear()
            if self._fd >= 0:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def holds(self, name: str) -> bool:
        """Is it ours?"""
        return name in self._held and self._pid == os.getpid()

    def _open(self) -> None:
        if self._fd >= 0 and not self._held and not os.fstat(self._fd).st_nlink:
            # Somebody has removed the file, and the others lock another one by now.
            os.close(self._fd)
            self._fd = -1
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _forget_parent(self) -> None:
        """After a fork: what the parent holds is not ours."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._held.clear()


def _byte_of(name: str) -> int:
    # 62 bits: two names never share a byte, and no offset is too large for the kernel.
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 2
