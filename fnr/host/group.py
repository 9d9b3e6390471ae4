"""Who belongs to a worker: its session, its descendants, and whoever carries its mark.

No single sign is enough: setsid leaves the session, a double fork leaves the line of descent, a
cleared environment loses the mark. All three together miss only what left by all three ways.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from msgspec import Struct

from fnr.host.procfs import ProcessStat, has_environ, read_environ, read_thread_states, scan

MARK_VARIABLE = "FNR_WORKER_ID"

_KERNEL_THREADS_PARENT = 2
# (pid, start) -> mark of every process that was asked.
_marks: dict[tuple[int, int], bytes] = {}


def group_members(pid: int, marker: str, *, pid_start: int | None = None) -> set[int]:
    """Pids alive that belong to the worker pid, itself included, never ourselves.

    marker:    value of FNR_WORKER_ID in the worker's environment; "" to leave that sign out.
    pid_start: with it, a stranger that got the worker's pid later is not taken for it.
    """
    stats = scan()
    root = stats.get(pid)
    reused = pid_start is not None and root is not None and root.start != pid_start
    roots = set() if reused else {pid}
    begun = pid_start or (root.start if root else 0)
    return members_in(stats, roots=roots, sessions=roots, marker=marker, begun=begun).alive


class Members(Struct, frozen=True):
    """alive: the members. unasked: strangers, as it seems, whose mark cannot be read just now."""

    alive: set[int]
    unasked: set[int]


def members_in(
    stats: Mapping[int, ProcessStat],
    *,
    roots: Collection[int],
    sessions: Collection[int],
    marker: str,
    begun: int = 0,
) -> Members:
    """Pids alive in a scan that are, descend from, or share a session with the given ones.

    begun: start time of the worker, if known: who is older cannot have its mark.
    """
    members = {pid for pid in roots if pid in stats}
    members |= {pid for pid, stat in stats.items() if stat.session in sessions}
    marks: dict[int, bytes | None] = {}
    if marker:
        others = (stat for pid, stat in stats.items() if pid not in members)
        marks = {s.pid: _mark_of(s) for s in others if s.start >= begun and s.alive}
        members |= {pid for pid, mark in marks.items() if mark == marker.encode()}
        _forget_the_gone(stats)
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
    return Members(
        alive={pid for pid in members if stats[pid].alive},
        unasked={pid for pid, mark in marks.items() if mark is None} - members - {us},
    )


def _mark_of(stat: ProcessStat) -> bytes | None:
    """The mark a process was born with; b"" for none, None when it cannot be asked just now.

    Read once in its life: a fork has the mark from its first moment, and losing it in an exec
    later on does not make it a stranger.
    """
    key = (stat.pid, stat.start)
    mark = _marks.get(key)
    if mark is None:
        if _KERNEL_THREADS_PARENT in {stat.pid, stat.parent}:
            return b""
        if _sleeps_in_the_kernel(stat):
            return None
        environ = read_environ(stat.pid)
        if environ is None:  # not ours to read, so none of ours
            return b""
        if not environ and not has_environ(stat.pid):
            return None
        _, _, rest = (b"\0" + environ).partition(b"\0" + MARK_VARIABLE.encode() + b"=")
        mark = _marks[key] = rest.partition(b"\0")[0]
    return mark


def _sleeps_in_the_kernel(stat: ProcessStat) -> bool:
    """Whether asking for its environment could hang us as it hangs itself.

    A thread stuck in a driver may hold the lock on the address space for ever, and whoever reads
    the environment waits for that lock.
    """
    return stat.state == "D" or (stat.threads > 1 and "D" in read_thread_states(stat.pid))


def _forget_the_gone(stats: Mapping[int, ProcessStat]) -> None:
    if len(_marks) > 2 * len(stats):
        here = {(stat.pid, stat.start) for stat in stats.values()}
        for key in _marks.keys() - here:
            del _marks[key]
