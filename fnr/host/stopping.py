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
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress

from msgspec import Struct

from fnr.host.clock import Clock
from fnr.host.group import members_in
from fnr.host.procfs import ProcessStat, read_stat, scan_closely
from fnr.host.reaping import process_exists

# A process that sleeps uninterruptibly, mostly in a driver, ignores SIGKILL until it wakes up.
STUCK_AFTER_MS = 2_000
# One that is merely slow to die (it frees 100 GiB, it forks as fast as it is killed) gets this.
KILL_PATIENCE_MS = 10_000
# Each watched process takes a file descriptor; the rest of a bigger group is seen by later scans.
_WATCHED_MAX = 256
# With nothing to wait for that the kernel would tell, look again after this.
_BLIND_MS = 10
# Strangers that cannot be asked are looked at again, ever less often, for so long: on a host whose
# disk is busy each of them may sleep in the kernel for a second.
_DOUBT_MS = 2_000

# What a stop waits for: pidfds, or just the time, and for how long. The answer: whether all of them
# ended in time.
_Steps = Generator[tuple[list[int], int], bool, "StopReport"]


class StopReport(Struct, frozen=True, kw_only=True):
    """What became of a group.

    proven: a scan of all processes found none of its members. False with nobody stuck: a process
            could not be asked whether it is one, for example because it sleeps in a driver, or
            processes were started faster than one can look.
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

    pidfd: -1 when the worker itself is known to be gone, so that the pid only names its session.
    Both are -1 when nothing but the marker is known.

    Returns when a scan finds the group empty, or at the latest grace_ms and KILL_PATIENCE_MS plus
    stuck_after_ms later. Orphans that became our children are reaped if they were seen alive;
    subreaper.reap_strays is for the rest.
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
    told: set[int] | None = None,
) -> StopReport:
    """The same for a program without an event loop: a worker that stops its command.

    told: gets the pids of those that were sent a signal; the others ended by themselves.
    """
    steps = _stop(
        _Group(pid, pidfd, marker, told),
        grace_ms=grace_ms,
        clock=clock,
        stuck_after_ms=stuck_after_ms,
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
        left = group.look()
        while left and in_time:
            group.ask()
            ended = yield group.wanted(max(0, grace_over_ms - clock.boot_ms()))
            in_time = ended and clock.boot_ms() < grace_over_ms
            left = group.look()
        doubts_ms = _doubts_ms()
        patience_over_ms = clock.boot_ms() + KILL_PATIENCE_MS
        while left or (group.in_doubt and (doubt_ms := next(doubts_ms, 0))):
            group.kill()
            died = yield group.wanted(stuck_after_ms) if left else ([], doubt_ms)
            left = group.look()
            if clock.boot_ms() >= patience_over_ms or not (died or group.can_die()):
                break
        proven = not left and not group.in_doubt
        return StopReport(proven=proven, killed=group.killed, stuck=tuple(sorted(left)))
    finally:
        group.close()


def _doubts_ms() -> Iterator[int]:
    """How long to wait before each further look at somebody who could not be asked."""
    waited_ms, pause_ms = 0, _BLIND_MS
    while waited_ms < _DOUBT_MS:
        yield pause_ms
        waited_ms += pause_ms
        pause_ms = min(2 * pause_ms, max(1, _DOUBT_MS - waited_ms))


# A process of this boot that no later one can be mistaken for: pid and start time.
_Key = tuple[int, int]


class _Group:
    """The members of a worker's group that were seen, each held by a pidfd.

    Once seen, a member stays one until it is gone, whatever it does to its session, parent or
    environment.
    """

    def __init__(self, pid: int, pidfd: int, marker: str, told: set[int] | None = None) -> None:
        self._told = set() if told is None else told
        self._settled = True
        self._unasked: set[_Key] | None = None
        self._pid = pid
        self._marker = marker
        self._known: set[_Key] = set()
        self._asked: set[_Key] = set()
        self._killed: set[_Key] = set()
        self._fds: dict[_Key, int] = {}
        self._live: dict[int, ProcessStat] = {}
        self._stats: dict[int, ProcessStat] = {}
        self._sessions = {pid}
        self._begun = 0
        stat = read_stat(pid)
        if stat and process_exists(pidfd):
            self._known.add((pid, stat.start))
            self._begun = stat.start
        elif stat:
            # A pid is not given out again while a session has it as its name. So as the worker
            # is reaped and its pid in use again, its session is empty and this is a stranger.
            self._sessions = set()

    @property
    def killed(self) -> int:
        """How many members got a SIGKILL."""
        return len(self._killed)

    @property
    def in_doubt(self) -> bool:
        """Whether a member may have gone unseen at every look so far."""
        return bool(self._unasked) or not self._settled

    def look(self) -> set[int]:
        """Scan all processes; the pids of the members alive."""
        self._scan()
        self._let_go()
        for stat in self._live.values():
            self._hold(stat)
        return set(self._live)

    def ask(self) -> None:
        """SIGTERM to every member that did not get one yet."""
        for stat in self._live.values():
            if _key(stat) not in self._asked:
                self._asked.add(_key(stat))
                self._signal(stat, signal.SIGTERM)
                # A stopped process would take notice only when it is killed.
                self._signal(stat, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to every member, first by process group where a group is all ours.

        A signal to a process group reaches all of it at once; one by one, a program that forks
        fast enough would stay ahead.
        """
        mine = dict.fromkeys(stat.group for stat in self._live.values())
        others = {s.group for pid, s in self._stats.items() if pid not in self._live and s.alive}
        for group in [one for one in mine if one not in others | {0, 1}]:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        for stat in self._live.values():
            self._killed.add(_key(stat))
            self._signal(stat, signal.SIGKILL)

    def wanted(self, timeout_ms: int) -> tuple[list[int], int]:
        """Pidfds of the members alive to wait for so long; of none the kernel tells nothing."""
        fds = [self._fds[key] for key in map(_key, self._live.values()) if key in self._fds]
        return fds, timeout_ms if fds else _BLIND_MS

    def can_die(self) -> bool:
        """Whether a signal reaches anyone: not those that sleep uninterruptibly."""
        return any(stat.state != "D" for stat in self._live.values())

    def close(self) -> None:
        """Give the file descriptors back."""
        self._live = {}
        self._let_go()

    def _scan(self) -> None:
        self._stats, self._settled = scan_closely()
        seen = {pid for pid, stat in self._stats.items() if _key(stat) in self._known}
        # The name of an empty session may be given to a stranger from now on.
        named = {stat.session for stat in self._stats.values()}
        self._sessions = (self._sessions | seen) & named
        members = members_in(self._stats, roots=seen, sessions=self._sessions, marker=self._marker)
        alive = [self._stats[pid] for pid in members.alive]
        self._live = {stat.pid: stat for stat in starters_first(alive, root=self._pid)}
        # Whoever is new among them has a parent that was asked before; those count that never
        # could be asked.
        unasked = {_key(self._stats[pid]) for pid in members.unasked}
        self._unasked = unasked if self._unasked is None else self._unasked & unasked
        self._known.update(map(_key, self._live.values()))

    def _hold(self, stat: ProcessStat) -> None:
        if _key(stat) in self._fds or len(self._fds) >= _WATCHED_MAX:
            return
        with suppress(OSError):
            fd = os.pidfd_open(stat.pid)
            try:
                now = read_stat(stat.pid)
            except OSError:  # that was the last descriptor: others need it more
                now = None
            if now and now.start == stat.start:
                self._fds[_key(stat)] = fd
            else:
                os.close(fd)

    def _signal(self, stat: ProcessStat, number: int) -> None:
        fd = self._fds.get(_key(stat))
        self._told.add(stat.pid)
        with suppress(ProcessLookupError, PermissionError):
            if fd is None:
                os.kill(stat.pid, number)
            else:
                signal.pidfd_send_signal(fd, number)

    def _let_go(self) -> None:
        live = set(map(_key, self._live.values()))
        for key in self._fds.keys() - live:
            fd = self._fds.pop(key)
            if key[0] != self._pid:
                # An orphan that came to us as its subreaper; nobody else will reap it.
                with suppress(ChildProcessError):
                    os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
            os.close(fd)


def starters_first(stats: Iterable[ProcessStat], *, root: int) -> list[ProcessStat]:
    """The worker, then the others by age: who started somebody comes before them.

    A program whose child is ended before it is may take that for the child's own end, and report
    a success.
    """
    return sorted(stats, key=lambda stat: (stat.pid != root, stat.start, stat.pid))


def _key(stat: ProcessStat) -> _Key:
    return stat.pid, stat.start


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
            return bool(await ended)
    except TimeoutError:
        return not fds
    finally:
        for fd in pending:
            loop.remove_reader(fd)


def _all_ended_blocking(fds: list[int], timeout_ms: int, clock: Clock) -> bool:
    over_ms = clock.boot_ms() + timeout_ms
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    if not fds:
        poll.poll(timeout_ms)
    pending = set(fds)
    while pending:
        ready = poll.poll(max(0, over_ms - clock.boot_ms()))
        if not ready:
            return False
        for fd, _ in ready:
            poll.unregister(fd)
            pending.discard(fd)
    return True
