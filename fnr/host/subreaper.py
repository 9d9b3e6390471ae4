"""Orphans that became our children because we are their subreaper: find and reap them."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from fnr.host.procfs import scan

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


def reap_strays(known: Collection[int]) -> set[int]:
    """Reap the children that ended and are not among the known; their pids.

    One by one and by name: waiting for just any child would steal the exit of a worker.
    """
    us = os.getpid()
    reaped = set()
    for pid, stat in scan().items():
        if stat.parent == us and not stat.alive and pid not in known:
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG):
                    reaped.add(pid)
    return reaped
