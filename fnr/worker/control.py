"""A second thread that stays in touch with the daemon while a function runs for long.

It sleeps on a timer that the main thread sets when an attempt begins, which wakes nobody. When
the timer expires it looks: an attempt that is still running is attended to, reading the socket in
the main thread's place; otherwise it sleeps on. So a short attempt costs no thread switch, and an
idle worker never wakes up.
"""

from __future__ import annotations

import math
import select
import signal
import threading
from typing import TYPE_CHECKING

from msgspec import Raw, json

from fnr.api.frames import Checkpoint, Progress
from fnr.host.clock import Clock
from fnr.host.timer import Timer
from fnr.policy.evidence import Evidence
from fnr.worker.duty import Duty, attempt_here
from fnr.worker.foreign_text import clean
from fnr.worker.interrupt import new_poll
from fnr.worker.sdk import AttemptInfo, Guarded

if TYPE_CHECKING:
    from fnr.worker.breakers import Calls

# How long an attempt runs before anybody but the main thread takes notice of it.
PATIENCE_MS = 100
# How long a finished result may wait behind an attempt that turns out not to be quick.
UNSENT_MS = 10
PROGRESS_MS = 100
# How long a function waits for its checkpoint to be on disk, and how often it is said again.
KEPT_WAIT_S = 5.0
KEPT_AGAIN_MS = 1_000
_STAGE_CHARS_MAX = 200
_PREVIEW_CHARS_MAX = 4_096
_STACK_BYTES = 512 * 1024
_NEVER_MS = 1 << 62


class Control:
    """The control thread, and what the SDK says through it."""

    def __init__(self, duty: Duty, clock: Clock, *, breaker_path: str = "") -> None:
        self._duty = duty
        self._clock = clock
        self._timer = Timer()
        self._set_for_ms = _NEVER_MS
        self._progress: Progress | None = None
        self._progress_at_ms = 0
        self._breaker_path = breaker_path
        self._calls: Calls | None = None
        self._checkpoint: Checkpoint | None = None
        self._checkpoints = 0
        self._checkpoint_at_ms = 0
        self._kept_to = 0
        self._kept = threading.Condition()
        duty.on_kept = self._on_kept
        duty.on_welcome = self._on_welcome

    def start(self) -> None:
        """Start the thread."""
        before = threading.stack_size(_STACK_BYTES)
        # A daemon thread: it holds nothing that an exit of the process could lose.
        threading.Thread(target=self._serve, name="fnr-control", daemon=True).start()
        threading.stack_size(before)

    def watch(self) -> None:
        """The main thread begins something; call with the duty's lock held."""
        self._progress = None
        if self._calls is not None:
            self._calls.begin()
        self._checkpoint = None
        wait_ms = UNSENT_MS if self._duty.link.unsent else PATIENCE_MS
        self._wake_at(self._duty.since_ms + wait_ms, now_ms=self._duty.since_ms)

    def report_progress(self, done: float, total: float | None, stage: str, preview: str) -> None:
        """Note how far the attempt is; the thread sends it, the latest at most ten times a second.

        The function never waits for this, not even when the daemon does not read.
        """
        run = self._duty.running_here()
        if run is None or not math.isfinite(done) or (total and not math.isfinite(total)):
            return
        stage = clean(stage, _STAGE_CHARS_MAX)
        preview = clean(preview, _PREVIEW_CHARS_MAX)
        self._progress = Progress(
            token=run.token, done=done, total=total, stage=stage, preview=preview
        )
        now_ms = self._clock.boot_ms()
        self._wake_at(max(now_ms, self._progress_at_ms), now_ms=now_ms)

    def guard(self, service: str, ignore: tuple[type[BaseException], ...]) -> Guarded:
        """Begin a guarded call to a service, or raise BreakerOpen."""
        if self._calls is None:
            from fnr.worker.breakers import Calls  # noqa: PLC0415 - 4 MiB that few functions need

            self._calls = Calls(
                self._duty,
                path=self._breaker_path,
                clock=self._clock,
                wake=self.wake,
                wake_at=self._wake_at,
            )
        return self._calls.guard(service, ignore)

    def described(self, evidence: Evidence, error: BaseException) -> Evidence:
        """The end of an attempt with what is known of the services it called."""
        return evidence if self._calls is None else self._calls.described(evidence, error)

    def wake(self) -> None:
        """Something is to be sent: let the thread look at once."""
        now_ms = self._clock.boot_ms()
        self._wake_at(now_ms, now_ms=now_ms)

    def keep_checkpoint(self, body: bytes) -> bool:
        """Say it to the daemon, until that has it on disk or a newer one takes its place."""
        run = self._duty.running_here()
        if run is None or self._duty.dropped:
            return False
        with self._kept:
            self._checkpoints = number = self._checkpoints + 1
            self._checkpoint_at_ms = 0
            self._checkpoint = Checkpoint(token=run.token, number=number, data=Raw(body))
            self.wake()
            # One of another thread that has taken its place is on disk instead of it.
            return self._kept.wait_for(lambda: self._kept_to >= number, KEPT_WAIT_S)

    def _on_kept(self, number: int) -> None:
        with self._kept:
            waiting = self._checkpoint
            if waiting is None or waiting.number < number:
                return
            if waiting.number == number:
                self._checkpoint = None
            self._kept_to = max(self._kept_to, number)
            self._kept.notify_all()

    def _on_welcome(self) -> None:
        if self._calls is not None:
            self._calls.find_anew()

    def is_cancelled(self) -> bool:
        """Whether the attempt was asked to end, or has ended and left behind who asks."""
        duty = self._duty
        over = attempt_here.get(None) is not None and duty.running_here() is None
        return over or duty.cancel is not None or duty.dropped

    def running_attempt(self) -> AttemptInfo:
        """Which attempt is running; to who has outlived one, that one."""
        run = self._duty.running_here()
        if run is None:
            token, task_id, number = attempt_here.get(("", "", 0))
            return AttemptInfo(task_id=task_id, number=number, token=token, key=task_id)
        return AttemptInfo(
            task_id=run.task_id,
            number=run.attempt,
            token=run.token,
            key=run.task_id,
            checkpoint=json.decode(run.checkpoint) if run.checkpoint else None,
        )

    def _wake_at(self, at_ms: int, *, now_ms: int) -> None:
        # Whoever calls has changed what _look() looks at before; so if the thread wakes up between
        # these lines it finds the change by itself, and sets the timer anew.
        if at_ms < self._set_for_ms:
            self._set_for_ms = at_ms
            self._timer.set(at_ms - now_ms)

    def _serve(self) -> None:
        # Signals are for the main thread: only there can they interrupt a function.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        attending = False
        while True:
            poll = new_poll()
            poll.register(self._timer.fileno(), select.POLLIN)
            if attending:
                self._listen(poll)
            poll.poll()
            self._timer.clear()
            self._set_for_ms = _NEVER_MS
            with self._duty.lock:
                attending = self._look()

    def _listen(self, poll: select.poll) -> None:
        with self._duty.lock:
            link = self._duty.link
            if link.sock is not None:
                poll.register(
                    link.sock.fileno(), select.POLLIN | (select.POLLOUT if link.unsent else 0)
                )

    def _look(self) -> bool:
        """See what is going on; whether the socket is ours to listen to."""
        now_ms = self._clock.boot_ms()
        self._duty.let_go()
        again_at_ms = min(self._send_progress(now_ms), self._slow_calls(now_ms))
        attending = False
        if self._duty.busy:
            patience_ends_ms = self._duty.since_ms + PATIENCE_MS
            # Whoever waits for an answer needs somebody who listens.
            attending = now_ms >= patience_ends_ms or self._checkpoint is not None
            if attending:
                again_at_ms = min(again_at_ms, self._say_checkpoint(now_ms))
                again_at_ms = min(again_at_ms, self._duty.attend(now_ms))
            else:
                again_at_ms = min(again_at_ms, patience_ends_ms)
        self._duty.push_reports()
        self._duty.flush()
        if again_at_ms < _NEVER_MS:
            self._wake_at(again_at_ms, now_ms=now_ms)
        return attending

    def _slow_calls(self, now_ms: int) -> int:
        """Tell of guarded calls that last for too long."""
        again_at_ms = None if self._calls is None else self._calls.look(now_ms)
        return _NEVER_MS if again_at_ms is None else again_at_ms

    def _say_checkpoint(self, now_ms: int) -> int:
        """Say it, and again while nobody has it; a lost connection is no answer."""
        checkpoint, running = self._checkpoint, self._duty.running
        if checkpoint is None or running is None or checkpoint.token != running.token:
            return _NEVER_MS
        if now_ms >= self._checkpoint_at_ms and self._duty.link.welcomed:
            self._checkpoint_at_ms = now_ms + KEPT_AGAIN_MS
            self._duty.say(checkpoint)
        return max(self._checkpoint_at_ms, now_ms + 1)

    def _send_progress(self, now_ms: int) -> int:
        progress, running = self._progress, self._duty.running
        if progress is None or running is None or progress.token != running.token:
            return _NEVER_MS
        if now_ms < self._progress_at_ms:
            return self._progress_at_ms
        self._progress = None
        self._progress_at_ms = now_ms + PROGRESS_MS
        if not self._duty.link.unsent:
            self._duty.say(progress)
        return _NEVER_MS
