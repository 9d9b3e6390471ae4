"""End a running attempt on purpose: note it, ask, insist, and kill the group if need be.

The kill note is committed before the first signal, so whoever reads the remains, even a later
daemon, knows that it was us and why.
"""

from __future__ import annotations

from fnr.api.frames import Cancel
from fnr.daemon.parts import Parts, log
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.failpoint import failpoint
from fnr.policy.evidence import KilledBy
from fnr.store import kills
from fnr.store.connection import Transaction

# A Python function that watches fnr.cancelled() gets this long before its worker is stopped.
ASK_MS_MAX = 1_000
# A command's worker ends the command itself: SIGTERM, grace, SIGKILL. Then it has answered.
COMMAND_SPARE_MS = 3_000
RECALL_MS = 200


class Stopper:
    """Ends attempts; `stop` returns at once, the rest follows by timers."""

    def __init__(self, parts: Parts, supervisor: Supervisor) -> None:
        self._parts = parts
        self._supervisor = supervisor

    def stop(self, worker: WorkerProcess, token: str, reason: KilledBy, why: str) -> None:
        """End an attempt for this reason; a second reason for the same attempt changes nothing."""
        if token in worker.kills or token not in worker.held:
            return
        worker.kills[token] = (reason, why)
        now_ms = self._parts.clock.now_ms()
        log.warning(
            "stopping an attempt",
            extra={"worker_id": worker.worker_id, "function": worker.function, "why": why},
        )

        def unit(tx: Transaction) -> None:
            kills.note(tx, token, reason=reason, why=why, now_ms=now_ms)

        def noted(_: None, error: BaseException | None) -> None:
            # A store in trouble must not keep a runaway attempt alive: the reason is in memory.
            if error is not None:
                log.error("a kill could not be noted: %s", error)
            failpoint("kill-noted")
            self._ask(worker, token, reason, why)

        self._parts.store.post(unit, noted)

    def kill_worker(self, worker: WorkerProcess, reason: KilledBy, why: str) -> None:
        """End a worker with everything it runs, now."""
        current = worker.current
        if current is not None and current.token not in worker.kills:
            token = current.token
            worker.kills[token] = (reason, why)
            now_ms = self._parts.clock.now_ms()
            self._parts.store.post(
                lambda tx: kills.note(tx, token, reason=reason, why=why, now_ms=now_ms),
                lambda _, __: self._supervisor.interrupt(worker),
            )
            return
        self._supervisor.interrupt(worker)

    def _ask(self, worker: WorkerProcess, token: str, reason: KilledBy, why: str) -> None:
        if token not in worker.held or worker.state is WorkerState.GONE:
            return
        current = worker.current
        if current is None or current.token != token:
            # It waits for its turn: take it back, and leave what runs alone.
            self._supervisor.recall(worker)
            self._parts.later(RECALL_MS, lambda: self._ask(worker, token, reason, why))
            return
        failpoint("kill-about-to-ask")
        worker.send(Cancel(token=token, reason=reason.value, why=why, force=True))
        in_process = worker.settings.in_process
        grace_ms = worker.settings.grace_ms
        if reason is KilledBy.HANG or worker.link is None:
            patience_ms = 0
        elif in_process:
            patience_ms = min(grace_ms, ASK_MS_MAX)
        else:
            patience_ms = grace_ms + COMMAND_SPARE_MS
        self._parts.later(patience_ms, lambda: self._insist(worker, token))

    def _insist(self, worker: WorkerProcess, token: str) -> None:
        failpoint("kill-about-to-insist")
        if token in worker.held and worker.state is not WorkerState.GONE:
            self._supervisor.interrupt(worker)
