"""Whose turn it is when several functions wait for the same of the host."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.free import Free
from fnr.daemon.held import Held
from fnr.daemon.parts import Parts
from fnr.daemon.pool import Pool
from fnr.policy import admission
from fnr.policy.admission import Grant, Refusal, Supply
from fnr.policy.needs import Needs
from fnr.store import allocations, waits
from fnr.store.connection import Transaction

# So long another function may keep a GPU, or be served before, although our task is older.
TURN_MS = 60_000


class Turns:
    """Reads who is held back; `gate`: whose hold on a pool is not one that something else has."""

    def __init__(
        self, parts: Parts, dispatcher: Dispatcher, free: Free, held: Mapping[str, Held], gate: str
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._free = free
        self._held = held
        self._gate = gate

    def before(
        self,
        tx: Transaction,
        pool: Pool,
        *,
        gpu: bool,
        host: bool,
        uuids: Collection[str] | None = None,
    ) -> list[str]:
        """Other functions that wait for something it wants, and whose turn it is.

        gpu, host: which part of what it wants. uuids: the GPUs that it is about; None: any.

        Their task must be more urgent; or be older, and have waited for long or be able to start
        now. A worker that keeps its GPU is replaced only for one that has waited for long, because
        loading costs time.
        """
        boot_ms = self._parts.clock.boot_ms()
        rivals = [
            (name, held)
            for name, held in self._held.items()
            if name != pool.name
            and held.contends(boot_ms)
            and self._want_the_same(pool.settings.needs, held.needs, gpu, host, uuids)
            and self._could_start(name)
        ]
        return [name for name, held in rivals if self._is_first(tx, name, held, pool)]

    def beside(
        self, needs: Needs, supply: Supply, firsts: Sequence[str], *, host: bool
    ) -> Supply | None:
        """What nobody of those who are first could ever be given; None: nothing of use."""
        theirs = [self._held[name].needs for name in firsts]
        if host and any(self._of_host(needs) & self._of_host(one) for one in theirs):
            return None
        wanted = {gpu.uuid for one in theirs for gpu in admission.large_enough(one, supply.gpus)}
        left = tuple(gpu for gpu in supply.gpus if gpu.uuid not in wanted)
        return replace(supply, gpus=left) if left else None

    def fits(self, tx: Transaction, needs: Needs, *, gpu: bool, host: bool) -> Grant | Refusal:
        """What these needs would be given now if nobody else were first."""
        return admission.admit(
            needs,
            self._free.supply(needs),
            allocations.all_given(tx),
            now_ms=self._parts.clock.now_ms(),
            gpu=gpu,
            host=host,
        )

    def held_otherwise(self, pool: Pool) -> bool:
        """May nothing of it start, whatever is free?"""
        return pool.paused or bool(pool.holds.keys() - {self._gate})

    def _is_first(self, tx: Transaction, name: str, held: Held, pool: Pool) -> bool:
        now_ms = self._parts.clock.now_ms()
        theirs = waits.most_urgent(tx, name, now_ms=now_ms)
        if theirs is None:
            return False
        ours = None
        if not self.held_otherwise(pool):
            ours = waits.most_urgent(tx, pool.name, now_ms=now_ms)
        if ours is None or theirs.priority > ours.priority:
            return True
        if theirs.priority < ours.priority or theirs.task_id > ours.task_id:
            return False
        if self._parts.clock.boot_ms() - held.since_ms >= TURN_MS:
            return True
        if pool.keeps_gpus:
            return False
        return isinstance(self.fits(tx, held.needs, gpu=True, host=True), Grant)

    def _could_start(self, function: str) -> bool:
        """Is it only for want of resources that nothing more of it starts?"""
        pool = self._dispatcher.pools.get(function)
        if pool is None or pool.removed or pool.problem or self.held_otherwise(pool):
            return False
        return pool.filled < pool.settings.workers_max or bool(pool.takers())

    def _want_the_same(
        self, ours: Needs, theirs: Needs, gpu: bool, host: bool, uuids: Collection[str] | None
    ) -> bool:
        if host and self._of_host(ours) & self._of_host(theirs):
            return True
        if not (gpu and ours.on_gpu and theirs.on_gpu):
            return False
        known = self._free.gpus.report.gpus
        return uuids is None or any(g.uuid in uuids for g in admission.large_enough(theirs, known))

    def _of_host(self, needs: Needs) -> set[str]:
        """What a function competes for but GPUs."""
        found = {"memory"} if needs.memory_mib else set()
        found |= {"cpus"} if needs.cpus else set()
        return found | (
            {f"disk:{self._free.mount_of(needs.disk_path)}"} if needs.disk_mib else set()
        )
