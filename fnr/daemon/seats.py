"""GPUs for workers that keep them: given before the worker starts, taken back when it is gone.

A worker that has nothing to do makes room for a function that has; one that is busy does so after
its attempt, when another function's task has waited long enough.
"""

from __future__ import annotations

from fnr.daemon.admission import LOOKS, Resources
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.free import Free
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.failpoint import failpoint
from fnr.policy.admission import Grant, Refusal, Until, large_enough
from fnr.policy.gpu import unfit
from fnr.store import allocations
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

STORE_RETRY_MS = 1_000
# While work runs, GPUs are read every five seconds.
KNOWN_FOR_MS = 10_000


class Seats:
    """Owns the moment between "a worker is wanted" and "it starts on these GPUs"."""

    def __init__(
        self,
        parts: Parts,
        dispatcher: Dispatcher,
        supervisor: Supervisor,
        free: Free,
        resources: Resources,
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._free = free
        self._resources = resources
        supervisor.take_seat = self.take_seat
        resources.seat_problem = self.problem
        resources.make_room = self.make_room
        free.makes_room = self.is_idle

    def take_seat(self, pool: Pool) -> None:
        """Give a worker-to-be its GPUs, then start it; or let the function wait for them."""
        refusal = self._resources.unchanged(pool)
        if refusal is not None:
            self._resources.show(pool, refusal)
            return
        pool.seating = True
        self._resources.looking(pool)
        self._parts.start(self._take_seat(pool), what=f"GPU for a worker of {pool.name}")

    async def _take_seat(self, pool: Pool) -> None:
        worker_id = self._parts.ulids.new()

        def unit(tx: Transaction) -> Grant | Refusal:
            found = self._resources.decide(tx, pool, gpu=True, host=False)
            if isinstance(found, Grant):
                allocations.grant(
                    tx,
                    found.shares,
                    owner=worker_id,
                    worker_id=worker_id,
                    function=pool.name,
                    now_ms=self._parts.clock.now_ms(),
                )
                failpoint("seat-in-unit")
            return found

        found: Grant | Refusal
        try:
            unseen = await self._free.look(pool.settings.needs)
            if unseen and not self._free.gpus.report.missing:
                found = Refusal(why=f"needs a GPU; {unseen}", until=Until.READING)
            else:
                found = await self._parts.store.write(unit)
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("no GPU could be given to a worker of %s: %s", pool.name, error)
            # A COMMIT that reported an error may be on disk all the same.
            self._parts.later(STORE_RETRY_MS, lambda: self._give_back(pool, worker_id))
            return
        finally:
            pool.seating = False
            pool.holds.pop(self._resources.name, None)
        if isinstance(found, Refusal):
            self._resources.refused(pool, found)
            return
        failpoint("seat-committed")
        self._resources.granted(pool)
        wanted = pool.wants_worker() and self._parts.dispatching
        if not wanted or not self._supervisor.start_on(pool, worker_id=worker_id, gpus=found.gpus):
            self._give_back(pool, worker_id)
            return
        self._supervisor.tend(pool)

    def _give_back(self, pool: Pool, worker_id: str) -> None:
        """Nobody sits there: take it back, however long the store needs for it."""

        def committed(_: int | None, error: BaseException | None) -> None:
            if error is not None:
                self._parts.later(STORE_RETRY_MS, lambda: self._give_back(pool, worker_id))
            else:
                self._resources.released()
                self._dispatcher.due_now(pool.name)

        self._parts.store.post(lambda tx: allocations.release(tx, worker_id), committed)

    def problem(self, tx: Transaction, pool: Pool, worker: WorkerProcess) -> str:
        """Why a worker that keeps its GPU may not be given more; it may have to go."""
        if not worker.gpus:
            return self._send_away(pool, worker, "it was started without a GPU", respawn=True)
        if not self._free.gpus.young(KNOWN_FOR_MS):
            self._resources.look_for(pool)
            return self._resources.known(pool) or LOOKS
        report = self._free.gpus.report
        if report.missing:
            why = f"its GPU cannot be seen: {report.missing}"
            self._resources.note(pool, Refusal(why=why, until=Until.READING))
            return why
        ill = [
            f"GPU {g.place}: {why}"
            for g in report.gpus
            if g.uuid in worker.gpus and (why := unfit(g))
        ]
        if ill or not {gpu.uuid for gpu in report.gpus}.issuperset(worker.gpus):
            why = "; ".join(ill) or "its GPU is gone"
            return self._send_away(pool, worker, why, respawn=True)
        turns = self._resources.turns
        if rivals := turns.before(tx, pool, gpu=True, host=False, uuids=worker.gpus):
            return self._send_away(pool, worker, f"{rivals[0]} needs its GPU", respawn=False)
        return ""

    def _send_away(self, pool: Pool, worker: WorkerProcess, why: str, *, respawn: bool) -> str:
        def go() -> None:
            if worker.state is not WorkerState.LEAVING:
                self._supervisor.dismiss(worker, why, respawn=respawn)

        self._parts.loop.call_soon(go)
        # Without a worker nobody else asks again for the function, and what holds it back stays.
        self._resources.note(pool, Refusal(why=why, until=Until.READING))
        return why

    def make_room(self, pool: Pool) -> None:
        """A worker of another function that keeps a GPU and has nothing to do makes room."""
        if not pool.settings.needs.on_gpu or pool.next_due_at_ms != 0:
            return
        if self._resources.turns.held_otherwise(pool):
            return
        of_use = large_enough(pool.settings.needs, self._free.gpus.report.gpus)
        uuids = {gpu.uuid for gpu in of_use}
        idle = [
            worker
            for worker in self._supervisor.workers.values()
            if uuids.intersection(worker.gpus)
            and worker.idle
            and worker.function != pool.name
            and self._has_nothing_to_start(worker.function)
        ]
        idle.sort(key=lambda worker: worker.idle_at_ms)
        workers = self._supervisor.workers.values()
        coming = sum(w.state is WorkerState.LEAVING for w in workers if w.gpus)
        for worker in idle[: max(0, max(1, pool.settings.needs.gpus) - coming)]:
            self._supervisor.dismiss(worker, f"{pool.name} needs its GPU", respawn=False)

    def is_idle(self, worker_id: str) -> bool:
        """Does it keep a GPU with nothing to do? Its own function starts there at once."""
        worker = self._supervisor.workers.get(worker_id)
        return worker is not None and worker.idle

    def _has_nothing_to_start(self, function: str) -> bool:
        """Nothing of it is due, or what is may not start and waits for something else."""
        pool = self._dispatcher.pools.get(function)
        if pool is not None and self._resources.turns.held_otherwise(pool):
            return True
        due_at_ms = pool.next_due_at_ms if pool else None
        return due_at_ms is None or due_at_ms > self._parts.clock.now_ms()
