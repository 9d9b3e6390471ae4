"""Which due task goes to which worker, and when to look again.

Claims happen inside whatever unit of work made a task due or a worker free, so that accepting or
settling a task and starting the next one share a commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from fnr.daemon.gates import Gates
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.failpoint import failpoint
from fnr.policy.task import Claim, Task, TaskState
from fnr.store import tasks
from fnr.store.connection import Transaction

LOOK_AGAIN_MS = 1_000


@dataclass(slots=True)
class Assignment:
    """Claims made for one worker, to be handed over once they are committed."""

    worker: WorkerProcess
    claims: list[Claim]


class Dispatcher:
    """Owns the pools' due times; `fill` runs inside a unit, `deliver` after its commit."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.pools: dict[str, Pool] = {}
        self.gates = Gates()
        # Functions whose claims were rolled back a moment ago.
        self._in_doubt: set[str] = set()
        # Set by the supervisor and the runner: who starts workers, who takes claims back.
        self.more_workers: Callable[[Pool], None] = _nobody
        self.put_back: Callable[[WorkerProcess, list[Claim]], None] = _nobody_for_claims
        self.on_delivered: Callable[[list[WorkerProcess]], None] = _nobody_cares

    def fill(self, tx: Transaction, function: str) -> list[Assignment]:
        """Claim due tasks for every free place of a function's workers.

        A worker whose ended attempts are about to be settled is left to that unit, so that it
        hears of its ends and of its next claims at once.
        """
        pool = self.pools.get(function)
        if pool is None or pool.paused or not self._parts.dispatching:
            return []
        now_ms = self._parts.clock.now_ms()
        if pool.next_due_at_ms is None or pool.next_due_at_ms > now_ms:
            return []
        assignments: list[Assignment] = []
        try:
            self._claim(tx, pool, assignments, now_ms=now_ms)
        except BaseException:
            # The unit is rolled back, and nobody else has heard of what was promised in it.
            self.abandon(assignments, function)
            raise
        return assignments

    def take_new(self, task: Task, body: bytes) -> Assignment | None:
        """Give a task that is about to be stored to a free worker, if none waits before it.

        Not where a gate may hold it back: gates look at what is stored.
        """
        pool = self.pools.get(task.function)
        if pool is None or pool.paused or not self._parts.dispatching:
            return None
        now_ms = self._parts.clock.now_ms()
        first_at_ms = pool.next_due_at_ms
        if task.due_at_ms > now_ms or (first_at_ms is not None and first_at_ms <= now_ms):
            return None
        if self.gates.concern(pool):
            return None
        for worker in pool.takers():
            if not worker.reporting:
                token = self._parts.ulids.new()
                running = replace(
                    task, state=TaskState.RUNNING, state_at_ms=now_ms, attempts=1, owner=token
                )
                worker.reserved += 1
                return Assignment(worker, [Claim(task=running, token=token, input=body)])
        return None

    def _claim(
        self, tx: Transaction, pool: Pool, assignments: list[Assignment], *, now_ms: int
    ) -> None:
        """Add what each worker gets, and note when to look again."""
        for worker, free in pool.shares():
            if worker.reporting:
                continue
            places = self.gates.admit(tx, pool, worker, free)
            if not places:
                # Whoever holds it back says when to look again.
                return
            claims = tasks.claim_due(
                tx,
                function=pool.name,
                worker=worker.identity,
                new_token=self._parts.ulids.new,
                count_max=places,
                now_ms=now_ms,
            )
            failpoint("claim-in-unit")
            if claims:
                worker.reserved += len(claims)
                assignments.append(Assignment(worker, claims))
                self.gates.claimed(tx, pool, worker, claims)
            if len(claims) < places:
                # Nothing more is due: who would have let only so many through holds nobody back.
                pool.holds.clear()
                break
        else:
            # Every place is taken. Whether more is due matters only if a worker could be added.
            if len(pool.staying) >= pool.settings.workers_max:
                return
        due_at_ms = tasks.next_due_at_ms(tx, function=pool.name)
        pool.next_due_at_ms = due_at_ms if due_at_ms is None or due_at_ms > now_ms else 0

    def deliver(self, assignments: list[Assignment], function: str) -> None:
        """Hand committed claims to their workers, then look whether more workers are needed."""
        now_boot_ms = self._parts.clock.boot_ms()
        for assignment in assignments:
            failpoint("claim-committed")
            worker, claims = assignment.worker, assignment.claims
            worker.reserved -= len(claims)
            if worker.state is WorkerState.GONE or worker.link is None:
                self.put_back(worker, claims)
                continue
            armed = self._parts.faults
            faults = armed.for_claims(claims, self._parts.clock.now_ms()) if armed else None
            if worker.settings.gpus and not worker.held:
                worker.kernel_mark = self._parts.kernel_log.mark()
            worker.hold(
                claims,
                now_boot_ms=now_boot_ms,
                # Who leaves gives back what comes now, whatever it runs.
                one_at_a_time=worker.settings.window == 1 and worker.state is WorkerState.READY,
                faults=faults,
            )
            failpoint("claim-handed-over")
            for claim in claims:
                self._parts.events.task_moved(claim.task, worker_id=worker.worker_id)
        if assignments:
            self.on_delivered([assignment.worker for assignment in assignments])
        pool = self.pools.get(function)
        if pool is not None:
            self.arm(pool)
            if pool.wants_worker():
                self.more_workers(pool)

    def abandon(self, assignments: list[Assignment], function: str) -> None:
        """Forget claims whose commit failed; the store has rolled them back.

        When the next task is due was found out with them. Who shares their commit may have found
        it out since, and is about to set a timer by it: so it is looked for again.
        """
        for assignment in assignments:
            assignment.worker.reserved -= len(assignment.claims)
        # Whoever is refused again has promised nothing anew, and still holds this list.
        assignments.clear()
        pool = self.pools.get(function)
        if pool is not None:
            pool.next_due_at_ms = 0
            if function not in self._in_doubt:
                self._in_doubt.add(function)
                self._parts.later(LOOK_AGAIN_MS, lambda: self._look_again(function))

    def _look_again(self, function: str) -> None:
        self._in_doubt.discard(function)
        self.kick(function)

    def kick(self, function: str) -> None:
        """Look for due work of one function in a unit of its own."""
        if function not in self.pools or not self._parts.dispatching:
            return
        assignments: list[Assignment] = []

        def unit(tx: Transaction) -> None:
            assignments.extend(self.fill(tx, function))

        def committed(_: None, error: BaseException | None) -> None:
            if error is not None:
                self.abandon(assignments, function)
                log.warning("no task of %s could be claimed: %s", function, error)
            else:
                self.deliver(assignments, function)

        self._parts.store.post(unit, committed)

    def due_now(self, function: str) -> None:
        """Something of this function may be due: note it and look."""
        pool = self.pools.get(function)
        if pool is not None:
            pool.next_due_at_ms = 0
            self.kick(function)

    def arm(self, pool: Pool) -> None:
        """Wake when the pool's next task is due."""
        if pool.due_timer is not None:
            pool.due_timer.cancel()
            pool.due_timer = None
        if not pool.next_due_at_ms:
            return
        # The wall clock can jump: never sleep longer than a minute on its word.
        delay_ms = pool.next_due_at_ms - self._parts.clock.now_ms()
        delay_ms = min(max(delay_ms, 0), 60_000)
        pool.due_timer = self._parts.later(delay_ms, lambda: self._wake(pool))

    def _wake(self, pool: Pool) -> None:
        pool.due_timer = None
        at_ms = pool.next_due_at_ms
        if at_ms is not None and at_ms > self._parts.clock.now_ms():
            self.arm(pool)
        else:
            self.kick(pool.name)


def _nobody_cares(_: list[WorkerProcess]) -> None:
    """Nobody watches running attempts yet."""


def _nobody(_pool: Pool) -> None:
    raise AssertionError("the supervisor is not connected")


def _nobody_for_claims(_worker: WorkerProcess, _claims: list[Claim]) -> None:
    raise AssertionError("the runner is not connected")
