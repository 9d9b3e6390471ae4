"""Stop a worker with everything it started, and prove it.

First SIGTERM and a grace, then SIGKILL again and again, until a fresh look at all processes finds
nobody. What cannot be killed is reported as stuck, not waited for.

The steps are one generator that says what to wait for; how to wait, in an event loop or in a
plain poll, is the caller's choice.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Generator
from contextlib import suppress

from msgspec import Struct

from fnr.host.clock import Clock
from fnr.host.group import members_in
from fnr.host.procfs import ProcessStat, read_stat, scan

# A process that sleeps uninterruptibly, mostly in a driver, ignores SIGKILL until it wakes up.
STUCK_AFTER_MS = 2_000
# One that is merely slow to die (it frees 100 GiB, it forks as fast as it is killed) gets this.
KILL_PATIENCE_MS = 10_000
# Each watched process takes a file descriptor; the rest of a bigger group is seen by later scans.
_WATCHED_MAX = 256

# What a stop waits for: pidfds, and for how long. The answer: whether all of them ended in time.
_Steps = Generator[tuple[list[int], int], bool, "StopReport"]


class StopReport(Struct, frozen=True, kw_only=True):
    """What became of a group.

    proven: a scan of all processes found none of its members.
    killed: how many had to be killed because they did not end on request.
    stuck:  pids that are still there.
    """

    proven: bool
    killed: int = 0
    stuck: tuple[int, ...] = ()


async def stop_group(
    pid: int,
    pidfd: int,
    marker: str,
    *,
    grace_ms: int,
    clock: Clock,
    stuck_after_ms: int = STUCK_AFTER_MS,
) -> StopReport:
    """Stop the worker pid and its whole group; the worker itself is left for the caller to reap.

    Returns when a scan finds the group empty, or at the latest grace_ms and KILL_PATIENCE_MS plus
    stuck_after_ms later.
    """
    steps = _stop(
        _Group(pid, pidfd, marker), grace_ms=grace_ms, clock=clock, stuck_after_ms=stuck_after_ms
    )
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(await _all_ended(*wanted))
    except StopIteration as end:
        report: StopReport = end.value
        return report
    finally:
        steps.close()


def stop_group_blocking(
    pid: int,
    pidfd: int,
    marker: str,
    *,
    grace_ms: int,
    clock: Clock,
    stuck_after_ms: int = STUCK_AFTER_MS,
) -> StopReport:
    """The same for a program without an event loop: a worker that stops its command.

    Orphans that became our children, because we are their subreaper, are reaped.
    """
    steps = _stop(
        _Group(pid, pidfd, marker), grace_ms=grace_ms, clock=clock, stuck_after_ms=stuck_after_ms
    )
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(_all_ended_blocking(*wanted, clock))
    except StopIteration as end:
        report: StopReport = end.value
        return report
    finally:
        steps.close()


def _stop(group: _Group, *, grace_ms: int, clock: Clock, stuck_after_ms: int) -> _Steps:
    try:
        grace_over_ms = clock.boot_ms() + grace_ms
        in_time = grace_ms > 0
        while group.look() and in_time:
            group.ask()
            in_time = yield group.watched(), max(0, grace_over_ms - clock.boot_ms())
        patience_over_ms = clock.boot_ms() + KILL_PATIENCE_MS
        while group.look():
            group.kill()
            died = yield group.watched(), stuck_after_ms
            if clock.boot_ms() >= patience_over_ms or (not died and group.all_sleep()):
                break
        stuck = group.look()
        return StopReport(proven=not stuck, killed=len(group.killed), stuck=tuple(sorted(stuck)))
    finally:
        group.close()


class _Group:
    """The members of a worker's group that were seen, each held by a pidfd.

    Once seen, a member stays one until it is gone, whatever it does to its session, parent or
    environment.
    """

    def __init__(self, pid: int, pidfd: int, marker: str) -> None:
        self.killed: set[tuple[int, int]] = set()
        self._pid = pid
        self._marker = marker
        self._asked: set[tuple[int, int]] = set()
        self._fds: dict[tuple[int, int], int] = {}
        self._live: dict[int, ProcessStat] = {}
        self._stats: dict[int, ProcessStat] = {}
        # A pid is not given out again while a session has it as its name. So if the worker is
        # reaped and its pid in use again, its session is empty and the pid says nothing.
        stat = read_stat(pid)
        self._sessions = {pid} if stat is None or _exists(pidfd) else set()

    def look(self) -> set[int]:
        """Scan all processes; the pids of the members alive."""
        known = set(self._live)
        self._scan()
        if not self._live and known:
            # Whoever forked and ended while the first scan went by can be missed by it once.
            self._scan()
        self._let_go()
        for stat in self._live.values():
            self._hold(stat)
        return set(self._live)

    def ask(self) -> None:
        """SIGTERM to every member that did not get one yet."""
        for stat in self._live.values():
            key = (stat.pid, stat.start)
            if key not in self._asked:
                self._asked.add(key)
                self._signal(stat, signal.SIGTERM)
                # A stopped process would take notice only at the end of the grace.
                self._signal(stat, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to every member, first by process group where a group is all ours.

        A signal to a process group reaches all of it at once; one by one, a program that forks
        fast enough would stay ahead.
        """
        mine = {stat.group for stat in self._live.values()}
        others = {s.group for pid, s in self._stats.items() if pid not in self._live and s.alive}
        for group in mine - others - {0, 1}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        for stat in self._live.values():
            self.killed.add((stat.pid, stat.start))
            self._signal(stat, signal.SIGKILL)

    def watched(self) -> list[int]:
        """Pidfds of the members alive."""
        keys = ((stat.pid, stat.start) for stat in self._live.values())
        return [self._fds[key] for key in keys if key in self._fds]

    def all_sleep(self) -> bool:
        """Whether those left sleep uninterruptibly, so that no signal reaches them."""
        left = [read_stat(stat.pid) for stat in self._live.values()]
        return all(stat.state == "D" for stat in left if stat and stat.alive)

    def close(self) -> None:
        """Give the file descriptors back."""
        self._live = {}
        self._let_go()

    def _scan(self) -> None:
        self._stats = scan()
        seen = {
            pid
            for pid, start in self._asked | self.killed | set(self._fds)
            if pid in self._stats and self._stats[pid].start == start
        }
        self._sessions |= seen
        named = {stat.session for stat in self._stats.values()}
        # An empty session's name may be given to a stranger from now on.
        self._sessions &= named | seen | {self._pid}
        roots = seen | ({self._pid} & self._sessions)
        members = members_in(self._stats, roots=roots, sessions=self._sessions, marker=self._marker)
        self._live = {pid: self._stats[pid] for pid in members}

    def _hold(self, stat: ProcessStat) -> None:
        key = (stat.pid, stat.start)
        if key in self._fds or len(self._fds) >= _WATCHED_MAX:
            return
        with suppress(OSError):
            fd = os.pidfd_open(stat.pid)
            now = read_stat(stat.pid)
            if now and now.start == stat.start:
                self._fds[key] = fd
            else:
                os.close(fd)

    def _signal(self, stat: ProcessStat, number: int) -> None:
        fd = self._fds.get((stat.pid, stat.start))
        with suppress(ProcessLookupError, PermissionError):
            if fd is None:
                os.kill(stat.pid, number)
            else:
                signal.pidfd_send_signal(fd, number)

    def _let_go(self) -> None:
        live = {(stat.pid, stat.start) for stat in self._live.values()}
        for key in self._fds.keys() - live:
            fd = self._fds.pop(key)
            if key[0] != self._pid:
                # An orphan that came to us as its subreaper; nobody else will reap it.
                with suppress(ChildProcessError):
                    os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
            os.close(fd)


def _exists(pidfd: int) -> bool:
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _all_ended(fds: list[int], timeout_ms: int) -> bool:
    import asyncio  # noqa: PLC0415 - a worker stops its command without it and saves 8 MiB

    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    pending = set(fds)

    def one_ended(fd: int) -> None:
        loop.remove_reader(fd)
        pending.discard(fd)
        if not pending and not ended.done():
            ended.set_result(True)

    for fd in fds:
        loop.add_reader(fd, one_ended, fd)
    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            return bool(await ended) if pending else True
    except TimeoutError:
        return False
    finally:
        for fd in pending:
            loop.remove_reader(fd)


def _all_ended_blocking(fds: list[int], timeout_ms: int, clock: Clock) -> bool:
    deadline_ms = clock.boot_ms() + timeout_ms
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    pending = set(fds)
    while pending:
        ready = poll.poll(max(0, deadline_ms - clock.boot_ms()))
        if not ready:
            return False
        for fd, _ in ready:
            poll.unregister(fd)
            pending.discard(fd)
    return True
