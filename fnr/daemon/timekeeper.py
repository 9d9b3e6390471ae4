"""What happens because time passes: deadlines, hangs, waits that end, expiry, retention.

Nothing ticks while nothing runs, but a slow look at the logs of idle workers: the one-second watch
is armed only while a worker is busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts, log
from fnr.daemon.stopper import Stopper
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import Held, WorkerProcess, WorkerState
from fnr.host import process, worker_log
from fnr.host.activity import Activity, read_activity, sleeps_in_kernel
from fnr.host.failpoint import failpoint
from fnr.policy.evidence import KilledBy
from fnr.policy.verdict import Verdict, bury_expired
from fnr.store import prune, tasks
from fnr.store.connection import Transaction
from fnr.store.settle import settle

WATCH_MS = 1_000
# A thread that a function has left running prints between attempts, too.
IDLE_LOGS_MS = 10_000
# An attempt of a window is expected to be short; what waits behind one that is not goes back.
RECALL_AFTER_MS = 100
# Who sleeps in the kernel cannot be ended before it wakes up, and then it goes on: as long as the
# kernel itself takes before it calls that hung.
KERNEL_MS_MAX = 120_000
MOVES_MAX = 500
PRUNE_EVERY_MS = 10 * 60_000
PRUNE_AGAIN_MS = 200
# Nobody is answered meanwhile, and an input of 10 MiB alone takes some of that.
PRUNE_MS_MAX = 50
WALL_WAIT_MS_MAX = 60_000


@dataclass(slots=True)
class Suspicion:
    """A busy worker that has not been heard of: its activity when it was last looked at."""

    activity: Activity
    at_ms: int


class Timekeeper:
    """Owns the timers that no other part owns."""

    def __init__(
        self, parts: Parts, dispatcher: Dispatcher, supervisor: Supervisor, stopper: Stopper
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._stopper = stopper
        self._watch: asyncio.TimerHandle | None = None
        self._recall: asyncio.TimerHandle | None = None
        self._moves: asyncio.TimerHandle | None = None
        self._suspicions: dict[str, Suspicion] = {}
        self._untrimmed: set[str] = set()
        self._pruned_to: prune.Places = {}
        self.on_buried: Callable[[list[Verdict]], None] = _nobody
        self.gpu_at_work: Callable[[Collection[str]], bool] = _no_gpu

    def start(self) -> None:
        """Begin with what is due already, and with who is busy from before."""
        self.busy([worker for worker in self._supervisor.workers.values() if worker.held])
        self.move_due()
        self._prune()
        self._trim_idle()

    def busy(self, workers: list[WorkerProcess]) -> None:
        """Work was handed over: watch while it lasts."""
        for worker in workers:
            limit_ms = timeout_ms(worker)
            if limit_ms is not None and limit_ms < WATCH_MS:
                self._parts.later(limit_ms, partial(self._check_soon, worker))
        if self._watch is None:
            self._watch = self._parts.later(WATCH_MS, self._look)
        if self._recall is None:
            self._recall = self._parts.later(RECALL_AFTER_MS, self._recall_windows)

    # ── busy workers ─────────────────────────────────────────────────────────

    def _check_soon(self, worker: WorkerProcess) -> None:
        """A limit of less than a second may be over."""
        current = worker.current
        if current is not None and worker.state is not WorkerState.GONE:
            self._check_deadlines(worker, current, self._parts.clock.boot_ms())

    def _look(self) -> None:
        self._watch = None
        now_ms = self._parts.clock.boot_ms()
        busy = [worker for worker in self._supervisor.workers.values() if worker.held]
        for worker in busy:
            current = worker.current
            if current is not None and worker.state is not WorkerState.GONE:
                self._check_cancels(worker)
                self._check_deadlines(worker, current, now_ms)
                try:
                    self._check_hang(worker, current, now_ms)
                except OSError as error:
                    # As without a file descriptor to spare: whether it hangs is not known.
                    self._suspicions.pop(worker.worker_id, None)
                    log.warning("a silent worker could not be looked at: %s", error)
                self._trim_log(worker)
        alive = {worker.worker_id for worker in busy}
        self._suspicions = {k: v for k, v in self._suspicions.items() if k in alive}
        self._untrimmed &= self._supervisor.workers.keys()
        if busy:
            self._watch = self._parts.later(self._next_look_ms(busy, now_ms), self._look)

    def _check_cancels(self, worker: WorkerProcess) -> None:
        """Carry out what an earlier daemon was asked for, and did not live to do."""
        if worker.link is None:
            return
        for token, held in tuple(worker.held.items()):
            if held.task.cancel_asked and token not in worker.kills:
                why = held.task.reason.partition(": ")[2] or "cancelled"
                self._stopper.stop(worker, token, KilledBy.CANCEL, why)

    def _trim_idle(self) -> None:
        for worker in self._supervisor.workers.values():
            if not worker.held:
                self._trim_log(worker)
        self._parts.later(IDLE_LOGS_MS, self._trim_idle)

    def _trim_log(self, worker: WorkerProcess) -> None:
        try:
            worker_log.trim(worker.log_path, self._parts.settings.log.worker_bytes_max)
        except OSError as error:
            # Told once; whoever looks after deadlines goes on with it.
            if worker.worker_id not in self._untrimmed:
                log.warning("a log cannot be cut: %s", error, extra={"path": worker.log_path})
            self._untrimmed.add(worker.worker_id)

    def _next_look_ms(self, busy: list[WorkerProcess], now_ms: int) -> float:
        """A second, or sooner when a deadline falls before."""
        wait_ms: float = WATCH_MS
        for worker in busy:
            limit_ms = timeout_ms(worker)
            if limit_ms is not None and worker.current is not None:
                left_ms = worker.begun_at_ms + limit_ms - now_ms
                if 0 < left_ms < wait_ms:
                    wait_ms = left_ms
        return wait_ms

    def _check_deadlines(self, worker: WorkerProcess, current: Held, now_ms: int) -> None:
        limit_ms = timeout_ms(worker)
        ran_ms = now_ms - worker.begun_at_ms
        if limit_ms is not None and ran_ms >= limit_ms:
            why = f"timed out: ran {ran_ms} ms of at most {limit_ms} ms"
            self._stopper.stop(worker, current.token, KilledBy.TIMEOUT, why)
            return
        quiet_max_ms = worker.settings.progress_timeout_ms
        quiet_ms = now_ms - max(worker.progress_at_ms, worker.begun_at_ms)
        if quiet_max_ms is not None and quiet_ms >= quiet_max_ms:
            why = f"no progress for {quiet_ms} ms (progress_timeout {quiet_max_ms} ms)"
            self._stopper.stop(worker, current.token, KilledBy.PROGRESS_TIMEOUT, why)

    def _check_hang(self, worker: WorkerProcess, current: Held, now_ms: int) -> None:
        """Silent and idle is hung; silent and busy (a held GIL, a long kernel) is not, nor is
        who would go on if it were given a processor, or if a disk answered.

        Who has not come back to us may only be kept from it, unless he is stopped.
        """
        silent_ms = now_ms - max(worker.heard_at_ms, worker.begun_at_ms)
        if silent_ms < worker.settings.hang_timeout_ms - WATCH_MS:
            self._suspicions.pop(worker.worker_id, None)
            return
        try:
            pids = process.group_members(worker.identity.pid, worker.worker_id)
            activity = read_activity(pids | {worker.identity.pid})
        except OSError:
            # Without a descriptor to look with nobody is called hung; deadlines go on meanwhile.
            self._suspicions.pop(worker.worker_id, None)
            return
        if worker.link is None and not activity.stopped:
            self._suspicions.pop(worker.worker_id, None)
            return
        before = self._suspicions.get(worker.worker_id)
        if (
            before is None
            or activity.moved_since(before.activity)
            or self._computes(worker, activity)
            or (silent_ms < KERNEL_MS_MAX and sleeps_in_kernel(worker.identity.pid))
        ):
            self._suspicions[worker.worker_id] = Suspicion(activity, now_ms)
            return
        if silent_ms >= worker.settings.hang_timeout_ms:
            why = (
                f"hung: no beat for {silent_ms} ms and no CPU or I/O for"
                f" {now_ms - before.at_ms} ms (state {activity.states})"
            )
            self._stopper.stop(worker, current.token, KilledBy.HANG, why)

    def _computes(self, worker: WorkerProcess, activity: Activity) -> bool:
        """Does its GPU work for it? Who is stopped will take nothing from it."""
        return not activity.stopped and self.gpu_at_work(worker.own_gpus)

    def _recall_windows(self) -> None:
        self._recall = None
        now_ms = self._parts.clock.boot_ms()
        several = [w for w in self._supervisor.workers.values() if len(w.held) > 1]
        for worker in several:
            if worker.current is None:
                continue  # what it is given in exchange would wait for the same failure
            if now_ms - worker.begun_at_ms >= RECALL_AFTER_MS and not worker.recalled:
                worker.recalled = True
                self._supervisor.recall(worker)
        if several:
            self._recall = self._parts.later(RECALL_AFTER_MS, self._recall_windows)

    # ── waiting and expiring tasks ───────────────────────────────────────────

    def settled(self, verdicts: list[Verdict]) -> None:
        """A task may now be waiting, or have an expiry to watch."""
        if any(v.task.state == "waiting" or v.task.expires_at_ms for v in verdicts):
            self.move_due()

    def move_due(self) -> None:
        """Wake waiting tasks whose time has come, bury expired ones, and note the next moment."""
        woken: set[str] = set()
        buried: list[Verdict] = []
        next_at_ms: list[int] = []

        def unit(tx: Transaction) -> None:
            now_ms = self._parts.clock.now_ms()
            woken.update(tasks.wake_waiting(tx, now_ms=now_ms, count_max=MOVES_MAX))
            failpoint("woken-in-unit")
            for task in tasks.overdue(tx, now_ms=now_ms, count_max=MOVES_MAX):
                verdict = bury_expired(task, now_ms=now_ms)
                settle(tx, verdict, now_ms=now_ms, error_id=None, result=None, output=None)
                failpoint("expired-in-unit")
                buried.append(verdict)
                # It may have stood before others, which could not be claimed for it.
                woken.add(task.function)
            moments = (tasks.next_wake_at_ms(tx), tasks.next_expiry_at_ms(tx))
            next_at_ms.extend(at_ms for at_ms in moments if at_ms is not None)

        def committed(_: None, error: BaseException | None) -> None:
            if error is not None:
                log.warning("waiting tasks could not be looked at: %s", error)
                next_at_ms[:] = [self._parts.clock.now_ms() + WATCH_MS]
            for verdict in buried if error is None else ():
                self._parts.events.task_moved(verdict.task)
            failpoint("moves-committed")
            if error is None and buried:
                self.on_buried(buried)
            for function in woken:
                self._dispatcher.due_now(function)
            self._arm_moves(min(next_at_ms, default=None))

        self._parts.store.post(unit, committed)

    def _arm_moves(self, at_ms: int | None) -> None:
        if self._moves is not None:
            self._moves.cancel()
            self._moves = None
        if at_ms is not None:
            # The wall clock can jump: look at least once a minute while something waits.
            wait_ms = min(max(at_ms - self._parts.clock.now_ms(), 0), WALL_WAIT_MS_MAX)
            self._moves = self._parts.later(wait_ms, self.move_due)

    # ── retention ────────────────────────────────────────────────────────────

    def _prune(self) -> None:
        keep = self._parts.settings.store
        now_ms = self._parts.clock.true_ms()

        def unit(tx: Transaction) -> prune.Pruned:
            until_ms = self._parts.clock.boot_ms() + PRUNE_MS_MAX
            return prune.prune_step(
                tx,
                done_before_ms=now_ms - keep.keep_done_ms,
                cancelled_before_ms=now_ms - keep.keep_cancelled_ms,
                incidents_before_ms=now_ms - keep.keep_incidents_ms,
                count_max=MOVES_MAX,
                places=self._pruned_to,
                enough=lambda: self._parts.clock.boot_ms() >= until_ms,
            )

        def committed(pruned: prune.Pruned | None, error: BaseException | None) -> None:
            if error is not None:
                log.warning("old tasks could not be removed: %s", error)
            failpoint("pruned")
            again = pruned is not None and pruned.more
            self._pruned_to = pruned.places if pruned is not None else {}
            self._parts.later(PRUNE_AGAIN_MS if again else PRUNE_EVERY_MS, self._prune)

        self._parts.store.post(unit, committed)


def timeout_ms(worker: WorkerProcess) -> int | None:
    """How long the current attempt may run: the task's own limit, else the function's."""
    current = worker.current
    if current is not None and current.task.timeout_ms is not None:
        return current.task.timeout_ms
    return worker.settings.timeout_ms


def _no_gpu(_: Collection[str]) -> bool:
    """Nobody can see GPUs."""
    return False


def _nobody(_: list[Verdict]) -> None:
    """Nobody has asked to hear of expired tasks yet."""
