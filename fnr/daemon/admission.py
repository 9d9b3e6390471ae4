"""Give attempts and workers what they need of the host, or say why they have to wait.

What was given is rows, and only rows: read, decided on and written in one unit, so that nothing is
given twice whatever is rolled back. A Python worker is given its GPU before it starts and keeps it,
because what it has loaded stays there; everything else is given to each attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.free import Free
from fnr.daemon.gates import Admission
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.failpoint import failpoint
from fnr.policy import admission
from fnr.policy.admission import Allocation, Grant, Refusal, Until
from fnr.policy.gpu import unfit
from fnr.policy.needs import Needs
from fnr.policy.task import Claim
from fnr.policy.verdict import Verdict
from fnr.store import allocations, waits
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

# So long another function may keep a GPU, or be served before, although our task is older.
TURN_MS = 60_000
ASK_AGAIN_MS = 400
STORE_RETRY_MS = 1_000
LOOKS = "is looking what is free"


@dataclass(slots=True, kw_only=True)
class Held:
    """A function that gets nothing now; since and asked are on the boot clock."""

    needs: Needs
    refusal: Refusal
    since_ms: int
    asked_ms: int
    released: int


class Resources:
    """The gate of everything that is counted."""

    name = "resources"

    def __init__(
        self, parts: Parts, dispatcher: Dispatcher, supervisor: Supervisor, free: Free
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._free = free
        self._held: dict[str, Held] = {}
        self._grants: dict[str, Grant] = {}
        # Functions that were given something since the daemon began: only these have to be heard
        # of when an attempt ends. Never shrinks, so that a rolled back unit cannot make it wrong.
        self._given_to: set[str] = set()
        self._releases = 0
        self._heard_of = 0
        self.on_held: Callable[[], None] = _nobody_looks
        supervisor.take_seat = self.take_seat
        supervisor.on_buried = self._buried

    # ── a gate's questions ───────────────────────────────────────────────────

    def concerns(self, pool: Pool) -> bool:
        """Does it need anything, or has it been given anything?"""
        needs = pool.settings.needs
        return needs.on_gpu or needs.on_host or pool.name in self._given_to

    def admit(self, tx: Transaction, pool: Pool, worker: WorkerProcess, places: int) -> Admission:
        """One attempt, if there is enough for it; as many as fit where nothing is per attempt."""
        needs = pool.settings.needs
        if pool.keeps_gpus and (why := self._seat_problem(tx, pool, worker)):
            return Admission(places=0, why=why)
        gpu = needs.on_gpu and not pool.keeps_gpus
        if not (gpu or needs.on_host):
            return Admission(places=places)
        if not self._free.knows(needs, gpu=gpu):
            self._look(pool)
            return Admission(places=0, why=LOOKS)
        found = self._decide(tx, pool, gpu=gpu, host=True)
        if isinstance(found, Refusal):
            self._refused(pool, found)
            return Admission(places=0, why=found.why)
        self._held.pop(pool.name, None)
        self._grants[worker.worker_id] = found
        return Admission(places=1)

    def claimed(
        self, tx: Transaction, pool: Pool, worker: WorkerProcess, claims: list[Claim]
    ) -> None:
        """Put what the attempt was given on record, and tell the attempt its GPUs."""
        grant = self._grants.pop(worker.worker_id, None)
        if grant is None:
            return
        assert len(claims) == 1, claims
        self._given_to.add(pool.name)
        allocations.grant(
            tx,
            grant.shares,
            owner=claims[0].token,
            worker_id=worker.worker_id,
            function=pool.name,
            now_ms=self._parts.clock.now_ms(),
        )
        failpoint("allocated-in-unit")
        if grant.gpus:
            claims[0] = replace(claims[0], gpus=grant.gpus)

    def ended(self, tx: Transaction, pool: Pool, verdict: Verdict) -> None:  # noqa: ARG002 - a gate's question
        """Take back what the attempt was given."""
        if verdict.token is not None and allocations.release(tx, verdict.token):
            failpoint("released-in-unit")
            self._releases += 1

    # ── moments ──────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Take back what nobody has any more, and learn which worker keeps which GPU."""

        def unit(tx: Transaction) -> tuple[int, list[Allocation]]:
            return allocations.reconcile(tx), allocations.all_given(tx)

        count, given = await self._parts.store.write(unit)
        if count:
            log.info("allocations of attempts and workers that are gone were released: %s", count)
        self._given_to |= {one.function for one in given}
        for one in given:
            worker = self._supervisor.workers.get(one.owner)
            if worker is not None:
                worker.gpus = (*worker.gpus, one.device)

    def settled(self) -> None:
        """After a commit: if something was given back, ask for those who wait."""
        if self._releases != self._heard_of:
            self._heard_of = self._releases
            self.ask_again()

    def wants_a_look(self) -> bool:
        """Does anybody wait for a reading to change, or for a worker to have nothing to do?"""
        return any(
            one.refusal.until is Until.READING
            or (one.refusal.until is Until.RELEASE and one.needs.on_gpu)
            for one in self._held.values()
        )

    async def look(self) -> None:
        """Look again for whoever waits for a reading to change; make idle workers yield."""
        again = False
        for name, held in tuple(self._held.items()):
            pool = self._dispatcher.pools.get(name)
            if pool is None or pool.settings.needs != held.needs:
                self._held.pop(name, None)
            elif held.refusal.until is Until.READING:
                again = True
                await self._free.look(held.needs)
            elif held.refusal.until is Until.RELEASE and held.needs.on_gpu:
                self._ask_to_yield(pool)
        if again:
            self.ask_again()

    def ask_again(self) -> None:
        """Ask for every function that is held, the most urgent task first."""
        names = [name for name in self._held if name in self._dispatcher.pools]
        order: list[tuple[int, str, str]] = []

        def unit(tx: Transaction) -> None:
            order.clear()
            now_ms = self._parts.clock.now_ms()
            for name in names:
                first = waits.most_urgent(tx, name, now_ms=now_ms)
                if first is not None:
                    order.append((-first.priority, first.task_id, name))

        def committed(_: None, error: BaseException | None) -> None:
            idle = [name for name in names if name not in {name for *_, name in order}]
            for name in [*(name for *_, name in sorted(order)), *idle]:
                pool = self._dispatcher.pools.get(name)
                if pool is not None and error is None:
                    # What holds it back is about to be found out anew.
                    pool.holds.pop(self.name, None)
                    self._dispatcher.due_now(name)

        if names:
            self._parts.store.post(unit, committed)

    def warning(self, pool: Pool | None) -> str:
        """Why tasks of this function can never start on this host; "" when they can."""
        if pool is None or not self.concerns(pool):
            return ""
        held = self._held.get(pool.name)
        if held is not None and held.needs == pool.settings.needs:
            return held.refusal.why if held.refusal.until is Until.NEVER else ""
        needs, now_ms = pool.settings.needs, self._parts.clock.now_ms()
        found = admission.admit(needs, self._free.supply(needs), (), now_ms=now_ms)
        never = isinstance(found, Refusal) and found.until is Until.NEVER
        return found.why if never and isinstance(found, Refusal) else ""

    # ── workers that keep a GPU ──────────────────────────────────────────────

    def take_seat(self, pool: Pool) -> None:
        """Give a worker-to-be its GPUs, then start it; or let the function wait for them."""
        held = self._held.get(pool.name)
        if held is not None and held.needs == pool.settings.needs:
            unchanged = held.released == self._releases
            recent = self._parts.clock.boot_ms() - held.asked_ms < ASK_AGAIN_MS
            if unchanged and (recent or held.refusal.until is not Until.READING):
                self._show(pool, held.refusal)
                return
        pool.seating = True
        self._parts.start(self._take_seat(pool), what=f"GPU for a worker of {pool.name}")

    async def _take_seat(self, pool: Pool) -> None:
        worker_id = self._parts.ulids.new()

        def unit(tx: Transaction) -> Grant | Refusal:
            found = self._decide(tx, pool, gpu=True, host=False)
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

        try:
            await self._free.look(pool.settings.needs)
            found = await self._parts.store.write(unit)
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("no GPU could be given to a worker of %s: %s", pool.name, error)
            self._parts.later(STORE_RETRY_MS, lambda: self._dispatcher.due_now(pool.name))
            return
        finally:
            pool.seating = False
        if isinstance(found, Refusal):
            self._refused(pool, found)
            return
        failpoint("seat-committed")
        self._held.pop(pool.name, None)
        pool.holds.pop(self.name, None)
        self._given_to.add(pool.name)
        wanted = pool.wants_worker() and self._parts.dispatching
        if not wanted or not self._supervisor.start_on(pool, worker_id=worker_id, gpus=found.gpus):
            await self._parts.store.write(lambda tx: allocations.release(tx, worker_id))
            self._released()
            return
        self._supervisor.tend(pool)

    def _seat_problem(self, tx: Transaction, pool: Pool, worker: WorkerProcess) -> str:
        """Why a worker that keeps its GPU may not be given more; it may have to go."""
        report = self._free.gpus.report
        if not worker.gpus:
            return self._send_away(worker, "it was started without a GPU", respawn=True)
        if report.missing:
            why = f"its GPU cannot be seen: {report.missing}"
            self._note(pool, Refusal(why=why, until=Until.READING))
            return why
        ill = [
            f"GPU {g.index}: {why}"
            for g in report.gpus
            if g.uuid in worker.gpus and (why := unfit(g))
        ]
        if ill or not {gpu.uuid for gpu in report.gpus}.issuperset(worker.gpus):
            return self._send_away(worker, "; ".join(ill) or "its GPU is gone", respawn=True)
        rival = self._rival(tx, pool)
        if rival:
            return self._send_away(worker, f"{rival} needs its GPU", respawn=False)
        return ""

    def _send_away(self, worker: WorkerProcess, why: str, *, respawn: bool) -> str:
        def go() -> None:
            if worker.state is not WorkerState.LEAVING:
                self._supervisor.dismiss(worker, why, respawn=respawn)

        self._parts.loop.call_soon(go)
        return why

    def _ask_to_yield(self, pool: Pool) -> None:
        """A worker of another function that keeps a GPU and has nothing to do makes room."""
        if not pool.settings.needs.on_gpu or pool.next_due_at_ms != 0:
            return
        idle = [
            worker
            for worker in self._supervisor.workers.values()
            if worker.gpus
            and worker.idle
            and worker.function != pool.name
            and self._has_nothing_due(worker.function)
        ]
        idle.sort(key=lambda worker: worker.idle_at_ms)
        for worker in idle[: max(1, pool.settings.needs.gpus)]:
            self._supervisor.dismiss(worker, f"{pool.name} needs its GPU", respawn=False)

    def _has_nothing_due(self, function: str) -> bool:
        pool = self._dispatcher.pools.get(function)
        due_at_ms = pool.next_due_at_ms if pool else None
        return due_at_ms is None or due_at_ms > self._parts.clock.now_ms()

    def _buried(self, worker: WorkerProcess) -> None:
        if worker.gpus or worker.function in self._given_to:
            self._released()

    def _released(self) -> None:
        self._releases += 1
        self.settled()

    # ── deciding ─────────────────────────────────────────────────────────────

    def _decide(self, tx: Transaction, pool: Pool, *, gpu: bool, host: bool) -> Grant | Refusal:
        rival = self._rival(tx, pool)
        if rival:
            why = f"{rival} waits for the same, and is first"
            return Refusal(why=why, until=Until.READING)
        return self._fits(tx, pool.settings.needs, gpu=gpu, host=host)

    def _fits(self, tx: Transaction, needs: Needs, *, gpu: bool, host: bool) -> Grant | Refusal:
        return admission.admit(
            needs,
            self._free.supply(needs),
            allocations.all_given(tx),
            now_ms=self._parts.clock.now_ms(),
            gpu=gpu,
            host=host,
        )

    def _rival(self, tx: Transaction, pool: Pool) -> str:
        """Another function that waits for something we want, and whose turn it is.

        Its task must be more urgent; or be older, and have waited for long or be able to start
        now. A worker that keeps its GPU is replaced only for one that has waited for long, because
        loading costs time.
        """
        kinds = _kinds(pool.settings.needs)
        rivals = [
            (name, held)
            for name, held in self._held.items()
            if name != pool.name
            and held.refusal.until is Until.RELEASE
            and _kinds(held.needs) & kinds
            and self._could_start(name)
        ]
        if not rivals:
            return ""
        now_ms, boot_ms = self._parts.clock.now_ms(), self._parts.clock.boot_ms()
        ours = waits.most_urgent(tx, pool.name, now_ms=now_ms)
        for name, held in rivals:
            theirs = waits.most_urgent(tx, name, now_ms=now_ms)
            if theirs is None:
                continue
            if ours is None or theirs.priority > ours.priority:
                return name
            if theirs.priority < ours.priority or theirs.task_id > ours.task_id:
                continue
            if boot_ms - held.since_ms >= TURN_MS:
                return name
            if pool.keeps_gpus:
                continue
            if isinstance(self._fits(tx, held.needs, gpu=True, host=True), Grant):
                return name
        return ""

    def _could_start(self, function: str) -> bool:
        """Is it only for want of resources that nothing more of it starts?"""
        pool = self._dispatcher.pools.get(function)
        if pool is None or pool.paused or pool.removed or pool.problem:
            return False
        others = pool.holds.keys() - {self.name}
        room = len(pool.staying) < pool.settings.workers_max or bool(pool.takers())
        return room and not others

    def _refused(self, pool: Pool, refusal: Refusal) -> None:
        self._note(pool, refusal)
        self._show(pool, refusal)
        if pool.next_due_at_ms == 0 and refusal.until is Until.RELEASE:
            self._ask_to_yield(pool)

    def _show(self, pool: Pool, refusal: Refusal) -> None:
        if pool.next_due_at_ms == 0:
            pool.holds[self.name] = refusal.why

    def _note(self, pool: Pool, refusal: Refusal) -> None:
        now_ms = self._parts.clock.boot_ms()
        before = self._held.get(pool.name)
        self._held[pool.name] = Held(
            needs=pool.settings.needs,
            refusal=refusal,
            since_ms=before.since_ms if before else now_ms,
            asked_ms=now_ms,
            released=self._releases,
        )
        self.on_held()

    def _look(self, pool: Pool) -> None:
        """Read what is free, then ask again."""

        async def look() -> None:
            await self._free.look(pool.settings.needs)
            self._dispatcher.due_now(pool.name)

        self._parts.start(look(), what=f"reading what is free for {pool.name}")


def _nobody_looks() -> None:
    """Nobody takes readings for those who wait yet."""


def _kinds(needs: Needs) -> set[str]:
    """What a function competes for."""
    found = {"gpu"} if needs.on_gpu else set()
    found |= {"memory"} if needs.memory_mib else set()
    found |= {"cpus"} if needs.cpus else set()
    return found | ({"disk"} if needs.disk_mib else set())
