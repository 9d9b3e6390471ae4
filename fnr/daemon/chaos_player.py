"""The program that plays a drill on this daemon: when it is gone, so is what it began.

One that is killed ends none of them itself, and they would go on among canaries until their
deadline. It holds a lock beside the records for as long as it plays; the pid comes from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from fnr.daemon.parts import Parts
from fnr.host import process
from fnr.host.chaos_records import drill_lock_file
from fnr.host.lock import lock_holder
from fnr.host.procfs import pid_start
from fnr.policy.chaos import Injection


class Players:
    """Who plays which drill; `gone` is told the id of one that nobody plays any more."""

    def __init__(self, parts: Parts, folder: str, gone: Callable[[str], None]) -> None:
        self._parts = parts
        self._lock_file = drill_lock_file(folder)
        self._said = gone
        self._watched: dict[str, int] = {}
        self._gone: set[str] = set()

    def watch(self, drill_id: str) -> None:
        """A fault of this drill begins: who plays it, and is it there still?"""
        if drill_id in self._gone:
            self._said(drill_id)
            return
        if drill_id in self._watched:
            return
        # Nobody holds the lock where a fault of a drill is asked for by hand: it has its deadline.
        pid = lock_holder(self._lock_file)
        start = None if pid is None else pid_start(pid)
        pidfd = None if pid is None or start is None else process.attach(pid, start)
        if pidfd is not None:
            self._watched[drill_id] = pidfd
            self._parts.loop.add_reader(pidfd, self._ended, drill_id)

    def left(self, earlier: Iterable[Injection]) -> None:
        """Injections of earlier daemons, latest first: their drill may still be played, or not."""
        drills = (one.drill_id for one in earlier if one.drill_id != one.injection_id)
        if (drill_id := next(drills, None)) is None:
            return
        self.watch(drill_id)
        if drill_id not in self._watched:
            self._said(drill_id)

    def _ended(self, drill_id: str) -> None:
        pidfd = self._watched.pop(drill_id)
        self._parts.loop.remove_reader(pidfd)
        os.close(pidfd)
        self._gone.add(drill_id)
        self._said(drill_id)
