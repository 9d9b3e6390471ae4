"""Who belongs to a worker: its session, its descendants, and whoever carries its mark.

No single sign is enough: setsid leaves the session, a double fork leaves the line of descent, a
cleared environment loses the mark. All three together miss only what left by all three ways.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from fnr.host.procfs import ProcessStat, read_environ, scan

MARK_VARIABLE = "FNR_WORKER_ID"


def group_members(pid: int, marker: str, *, pid_start: int | None = None) -> set[int]:
    """Pids alive that belong to the worker pid, itself included, never ourselves.

    marker:    value of FNR_WORKER_ID in the worker's environment; "" to leave that sign out.
    pid_start: with it, a stranger that got the worker's pid later is not taken for it.
    """
    stats = scan()
    root = stats.get(pid)
    reused = pid_start is not None and root is not None and root.start != pid_start
    roots = set() if reused else {pid}
    return members_in(stats, roots=roots, sessions=roots, marker=marker)


def members_in(
    stats: Mapping[int, ProcessStat],
    *,
    roots: Collection[int],
    sessions: Collection[int],
    marker: str,
    begun: int = 0,
) -> set[int]:
    """Pids alive in a scan that are, descend from, or share a session with the given ones.

    begun: start time of the worker, if known: who is older cannot have its mark.
    """
    members = {pid for pid in roots if pid in stats}
    members |= {pid for pid, stat in stats.items() if stat.session in sessions}
    if marker:
        others = (stat for pid, stat in stats.items() if pid not in members)
        members |= {s.pid for s in others if s.start >= begun and s.alive and _is_marked(s, marker)}
    us = os.getpid()
    members.discard(us)
    grown = True
    while grown:
        # Whoever left the worker's session leads a new one: its members are the worker's as well.
        more = {
            pid
            for pid, stat in stats.items()
            if pid not in members
            and pid != us
            and (stat.parent in members or stat.session in members)
        }
        members |= more
        grown = bool(more)
    return {pid for pid in members if stats[pid].alive}


def _is_marked(stat: ProcessStat, marker: str) -> bool:
    entry = f"\0{MARK_VARIABLE}={marker}\0".encode()
    return entry in b"\0" + read_environ(stat.pid)
