"""Freeze the set of a replay while the daemon goes on working: one bounded step after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.host.failpoint import failpoint
from fnr.policy.counted import counted
from fnr.policy.replay import ReplayPlan, ReplayState, begun_state, moved
from fnr.store import replay_planning, replay_plans
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.replay_planning import Entry, Found, Place, Search

# Writing a step down takes about 0.3 ms of the loop and its COMMIT as long again: whoever comes
# meanwhile is answered that much later, and behind the rest comes in between.
STEP_ROWS = 300
REST_S = 0.0005
RETRY_S = 1.0
T = TypeVar("T")


class Planner:
    """Chooses the letters of one plan."""

    def __init__(self, parts: Parts, reader: Reader, *, seq: int) -> None:
        self._parts = parts
        self._reader = reader
        self._seq = seq

    async def freeze(self, plan: ReplayPlan) -> ReplayPlan | None:
        """The plan with its set whole; None when somebody has paused or cancelled it meanwhile."""
        if plan.total:
            # An earlier attempt was cut short, and priorities may have changed since.
            while await self._write(partial(self._forget, rows_max=STEP_ROWS)):
                pass
        query = partial(
            replay_planning.search_for,
            where=plan.where,
            now_ms=plan.created_at_ms,
            until_ms=plan.until_ms,
        )
        search = await self._patiently(lambda: self._reader.read(query))
        if search is None:
            return None
        found = await self._look(plan, search, Place() if search.runs else None)
        while found is not None:
            # The next step is looked for while this one is written.
            async with asyncio.TaskGroup() as both:
                kept = both.create_task(self._write(partial(self._keep, entries=found.entries)))
                ahead = both.create_task(self._look(plan, search, found.next))
            if not kept.result():
                return None
            failpoint("replay-planned-committed")
            if found.next is None:
                return await self._patiently(self.frozen)
            found = ahead.result()
            await asyncio.sleep(REST_S)
        return None

    async def frozen(self) -> ReplayPlan | None:
        """Every letter is written down: the plan begins."""

        def unit(tx: Transaction) -> ReplayPlan | None:
            plan = self._plan(tx)
            if plan is None or not _may_freeze(plan):
                return None
            now_ms = self._parts.clock.now_ms()
            plan = replace(plan, frozen_at_ms=now_ms)
            if plan.state is ReplayState.PAUSED:
                replay_plans.save(tx, self._seq, plan)
                return plan
            why = counted(plan.total, "letter")
            after = moved(plan, begun_state(plan), by="fnr", why=why, now_ms=now_ms)
            assert not isinstance(after, str), plan
            replay_plans.save(tx, self._seq, after)
            failpoint("replay-frozen-in-unit")
            return after

        return await self._parts.store.write(unit)

    async def _look(self, plan: ReplayPlan, search: Search, place: Place | None) -> Found | None:
        if place is None:
            return Found(entries=[], next=None)
        query = partial(
            replay_planning.look,
            options=plan.options,
            search=search,
            place=place,
            rows_max=STEP_ROWS,
        )
        return await self._patiently(lambda: self._reader.read(query))

    async def _write(self, unit: Callable[[Transaction], int]) -> int:
        """What a unit wrote; 0 when the daemon is stopping."""
        return await self._patiently(lambda: self._parts.store.write(unit)) or 0

    async def _patiently(self, try_it: Callable[[], Awaitable[T]]) -> T | None:
        """Wait for a store that is busy, full or ill; None when the daemon is stopping."""
        while self._parts.dispatching:
            try:
                return await try_it()
            except (StoreBusy, StoreFull, StoreIll) as error:
                log.warning("a replay could not be planned further yet: %s", error)
                await asyncio.sleep(RETRY_S)
        return None

    def _keep(self, tx: Transaction, *, entries: list[Entry]) -> int:
        """1, or 0 when the plan is not being planned any more."""
        if self._planning(tx) is None:
            return 0
        replay_planning.keep(tx, self._seq, entries)
        failpoint("replay-planned-in-unit")
        return 1

    def _forget(self, tx: Transaction, *, rows_max: int) -> int:
        if self._planning(tx) is None:
            return 0
        return replay_planning.forget_some(tx, self._seq, rows_max=rows_max)

    def _planning(self, tx: Transaction) -> ReplayPlan | None:
        plan = self._plan(tx)
        return plan if plan is not None and plan.state is ReplayState.PLANNING else None

    def _plan(self, tx: Transaction) -> ReplayPlan | None:
        stored = replay_plans.get(tx, self._seq)
        return stored.plan if stored is not None else None


def _may_freeze(plan: ReplayPlan) -> bool:
    """Named letters are all written down also when it was paused meanwhile; no filter finds them
    again when it is resumed."""
    paused = plan.by_ids and plan.state is ReplayState.PAUSED
    return paused or plan.state is ReplayState.PLANNING
