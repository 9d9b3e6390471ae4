"""Every plan that moves has somebody who plans or leads it, whatever the store refuses."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from replay_values import LATER_MS
from store_values import IDS, bury

from fnr.api.replay_requests import StartReplay
from fnr.config.settings import FunctionSettings
from fnr.daemon import replay_planner, replays
from fnr.daemon.broadcast import Broadcast
from fnr.daemon.reader import Reader
from fnr.daemon.replay_planner import Planner
from fnr.daemon.replays import Replays
from fnr.host.clock import Clock
from fnr.policy.replay import ReplayOptions, ReplayPlan, ReplayState
from fnr.store import replay_plans
from fnr.store.connection import Store, StoreFull, StoreIll, Transaction


class Refusing:
    """Raises the error instead of the call of this number, once."""

    def __init__(self, call: Any, number: int, error: Exception) -> None:
        self._call, self._left, self._error = call, number, error

    async def __call__(self, *args: Any, **more: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise self._error
        return await self._call(*args, **more)


class House:
    """A store with three letters, a plan of all of them that is to be planned, and its daemon."""

    def __init__(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        self.reader = Reader(store)
        self.put_back = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self.store: Any = SimpleNamespace(write=store.write, post=store.post)
        self._parts = SimpleNamespace(
            store=self.store,
            clock=SimpleNamespace(now_ms=lambda: LATER_MS, boot_ms=Clock().boot_ms),
            events=Broadcast(),
            ulids=IDS,
            dispatching=True,
            loop=loop,
            later=lambda _, call: loop.call_soon(call),
            start=self._start,
            function=lambda name: FunctionSettings(name=name, kind="python"),
        )

    async def begun(self) -> ReplayPlan:
        """A plan of every letter that there is now, once some are put back."""
        client = SimpleNamespace(submitter="ann")
        made = await self._replays().begin(cast("Any", client), StartReplay(all=True))
        await self.put_back.wait()
        found = await self.store.write(lambda tx: replay_plans.find(tx, made.plan_id))
        self.reader.close()
        plan: ReplayPlan = found.plan
        return plan

    def _replays(self) -> Replays:
        breakers = SimpleNamespace(on_moved=[], admits=lambda _: True)
        dispatcher = SimpleNamespace(due_now=lambda _: self.put_back.set())
        return Replays(
            cast("Any", self._parts), cast("Any", dispatcher), self.reader, cast("Any", breakers)
        )

    def _start(self, work: Coroutine[Any, Any, None], *, what: str) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)

    async def lead(self) -> ReplayPlan:
        """The plan, once its letters are put back."""
        self._replays().start()
        await self.put_back.wait()
        [stored] = await self.store.write(replay_plans.moving)
        self.reader.close()
        plan: ReplayPlan = stored.plan
        return plan


async def opened(folder: Path) -> Store:
    store = await Store.open(folder / "fnr.db")
    plan = ReplayPlan(
        plan_id=IDS.new(),
        state=ReplayState.PLANNING,
        state_at_ms=LATER_MS,
        created_at_ms=LATER_MS,
        created_by="ann",
        options=ReplayOptions(),
    )

    def unit(tx: Transaction) -> None:
        for _ in range(3):
            bury(tx)
        replay_plans.add(tx, plan)

    await store.write(unit)
    return store


async def test_a_plan_is_planned_that_was_resumed_before_its_pause_was_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: its planner found it paused and gives up; in the store it is to be planned again."""
    given_up: list[ReplayPlan] = []

    class Late(Planner):
        async def freeze(self, plan: ReplayPlan) -> ReplayPlan | None:
            if given_up:
                return await super().freeze(plan)
            given_up.append(plan)
            return None

    monkeypatch.setattr(replays, "Planner", Late)
    store = await opened(tmp_path)
    assert (await House(store).lead()).live == 3
    await store.close()


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_write_that_a_full_disk_refuses_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Of its letters, of its whole set, and of who has led it before."""
    monkeypatch.setattr(replay_planner, "RETRY_S", 0)
    store = await opened(tmp_path)
    house = House(store)
    house.store.write = Refusing(store.write, number, StoreFull("no room"))
    assert (await house.lead()).live == 3
    await store.close()


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_read_that_an_ill_store_refuses_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Of the plans, of its filter, and of its letters."""
    monkeypatch.setattr(replay_planner, "RETRY_S", 0)
    store = await opened(tmp_path)
    house = House(store)
    monkeypatch.setattr(house.reader, "read", Refusing(house.reader.read, number, StoreIll("?")))
    assert (await house.lead()).live == 3
    await store.close()


async def test_letters_that_died_before_the_clock_was_set_back_are_in_the_set(
    tmp_path: Path,
) -> None:
    """Or on a host whose clock is ahead, from which they were imported."""
    store = await opened(tmp_path)
    died_at_ms = LATER_MS + 3_600_000
    await store.write(lambda tx: tx.run("UPDATE dead_letter SET died_at_ms = ?", (died_at_ms,)))
    plan = await House(store).begun()
    assert (plan.total, plan.until_ms) == (3, died_at_ms)
    await store.close()
