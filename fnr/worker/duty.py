"""What this worker holds and was asked to do: attempts waiting, running, and ended without an Ack.

The main thread and, while a function runs, the control thread both come here; whoever does holds
`lock`, except for the one who waits for the socket.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from fnr.api.frames import (
    WORKER_PROTOCOL,
    Ack,
    Beat,
    Bye,
    Cancel,
    Frame,
    Hello,
    Kept,
    LogLimit,
    Ready,
    Recall,
    Refuse,
    Returned,
    Run,
    Stop,
    Unloadable,
    Welcome,
    WorkerSpec,
    encode,
)
from fnr.host.clock import Clock
from fnr.host.process import pid_start
from fnr.policy.evidence import Evidence
from fnr.policy.task import BEAT_MS
from fnr.worker.interrupt import Interrupts
from fnr.worker.link import FrameError, Link
from fnr.worker.own_log import OwnLog
from fnr.worker.spool import Results
from fnr.worker.trials import Trials
from fnr.worker.undo_journal import Journal

# How soon to look at a log again that has just been too long: a function can fill it fast.
FLOOD_MS = 50
# What functions report of their calls and nobody is there to hear: the latest so many are kept.
REPORTS_MAX = 200
# Of which attempt the code at hand is: its token, task and number. A coroutine that was left behind
# and a thread of asyncio.to_thread know it; a thread that was begun plainly does not.
attempt_here: ContextVar[tuple[str, str, int]] = ContextVar("attempt_here")


class Duty:
    """All that daemon and worker owe each other.

    waiting:   attempts not begun, in the order they came.
    running:   the attempt that has begun; None while loading.
    busy:      the main thread is in the function, or loads it, since since_ms (boot clock).
    cancel:    the last request to end the running attempt.
    dropped:   the running attempt is nobody's any more; its end interests nobody.
    ended:     how many attempts have run to their end, dropped ones too.
    leaving:   why no further attempt will begin; "" while the worker serves.
    refused:   why the daemon does not want us.
    alone_ms:  since when no daemon has had us; None while one has.
    on_cancel: called when `cancel` is set. on_kept: with the number of a checkpoint on disk.
    on_welcome: when a daemon has taken us on.
    trials:    of half-open breakers, for as long as their attempts run.
    journal:   the undo steps of the running attempt.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        clock: Clock,
        interrupts: Interrupts,
        log: OwnLog,
        one_by_one: bool = False,
        ends_unasked: bool = False,
    ) -> None:
        self.lock = threading.Lock()
        self.link = Link(spec.socket)
        self.results = Results(spec.spool_dir, log.say, ends_unasked=ends_unasked)
        self.journal = Journal(
            spec.spool_dir, self._running_token, clock=clock, within=spec.undo_within
        )
        self.waiting: deque[Run] = deque()
        self.running: Run | None = None
        self.busy = False
        self.since_ms = 0
        self.cancel: Cancel | None = None
        self.dropped = False
        self.ended = 0
        self.leaving = ""
        self.refused = ""
        self.alone_ms: int | None = clock.boot_ms()
        self.on_cancel: Callable[[], None] = _nobody
        self.trials = Trials(spec.trial_path, spec.trial_fd)
        self._reports: deque[Frame] = deque(maxlen=REPORTS_MAX)
        self.on_kept: Callable[[int], None] = _nobody_keeps
        self.on_welcome: Callable[[], None] = _nobody
        self._spec = spec
        self._one_by_one = one_by_one
        self._clock = clock
        self._interrupts = interrupts
        self._log = log
        self._boot_id = clock.boot_id()
        self._pid_start = pid_start(os.getpid()) or 0
        self._held: set[str] = set()
        self._loaded: Frame | None = None
        self._told_loaded = False
        self._beat_at_ms = 0
        self._takers: dict[type[Frame], Callable[[Any], None]] = {
            Run: self._take_run,
            Ack: self._take_ack,
            Welcome: self._take_welcome,
            LogLimit: self._take_log_limit,
            Refuse: self._take_refuse,
            Kept: self._take_kept,
            Cancel: self._take_cancel,
            Recall: self._take_recall,
            Stop: self._take_stop,
        }

    # ── what the main thread does ────────────────────────────────────────────

    def begin_loading(self) -> None:
        """The main thread starts to load the function."""
        self._be_busy(self._clock.boot_ms())

    def stop_loading(self) -> None:
        """Loading was interrupted; nothing is known of the function."""
        self.busy = False
        self._interrupts.doing = Interrupts.WAITING

    def loaded(self, evidence: Evidence | None) -> None:
        """The function is loaded, or cannot be."""
        self.stop_loading()
        if evidence is None:
            self._loaded = Ready(import_ms=self._clock.boot_ms() - self.since_ms)
        else:
            self._loaded = Unloadable(evidence=evidence)
            self._give_back(list(self.waiting))
        self._tell_loaded()

    def begin(self, now_ms: int) -> Run:
        """Take the next attempt out of the window."""
        run = self.running = self.waiting.popleft()
        attempt_here.set((run.token, run.task_id, run.attempt))
        self.cancel = None
        self.dropped = False
        self._interrupts.doing = run.token
        self._be_busy(now_ms)
        return run

    def end(self, run: Run, frame: bytes, *, durably: bool) -> None:
        """The attempt has ended; frame says how."""
        self.ended += 1
        self.busy = False
        self.running = None
        self._interrupts.doing = Interrupts.WAITING
        self._held.discard(run.token)
        self.trials.end()
        self.push_reports()
        if self.dropped:
            return
        nobody_there = not self.link.welcomed
        # After SIGTERM there is not much time for the daemon to answer.
        durably = durably or nobody_there or self._interrupts.asked
        self.results.keep(run.token, frame, durably=durably)
        if not nobody_there:
            self.link.push(frame)

    def return_begun(self, run: Run) -> None:
        """Give back an attempt before its function is called: its trial is somebody else's."""
        self.busy = False
        self.running = None
        self._interrupts.doing = Interrupts.WAITING
        self._held.discard(run.token)
        self.say(Returned(tokens=(run.token,)))

    def report(self, frame: Frame) -> None:
        """Keep something to tell the daemon; any thread may, and a signal may come at any point."""
        self._reports.append(frame)

    def push_reports(self) -> None:
        """Tell what was reported, if there is a daemon to hear it."""
        while self._reports and self.link.welcomed:
            self.link.push(encode(self._reports.popleft()))

    def leave(self, why: str) -> None:
        """Begin nothing more, and give back what has not begun."""
        self.leaving = self.leaving or why
        self._give_back(list(self.waiting))

    def say(self, frame: Frame) -> None:
        """Send a frame that nobody misses if no daemon is there."""
        if self.link.welcomed:
            self.link.push(encode(frame))

    # ── the connection ───────────────────────────────────────────────────────

    def connect(self, now_ms: int) -> None:
        """Look for the daemon if it is time to, and say who we are."""
        if now_ms < self.link.retry_at_ms or not self.link.connect(now_ms):
            return
        ready = isinstance(self._loaded, Ready) and not self.leaving
        self._told_loaded = ready
        running = [run.token for run in (self.running, *self.waiting) if run is not None]
        hello = Hello(
            protocol=WORKER_PROTOCOL,
            worker_id=self._spec.worker_id,
            secret=self._spec.secret,
            pid=os.getpid(),
            pid_start=self._pid_start,
            boot_id=self._boot_id,
            running=() if self.dropped else tuple(running),
            finished=tuple(self.results.tokens()),
            ready=ready,
            one_by_one=self._one_by_one,
            made_for=self._spec.made_for,
            ended=self.ended,
            log_limit=True,
        )
        self.link.push(encode(hello))
        self.flush()

    def receive(self, data: bytes) -> None:
        """Do what the daemon says; b"" means that the connection has ended."""
        if not data:
            self._lose()
            return
        try:
            frames = self.link.frames_in(data)
        except FrameError as error:
            self._log.say(f"the daemon sent no frame ({error}); connecting again")
            self._lose()
            return
        for frame in frames:
            self._takers[type(frame)](frame)

    def look(self) -> None:
        """Take what has arrived, if anything has."""
        if self.link.sock is not None and (data := self.link.read_now()) is not None:
            self.receive(data)

    def flush(self) -> None:
        """Send what waits to be sent, as far as the daemon takes it."""
        if self.link.sock is not None and not self.link.flush():
            self._lose()

    def attend(self, now_ms: int) -> int:
        """While the main thread is busy: read, answer, beat, reconnect; when to come again."""
        if self.link.sock is None:
            self.connect(now_ms)
        self.look()
        if now_ms >= self._beat_at_ms:
            self._beat_at_ms = now_ms + BEAT_MS
            # A daemon that does not read would otherwise find all beats it missed.
            if not self.link.unsent:
                self.say(Beat(token=self.running.token if self.running else None))
        self.flush()
        again_at_ms = self._beat_at_ms
        if self.link.sock is None:
            again_at_ms = min(again_at_ms, max(self.link.retry_at_ms, now_ms + 1))
        if self._log.keep_bounded():
            again_at_ms = min(again_at_ms, now_ms + FLOOD_MS)
        return again_at_ms

    def say_bye(self, reason: str) -> None:
        """Tell the daemon that we go."""
        self.say(Bye(reason=reason))
        self.flush()

    def mend(self) -> None:
        """The function closed descriptors; go on without those of ours that were among them."""
        self._interrupts.renew()
        self.let_go()

    def let_go(self) -> None:
        """A function has closed our connection, and its number may be that of its own by now."""
        if self.link.sock is not None and not self.link.is_whole():
            self._lose()

    def running_here(self) -> Run | None:
        """The running attempt, unless the code at hand is of an earlier one and outlived it."""
        run = self.running
        if run is None or attempt_here.get((run.token,))[0] != run.token:
            return None
        return run

    def _running_token(self) -> str:
        run = self.running_here()
        return run.token if run is not None else ""

    def _be_busy(self, now_ms: int) -> None:
        self.since_ms = now_ms
        self._beat_at_ms = now_ms + BEAT_MS
        self.busy = True

    def _lose(self) -> None:
        now_ms = self._clock.boot_ms()
        if self.link.welcomed:
            self.alone_ms = now_ms
        self.link.drop(now_ms)
        # What was sent may never have been read.
        self.results.spool_all()

    # ── what the daemon says ─────────────────────────────────────────────────

    def _take_run(self, run: Run) -> None:
        if run.token in self._held or run.token in self.results:
            return
        if self.leaving or isinstance(self._loaded, Unloadable):
            self.say(Returned(tokens=(run.token,)))
            return
        self._held.add(run.token)
        self.waiting.append(run)

    def _take_ack(self, ack: Ack) -> None:
        self.results.forget(ack.tokens)

    def _take_welcome(self, welcome: Welcome) -> None:
        self.link.welcome()
        self.on_welcome()
        self.alone_ms = None
        dropped = frozenset(welcome.drop)
        self.results.forget(dropped)
        for run in [run for run in self.waiting if run.token in dropped]:
            self.waiting.remove(run)
            self._held.discard(run.token)
        if self.running is not None and self.running.token in dropped:
            self.dropped = True
            self._interrupts.stop_doing(self.running.token)
        self._tell_loaded()
        self.push_reports()
        for frame in self.results.frames():
            self.link.push(frame)

    def _take_log_limit(self, limit: LogLimit) -> None:
        self._log.bytes_max = limit.bytes_max

    def _take_refuse(self, refuse: Refuse) -> None:
        self.refused = refuse.why or "no reason given"
        self.leave("refused")
        if self.busy:
            self.dropped = True
            self._interrupts.stop_doing(self._interrupts.doing)

    def _take_cancel(self, cancel: Cancel) -> None:
        if self.running is not None and cancel.token == self.running.token:
            self.cancel = cancel
            self.on_cancel()
        else:
            self._give_back([run for run in self.waiting if run.token == cancel.token])

    def _take_kept(self, kept: Kept) -> None:
        if self.running is not None and kept.token == self.running.token:
            self.on_kept(kept.number)

    def _take_recall(self, _: Recall) -> None:
        given_back = tuple(run.token for run in self.waiting)
        self._forget_waiting(list(self.waiting))
        self.say(Returned(tokens=given_back))

    def _take_stop(self, _: Stop) -> None:
        self.leave("stopped")
        if self.busy and self.running is None:
            self._interrupts.stop_doing(Interrupts.LOADING)

    def _tell_loaded(self) -> None:
        if self._loaded is None or self._told_loaded or not self.link.welcomed:
            return
        if self.leaving and isinstance(self._loaded, Ready):
            return
        self._told_loaded = True
        self.say(self._loaded)

    def _give_back(self, runs: list[Run]) -> None:
        if runs:
            self._forget_waiting(runs)
            self.say(Returned(tokens=tuple(run.token for run in runs)))

    def _forget_waiting(self, runs: list[Run]) -> None:
        for run in runs:
            self.waiting.remove(run)
            self._held.discard(run.token)


def _nobody() -> None:
    """Nobody runs who could be told."""


def _nobody_keeps(_: int) -> None:
    """Nobody keeps checkpoints."""
