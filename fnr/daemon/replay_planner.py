"""Freeze the set of a replay while the daemon goes on working: one bounded step after the other."""

from __future__ import annotations

import asyncio
from functools import partial

from msgspec.structs import replace

from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.host.failpoint import failpoint
from fnr.policy.replay import ReplayPlan, ReplayState, begun_state, moved
from fnr.store import replay_planning, replay_plans
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.replay_planning import Place, Search

# Every other writer waits for a step. Steps of 4 ms made those wait half as long, and a million
# letters take twice as long: most of it went into what each step costs.
STEP_MS = 15.0
STEP_ROWS_MIN = 50
STEP_ROWS_MAX = 4_000
STEP_ROWS = 200
RETRY_S = 1.0


class Planner:
    """Chooses the letters of one plan."""

    def __init__(self, parts: Parts, reader: Reader, *, seq: int) -> None:
        self._parts = parts
        self._reader = reader
        self._seq = seq
        self._rows = STEP_ROWS

    async def freeze(self, plan: ReplayPlan) -> ReplayPlan | None:
        """The plan with its set whole; None when somebody has paused or cancelled it meanwhile."""
        search = await self._reader.read(
            partial(replay_planning.search_for, where=plan.where, now_ms=plan.created_at_ms)
        )
        place: Place | None = Place()
        while place is not None:
            if not self._parts.dispatching:
                return None
            try:
                place = await self._step(plan, search, place)
            except (StoreBusy, StoreFull, StoreIll) as error:
                log.warning("a replay could not be planned further yet: %s", error)
                await asyncio.sleep(RETRY_S)
        return await self.frozen()

    async def frozen(self) -> ReplayPlan | None:
        """Every letter is written down: the plan begins."""

        def unit(tx: Transaction) -> ReplayPlan | None:
            stored = replay_plans.get(tx, self._seq)
            if stored is None or stored.plan.state is not ReplayState.PLANNING:
                return None
            now_ms = self._parts.clock.now_ms()
            plan = replace(stored.plan, frozen_at_ms=now_ms)
            why = f"{plan.total} letters"
            after = moved(plan, begun_state(plan), by="fnr", why=why, now_ms=now_ms)
            assert not isinstance(after, str), plan
            replay_plans.save(tx, self._seq, after)
            failpoint("replay-frozen-in-unit")
            return after

        return await self._parts.store.write(unit)

    async def _step(self, plan: ReplayPlan, search: Search, place: Place) -> Place | None:
        rows, loop = self._rows, self._parts.loop

        def unit(tx: Transaction) -> tuple[Place | None, float]:
            stored = replay_plans.get(tx, self._seq)
            if stored is None or stored.plan.state is not ReplayState.PLANNING:
                return None, STEP_MS
            from_s = loop.time()
            after = replay_planning.freeze_some(
                tx, self._seq, plan.options, search, place, rows_max=rows
            )
            failpoint("replay-planned-in-unit")
            return after, (loop.time() - from_s) * 1_000

        # In the commit thread: the loop goes on while SQLite works.
        after, took_ms = await self._parts.store.write(unit, heavy=True)
        failpoint("replay-planned-committed")
        wanted = rows * STEP_MS / max(took_ms, 0.1)
        self._rows = int(min(max(wanted, rows / 2, STEP_ROWS_MIN), rows * 2, STEP_ROWS_MAX))
        return after
