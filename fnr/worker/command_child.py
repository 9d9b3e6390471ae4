"""One command from its start to the proof that nothing of it is left.

A single thread waits for everything at once: output, the child's end, the daemon's wishes. Only
the stopping itself, which may take its grace and more, is left to a second thread, so that output
keeps flowing and beats keep going out meanwhile.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from msgspec import Struct

from fnr.api.frames import Limits
from fnr.host.children import reap_ended
from fnr.host.clock import Clock
from fnr.host.limits import apply_limits
from fnr.host.process import Child, Exit, attach, pid_start, reap, spawn, stop_group_blocking
from fnr.host.subreaper import strays
from fnr.policy.log_record import STDERR, STDOUT
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupted, Interrupts
from fnr.worker.own_log import OwnLog
from fnr.worker.read_along import ReadAlong
from fnr.worker.stream_capture import PART_MS, StreamCapture

_READ_BYTES = 64 * 1024
# What the command left behind may end by itself: the last writer of a pipeline, mostly.
_LINGER_MS = 100
_LINGER_LOOK_MS = 10
_DRAIN_MS = 2_000
# How soon to look whether a reader has caught up.
_CATCH_UP_MS = 10


class Plan(Struct, frozen=True, kw_only=True):
    """What to start, and how. read_along: whoever wants all of its output is waited for."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str | None = None
    stdin: bytes = b""
    limits: Limits = Limits()
    nice: int | None = None
    grace_ms: int = 5_000
    whole_stdout: bool = False
    read_along: bool = False


class Ending(Struct, frozen=True, kw_only=True):
    """How it ended. exit: None if it could not be ended.

    asked:  it was ended by us, not by itself.
    proven: neither the command nor anything it started is there any more.
    left:   how many processes it left behind that had to be killed.
    """

    exit: Exit | None
    asked: bool
    proven: bool
    left: int = 0


class CommandChild:
    """A running command. Raises OSError when it cannot be started."""

    def __init__(
        self, plan: Plan, *, duty: Duty, interrupts: Interrupts, log: OwnLog, clock: Clock
    ) -> None:
        self.stdout = StreamCapture(STDOUT, log, whole=plan.whole_stdout)
        self.stderr = StreamCapture(STDERR, log)
        self._plan = plan
        self._duty = duty
        self._interrupts = interrupts
        self._clock = clock
        self._exit: Exit | None = None
        self._streams: dict[int, StreamCapture] = {}
        self._attend_at_ms = 0
        self._linger_until_ms: int | None = None
        self._stop: _Stop | None = None
        self._reader = ReadAlong(log, begun_at_ms=clock.boot_ms()) if plan.read_along else None
        self._child = self._start()

    def finish(self) -> Ending:
        """Follow it to its end, and prove that the end is one."""
        gone = asked = False
        try:
            while not gone:
                self._wait(self._timeout_ms())
                if self._must_be_ended():
                    asked = True
                    self._stop = self._begin_stop(self._plan.grace_ms)
                gone = self._look_for_end()
            self._drain()
        finally:
            self._close()
        if asked and self._ended_unasked():
            asked = False
        killed = self._stop.killed if self._stop is not None and not asked else 0
        proven = self._exit is not None and not reap_ended()
        return Ending(exit=self._exit, asked=asked, proven=proven, left=killed)

    @property
    def pid(self) -> int:
        """Whom the kernel speaks of."""
        return self._child.pid

    @property
    def pid_start(self) -> int:
        """With the pid, no other process of this boot."""
        return self._child.pid_start

    @property
    def _unwanted(self) -> bool:
        duty = self._duty
        return self._interrupts.asked or duty.cancel is not None or duty.dropped

    def _start(self) -> Child:
        plan = self._plan
        pipes: list[int] = []
        try:
            for capture in (self.stdout, self.stderr):
                pipes += os.pipe()
                os.set_blocking(pipes[-2], False)
                self._streams[pipes[-2]] = capture
            return spawn(
                plan.argv, env=plan.env, cwd=plan.cwd, stdin=plan.stdin,
                stdout=pipes[1], stderr=pipes[3], nice=plan.nice, limit=self._limit(),
            )  # fmt: skip
        except BaseException:
            for fd in self._streams:
                os.close(fd)
            raise
        finally:
            for fd in pipes[1::2]:
                os.close(fd)

    def _limit(self) -> Callable[[], None] | None:
        """What limits the command; None when nothing does."""
        limits = self._plan.limits
        if limits == Limits():
            return None
        return partial(
            apply_limits,
            memory_mib=limits.memory_mib,
            cpu_time_s=limits.cpu_time_s,
            files=limits.files,
            file_size_mib=limits.file_size_mib,
        )

    # ── waiting ──────────────────────────────────────────────────────────────

    def _wait(self, wait_ms: int) -> None:
        poll = select.poll()
        if self._reader_is_behind():
            wait_ms = min(wait_ms, _CATCH_UP_MS)
        else:
            for fd in self._streams:
                poll.register(fd, select.POLLIN)
        if self._exit is None:
            poll.register(self._child.pidfd, select.POLLIN)
        if self._stop is not None and self._stop.running:
            poll.register(self._stop.fileno(), select.POLLIN)
        link = self._duty.link
        daemon_fd = link.sock.fileno() if link.sock is not None else -1
        if daemon_fd >= 0:
            poll.register(daemon_fd, select.POLLIN | (select.POLLOUT if link.unsent else 0))
        ready = self._poll(poll, wait_ms)
        now_ms, at_ms = self._clock.boot_ms(), self._clock.now_ms()
        for fd in ready & self._streams.keys():
            self._read(fd, now_ms=now_ms, at_ms=at_ms)
        for capture in (self.stdout, self.stderr):
            capture.flush_if_due(now_ms=now_ms, at_ms=at_ms)
        if self._exit is None and self._child.pidfd in ready:
            self._exit = reap(self._child.pid, self._child.pidfd)
        if daemon_fd in ready or now_ms >= self._attend_at_ms:
            self.attend(now_ms)

    def _reader_is_behind(self) -> bool:
        # What is being ended may have something to write first.
        if self._reader is None or self._stop is not None:
            return False
        return self._reader.is_behind(self._clock.boot_ms())

    def _poll(self, poll: select.poll, wait_ms: int) -> set[int]:
        if self._interrupts.asked:  # it has done its work: the stop is under way
            return {fd for fd, _ in poll.poll(wait_ms)}
        poll.register(self._interrupts.fd, select.POLLIN)
        try:
            return {fd for fd, _ in self._interrupts.wait(poll, wait_ms)}
        except Interrupted:
            return set()

    def _timeout_ms(self) -> int:
        now_ms = self._clock.boot_ms()
        moments = [self._attend_at_ms]
        if self._linger_until_ms is not None and self._stop is None:
            moments.append(now_ms + _LINGER_LOOK_MS)
        parts = (self.stdout.part_since_ms, self.stderr.part_since_ms)
        moments += [since_ms + PART_MS for since_ms in parts if since_ms is not None]
        return max(0, min(moments) - now_ms)

    def attend(self, now_ms: int) -> None:
        """Hear the daemon and let it hear us."""
        with self._duty.lock:
            self._attend_at_ms = self._duty.attend(now_ms)

    def _read(self, fd: int, *, now_ms: int, at_ms: int) -> bool:
        """Read once; False when there is nothing more to come now."""
        with suppress(BlockingIOError):
            if chunk := os.read(fd, _READ_BYTES):
                self._streams[fd].take(chunk, now_ms=now_ms, at_ms=at_ms)
                return True
            del self._streams[fd]
            os.close(fd)
        return False

    def _drain(self) -> None:
        """What is still in the pipes; all who could write more are gone, or stuck."""
        now_ms, at_ms = self._clock.boot_ms(), self._clock.now_ms()
        for fd in list(self._streams):
            while self._read(fd, now_ms=now_ms, at_ms=at_ms):
                # Unless a stranger was given the pipe: what is in it now takes milliseconds.
                if self._clock.boot_ms() >= now_ms + _DRAIN_MS:
                    break
        for capture in (self.stdout, self.stderr):
            capture.flush(at_ms=at_ms)

    # ── ending ───────────────────────────────────────────────────────────────

    def _look_for_end(self) -> bool:
        """Whether nothing is left, or nothing more can be done about it."""
        if self._stop is not None:
            return self._stop_is_over()
        if self._exit is None:
            return False
        if not reap_ended():
            return True
        now_ms = self._clock.boot_ms()
        if self._linger_until_ms is None:
            self._linger_until_ms = now_ms + _LINGER_MS
        if now_ms >= self._linger_until_ms or self._unwanted:
            self._stop = self._begin_stop(0)
        return False

    def _must_be_ended(self) -> bool:
        """Whether it is unwanted; what has ended well by now did so by itself, and counts."""
        if self._exit is not None or self._stop is not None or not self._unwanted:
            return False
        self._take_exit()
        return self._exit is None or self._exit.code != 0

    def _ended_unasked(self) -> bool:
        """Whether it ended well while we looked for whom to ask: that too counts."""
        unasked = self._stop is not None and self._child.pid not in self._stop.told
        return unasked and self._exit is not None and self._exit.code == 0

    def _stop_is_over(self) -> bool:
        assert self._stop is not None
        if self._stop.running:
            return False
        if self._exit is None:
            # The command has ended as the stop has; or it is stuck, and there is no exit to take.
            self._take_exit()
        return True

    def _take_exit(self) -> None:
        poll = select.poll()
        poll.register(self._child.pidfd, select.POLLIN)
        if poll.poll(0):
            self._exit = reap(self._child.pid, self._child.pidfd)

    def _begin_stop(self, grace_ms: int) -> _Stop:
        marker = self._plan.env.get("FNR_WORKER_ID", "")
        return _Stop(self._child, marker, grace_ms=grace_ms, clock=self._clock)

    def _close(self) -> None:
        for fd in self._streams:
            os.close(fd)
        self._streams.clear()
        if self._stop is not None:
            self._stop.close()
        os.close(self._child.pidfd)


class _Stop:
    """Ends the command and all it started, in a thread of its own; readable when that is over."""

    def __init__(self, child: Child, marker: str, *, grace_ms: int, clock: Clock) -> None:
        self.killed = 0
        self.told: set[int] = set()
        self._child = child
        self._marker = marker
        self._grace_ms = grace_ms
        self._clock = clock
        self._done = os.eventfd(0)
        self._thread = threading.Thread(target=self._work, name="fnr-stop", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    def fileno(self) -> int:
        """Readable when it is over."""
        return self._done

    def join(self) -> None:
        """Wait until it is over."""
        self._thread.join()

    def close(self) -> None:
        """Give the descriptor back; only when it is over."""
        self._thread.join()
        os.close(self._done)

    def _work(self) -> None:
        try:
            self._stop(self._child.pid, self._child.pidfd, self._marker, self._grace_ms)
            # Who left session, line of descent and environment behind is our child at last.
            for pid in strays({self._child.pid}):
                start = pid_start(pid)
                pidfd = attach(pid, start) if start is not None else None
                if pidfd is not None:
                    self._stop(pid, pidfd, "", 0)
                    os.close(pidfd)
        finally:
            os.eventfd_write(self._done, 1)

    def _stop(self, pid: int, pidfd: int, marker: str, grace_ms: int) -> None:
        report = stop_group_blocking(
            pid, pidfd, marker, grace_ms=grace_ms, clock=self._clock, told=self.told
        )
        self.killed += report.killed
