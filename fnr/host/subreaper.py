"""Orphans that became our children because we are their subreaper: find and reap them."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from fnr.host.procfs import scan
from fnr.host.reaping import awaited

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def strays(known: Collection[int]) -> set[int]:
    """Children alive that are not among the known, so that nobody watches over them."""
    us = os.getpid()
    return {
        pid for pid, stat in scan().items() if stat.parent == us and stat.alive and pid not in known
    }


def children_since(at_ms: int) -> set[int]:
    """Children alive that began at this moment of the boot clock or later."""
    # The kernel counts whole ticks.
    tick = at_ms * _TICKS_PER_S // 1_000
    us = os.getpid()
    return {
        pid
        for pid, stat in scan().items()
        if stat.parent == us and stat.alive and stat.start >= tick
    }


def reap_strays() -> set[int]:
    """Reap the children that ended and that nobody here has started; their pids.

    What a worker did not wait for comes to its own subreaper, as a zombie that nobody would ever
    reap. One by one and by name: waiting for just any child would steal the exit of a worker.
    """
    if not _has_ended_child():
        return set()
    us = os.getpid()
    reaped = set()
    for pid, stat in scan().items():
        if stat.parent == us and not stat.alive and pid not in awaited:
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG):
                    reaped.add(pid)
    return reaped


def _has_ended_child() -> bool:
    """Which spares a look at all processes, nearly always."""
    with suppress(ChildProcessError):
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return False
