"""The serving loop: wait for an attempt, run it, report it, until there is reason to leave.

The main thread reads the socket itself while it is idle: no other thread stands between a Run
frame and the function. Results of quick attempts that wait in the window are sent together; a
result never waits for an attempt that is not quick.
"""

from __future__ import annotations

import select
import socket
from typing import Protocol

from fnr.api.frames import Run
from fnr.host.clock import Clock
from fnr.host.now_file import NowFile
from fnr.policy.evidence import Evidence
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupted, Interrupts, new_poll
from fnr.worker.outcome import Ended, frame_of
from fnr.worker.own_log import OwnLog

# An attempt that took so long is worth a file: losing it costs more than writing it.
SPOOL_AFTER_MS = 100
# Without a daemon and with nothing to deliver, a worker is of no use to anyone.
ORPHAN_MS = 10 * 60_000
# After SIGTERM, how long to wait for the daemon to acknowledge what is spooled anyway.
FAREWELL_MS = 1_000

EXIT_DONE = 0
EXIT_REFUSED = 69


class Function(Protocol):
    """What this worker runs attempts of."""

    def load(self) -> Evidence | None:
        """Get ready; evidence when that is not possible. May raise Interrupted."""

    def run(self, run: Run) -> Ended:
        """Run one attempt to its end."""

    def close(self) -> None:
        """Tidy up before the process ends."""


class Worker:
    """One worker, from its first look for the daemon to its exit code."""

    def __init__(
        self,
        function: Function,
        *,
        duty: Duty,
        now: NowFile,
        interrupts: Interrupts,
        log: OwnLog,
        clock: Clock,
        tasks_max: int | None,
    ) -> None:
        self._function = function
        self._duty = duty
        self._now = now
        self._interrupts = interrupts
        self._log = log
        self._clock = clock
        self._tasks_max = tasks_max
        # Results not yet handed to the socket, and when the oldest of their attempts began.
        self._unsent = 0
        self._unsent_from_ms = 0
        self._looked_at_ms = 0
        self._polled: socket.socket | None = None
        self._poll = new_poll()

    def serve(self) -> int:
        """Run attempts until there is reason to leave; the exit code."""
        self._load()
        while (run := self._next()) is not None:
            self._attempt(run)
        return self._leave()

    def fail_to_load(self, evidence: Evidence) -> int:
        """Serve nothing but this evidence."""
        self._duty.loaded(evidence)
        self._next()
        return self._leave()

    def _load(self) -> None:
        # Whoever loads quickly is ready when it says Hello; else the control thread says it.
        with self._duty.lock:
            self._duty.begin_loading()
        try:
            evidence = self._function.load()
        except Interrupted:
            with self._duty.lock:
                self._duty.stop_loading()
            return
        with self._duty.lock:
            self._duty.loaded(evidence)

    def _next(self) -> Run | None:
        """The next attempt, begun; None when there is reason to leave."""
        duty = self._duty
        while True:
            with duty.lock:
                if duty.alone_ms is not None:
                    self._look_for_orphan(duty.alone_ms)
                if duty.leaving or self._interrupts.asked:
                    return None
                if duty.waiting and (run := self._begin()) is not None:
                    return run
                self._send()
            self._wait()

    def _begin(self) -> Run | None:
        now_ms = self._clock.boot_ms()
        duty = self._duty
        # By halves of what is left of the window: the daemon settles and refills one part while
        # we run the other.
        if self._unsent and (now_ms > self._unsent_from_ms or self._unsent >= len(duty.waiting)):
            self._send()
        if now_ms > self._looked_at_ms:
            self._looked_at_ms = now_ms
            duty.look()  # a Recall or a Stop may have come
            if duty.leaving or not duty.waiting:
                return None
        return duty.begin(now_ms)

    def _attempt(self, run: Run) -> None:
        if run.trials and not self._duty.trials.begin(run.trials):
            with self._duty.lock:
                self._duty.return_begun(run)
            return
        began_ms = self._duty.since_ms
        self._now.begin(run.token, began_ms)
        ended = self._function.run(run)
        self._now.end()
        duration_ms = self._clock.boot_ms() - began_ms
        # Before anybody hears that the attempt ended, so that what it printed is bounded by then.
        self._log.keep_bounded(ended.output.log_to)
        frame = frame_of(
            run.token, ended, duration_ms=duration_ms, undo=self._duty.journal.exists()
        )
        with self._duty.lock:
            self._duty.end(run, frame, durably=duration_ms >= SPOOL_AFTER_MS)
            if not self._unsent:
                self._unsent_from_ms = began_ms
            self._unsent += 1
            if self._tasks_max is not None and self._duty.ended >= self._tasks_max:
                self._duty.leave("max_tasks")
            if ended.leave:
                self._duty.leave(ended.leave)

    def _send(self) -> None:
        self._duty.flush()
        self._unsent = 0

    def _look_for_orphan(self, alone_ms: int) -> None:
        idle = not self._duty.results and not self._duty.waiting
        if idle and self._clock.boot_ms() - alone_ms >= ORPHAN_MS:
            self._log.say(f"no daemon for {ORPHAN_MS // 60_000} minutes and nothing to do: leaving")
            self._duty.leave("orphaned")

    def _wait(self, until_ms: int | None = None) -> None:
        """Wait for the daemon to say something, or to come back, and hear it.

        until_ms: not for longer, and SIGTERM has come already: nothing interrupts us any more.
        """
        duty, link = self._duty, self._duty.link
        try:
            if until_ms is None and link.welcomed and not link.unsent:
                self._interrupts.wait(self._listening())
            else:
                self._pause(until_ms)
        except Interrupted:
            return
        with duty.lock:
            if link.sock is None:
                duty.connect(self._clock.boot_ms())
            else:
                duty.look()
                self._looked_at_ms = self._clock.boot_ms()
                duty.flush()

    def _listening(self) -> select.poll:
        """The poll of an idle worker, made once for each connection."""
        sock = self._duty.link.sock
        assert sock is not None
        if sock is not self._polled:
            self._polled = sock
            self._poll = self._new_poll(select.POLLIN)
        return self._poll

    def _pause(self, until_ms: int | None) -> None:
        """Wait until the socket can be used, or until then; raises Interrupted."""
        link = self._duty.link
        poll = self._new_poll(select.POLLIN | (select.POLLOUT if link.unsent else 0))
        now_ms = self._clock.boot_ms()
        end_ms = now_ms + ORPHAN_MS if until_ms is None else until_ms
        if link.sock is None:
            end_ms = min(end_ms, link.retry_at_ms)
        wait_ms = max(0, end_ms - now_ms)
        if until_ms is None:
            self._interrupts.wait(poll, wait_ms)
        else:
            poll.unregister(self._interrupts.fd)
            poll.poll(wait_ms)

    def _new_poll(self, events: int) -> select.poll:
        poll = new_poll()
        poll.register(self._interrupts.fd, select.POLLIN)
        if self._duty.link.sock is not None:
            poll.register(self._duty.link.sock, events)
        return poll

    # ── leaving ──────────────────────────────────────────────────────────────

    def _leave(self) -> int:
        """Give back, deliver, say Bye."""
        duty = self._duty
        with duty.lock:
            duty.leave("stopped")
            if self._interrupts.asked:
                duty.results.spool_all()
            self._send()
        self._deliver()
        with duty.lock:
            duty.results.spool_all()
            duty.say_bye(duty.leaving)
            self._interrupts.leave_to_system()
        if duty.link.sock is not None and duty.link.unsent:
            self._wait(self._clock.boot_ms() + FAREWELL_MS)
        duty.link.close()
        self._function.close()
        if duty.refused:
            self._log.say(f"refused by the daemon: {duty.refused}")
            return EXIT_REFUSED
        return EXIT_DONE

    def _deliver(self) -> None:
        """Stay until the daemon has every result; after SIGTERM only for a moment."""
        duty = self._duty
        until_ms: int | None = None
        while duty.results and not duty.refused:
            if self._interrupts.asked and until_ms is None:
                with duty.lock:
                    duty.results.spool_all()
                until_ms = self._clock.boot_ms() + FAREWELL_MS
            # Everything is in the spool, so there is nothing to wait for but an Ack.
            alone = duty.link.sock is None
            if until_ms is not None and (alone or self._clock.boot_ms() >= until_ms):
                return
            self._wait(until_ms)
