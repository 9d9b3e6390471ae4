"""Give attempts and workers what they need of the host, or say why they have to wait.

What was given is rows, and only rows: read, decided on and written in one unit, so that nothing is
given twice whatever is rolled back. A Python worker is given its GPU before it starts and keeps it,
because what it has loaded stays there; everything else is given to each attempt.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.first_writes import written
from fnr.daemon.free import Free
from fnr.daemon.gates import Admission
from fnr.daemon.held import Held, held_again
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.turns import Turns
from fnr.daemon.worker_process import WorkerProcess
from fnr.host.failpoint import failpoint
from fnr.policy import admission
from fnr.policy.admission import Allocation, Grant, Refusal, Until
from fnr.policy.task import Claim
from fnr.policy.verdict import Verdict
from fnr.store import allocations, waits
from fnr.store.connection import Transaction

ASK_AGAIN_MS = 400
# A host may get a GPU, a larger disk or a looser limit while fnr runs; nobody says so.
HOST_CHANGES_MS = 2_000
LOOKS = "is looking what is free"


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
        self.turns = Turns(parts, dispatcher, free, self._held, self.name)
        self._grants: dict[str, Grant] = {}
        # Functions that were given something since the daemon began: only these have to be heard
        # of when an attempt ends. Never shrinks, so that a rolled back unit cannot make it wrong.
        self._given_to: set[str] = set()
        self._looking_for: set[str] = set()
        self._releases = 0
        self._heard_of = 0
        self.on_held: Callable[[], None] = _nobody_looks
        # Set by who gives GPUs to workers: may this one be given more, and can another make room?
        self.seat_problem: Callable[[Transaction, Pool, WorkerProcess], str] = _no_problem
        self.make_room: Callable[[Pool], None] = _no_room
        supervisor.on_buried = self.buried

    # ── a gate's questions ───────────────────────────────────────────────────

    def concerns(self, pool: Pool) -> bool:
        """Does it need anything, or has it been given anything?"""
        return pool.settings.is_counted or pool.name in self._given_to

    def admit(self, tx: Transaction, pool: Pool, worker: WorkerProcess, places: int) -> Admission:
        """One attempt, if there is enough for it; as many as fit where nothing is per attempt."""
        needs = pool.settings.needs
        if pool.keeps_gpus and (why := self.seat_problem(tx, pool, worker)):
            return Admission(places=0, why=why)
        gpu = needs.on_gpu and not pool.keeps_gpus
        if not (gpu or needs.on_host):
            return Admission(places=places)
        if not self._free.knows(needs, gpu=gpu):
            self.look_for(pool)
            return Admission(places=0, why=self.known(pool) or LOOKS)
        found = self.decide(tx, pool, gpu=gpu, host=True)
        if isinstance(found, Refusal):
            now_ms = self._parts.clock.now_ms()
            if waits.most_urgent(tx, pool.name, now_ms=now_ms) is None:
                # Nothing is due: let the claim find that out.
                self._held.pop(pool.name, None)
                return Admission(places=places)
            self.refused(pool, found)
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

        count, given = await written(self._parts, unit)
        if count:
            log.info("allocations of attempts and workers that are gone were released: %s", count)
        for pool in self._dispatcher.pools.values():
            if pool.settings.needs.on_gpu:
                # So that whoever submits hears at once that there is none.
                self.look_for(pool)
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
            one.refusal.until is not Until.RELEASE or one.needs.on_gpu
            for one in self._held.values()
        )

    async def look(self) -> None:
        """Look again for whoever waits for a reading to change; make idle workers yield."""
        again = False
        now_ms = self._parts.clock.boot_ms()
        for name, held in tuple(self._held.items()):
            pool = self._dispatcher.pools.get(name)
            if pool is None or pool.settings.needs != held.needs:
                self._held.pop(name, None)
            elif held.refusal.until is Until.RELEASE:
                if held.needs.on_gpu:
                    held.room_ms = now_ms
                    self.make_room(pool)
            elif held.refusal.until is not Until.NEVER or now_ms - held.asked_ms >= HOST_CHANGES_MS:
                again = True
                await self._free.look(held.needs)
        if again:
            self.ask_again()

    def buried(self, worker: WorkerProcess) -> None:
        """A worker's end is on record, and with it that it gave back what it kept."""
        if worker.gpus or worker.function in self._given_to:
            self.released()

    def released(self) -> None:
        """Something was given back in a unit that is committed."""
        self._releases += 1
        self.settled()

    def unchanged(self, pool: Pool) -> Refusal | None:
        """The last refusal, if asking again now would only repeat it."""
        held = self._held.get(pool.name)
        if held is None or held.needs != pool.settings.needs or held.released != self._releases:
            return None
        recent = self._parts.clock.boot_ms() - held.asked_ms < ASK_AGAIN_MS
        return held.refusal if recent or held.refusal.until is Until.RELEASE else None

    def granted(self, pool: Pool) -> None:
        """It holds a function back no longer."""
        self._held.pop(pool.name, None)
        self._given_to.add(pool.name)
        pool.holds.pop(self.name, None)

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
            if error is not None:
                return
            idle = [name for name in names if name not in {name for *_, name in order}]
            for name in idle:
                # Nothing is due: who wants a worker all the same is refused, and held, anew.
                self._held.pop(name, None)
            for name in [*(name for *_, name in sorted(order)), *idle]:
                pool = self._dispatcher.pools.get(name)
                if pool is not None:
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

    def warning_at_submit(self, pool: Pool | None) -> str:
        """Why a task of this function will not start before somebody does something; "" if it may.

        A driver may be loaded later, so without one it waits; but not for anything that passes.
        """
        if pool is None or not pool.settings.is_counted:
            return ""
        if never := self.warning(pool):
            return never
        unseen = self._free.gpus.unseen if pool.settings.needs.on_gpu else ""
        return f"it needs a GPU and none can be seen: {unseen}" if unseen else ""

    # ── deciding ─────────────────────────────────────────────────────────────

    def decide(self, tx: Transaction, pool: Pool, *, gpu: bool, host: bool) -> Grant | Refusal:
        """What one more attempt or worker of a function is given, or why it gets nothing."""
        firsts = self.turns.before(tx, pool, gpu=gpu, host=host)
        needs = pool.settings.needs
        if not firsts:
            return self.turns.fits(tx, needs, gpu=gpu, host=host)
        supply = self.turns.beside(needs, self._free.supply(needs), firsts, host=host)
        if supply is not None:
            given, now_ms = allocations.all_given(tx), self._parts.clock.now_ms()
            found = admission.admit(needs, supply, given, now_ms=now_ms, gpu=gpu, host=host)
            if isinstance(found, Grant):
                return found
            if found.until is not Until.NEVER:
                # Also when those who are first wait no longer, and nobody says so.
                return replace(found, until=Until.READING)
        return Refusal(why=f"{firsts[0]} waits for the same, and is first", until=Until.TURN)

    def refused(self, pool: Pool, refusal: Refusal) -> None:
        """A function gets nothing now: note it, show it, and see who could make room."""
        held = self.note(pool, refusal)
        self.show(pool, refusal)
        if pool.next_due_at_ms == 0 and held.wants_room(held.asked_ms):
            held.room_ms = held.asked_ms
            self.make_room(pool)

    def known(self, pool: Pool) -> str:
        """What held it back when it was last asked for: a driver that hangs is asked for long."""
        held = self._held.get(pool.name)
        return held.refusal.why if held else ""

    def looking(self, pool: Pool) -> None:
        """Show that until more is known."""
        if held := self._held.get(pool.name):
            self.show(pool, held.refusal)

    def show(self, pool: Pool, refusal: Refusal) -> None:
        """Let `fnr status` say why due tasks do not start."""
        if pool.next_due_at_ms == 0:
            pool.holds[self.name] = refusal.why

    def note(self, pool: Pool, refusal: Refusal) -> Held:
        """Ask again for this function when that may help."""
        held = self._held[pool.name] = held_again(
            self._held.get(pool.name),
            refusal,
            needs=pool.settings.needs,
            now_ms=self._parts.clock.boot_ms(),
            released=self._releases,
        )
        self.on_held()
        return held

    def look_for(self, pool: Pool) -> None:
        """Read what is free, then ask again for this function."""
        if pool.name in self._looking_for:
            return
        self._looking_for.add(pool.name)

        async def look() -> None:
            try:
                await self._free.look(pool.settings.needs)
            finally:
                self._looking_for.discard(pool.name)
            self._dispatcher.due_now(pool.name)

        self._parts.start(look(), what=f"reading what is free for {pool.name}")


def _no_problem(_tx: Transaction, _pool: Pool, _worker: WorkerProcess) -> str:
    return ""


def _no_room(_: Pool) -> None:
    """No worker keeps anything."""


def _nobody_looks() -> None:
    """Nobody takes readings for those who wait yet."""
