"""One pacer over a real store: what pauses its plan, and what a rate that is set later owes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from replay_values import LATER_MS, new_plan, plan_of, succeed
from store_values import bury

from fnr.daemon.broadcast import Broadcast
from fnr.daemon.replay_pacer import TELL_EVERY_MS, Pacer
from fnr.host.clock import Clock
from fnr.policy.replay import ReplayPlan, ReplayState, changed, limited
from fnr.store import replay_plans, tasks
from fnr.store.connection import Store, Transaction


class Checks:
    """Everything can go, unless `why` says otherwise."""

    why: str | None = None

    def known(self, _: str) -> bool:
        return True

    def input_problem(self, _function: str, _raw: bytes) -> str | None:
        return None

    def stopped(self, _: str) -> str | None:
        return self.why


class Led:
    """A plan of three letters with a pacer of its own; `rest` is done when the pacer lets go."""

    def __init__(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        self.store = store
        self.events = Broadcast()
        self.checks = Checks()
        self.due: list[str] = []
        self.rest: asyncio.Future[int] = loop.create_future()
        self.clock = SimpleNamespace(now_ms=lambda: LATER_MS, boot_ms=Clock().boot_ms)
        self._parts = SimpleNamespace(
            store=store,
            clock=self.clock,
            events=self.events,
            dispatching=True,
            loop=loop,
            later=self._later,
        )
        self.waits_ms: list[float] = []

    def _later(self, delay_ms: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        self.waits_ms.append(delay_ms)
        return asyncio.get_running_loop().call_later(delay_ms / 1_000, call)

    async def begin(self, **limits: Any) -> Pacer:
        def unit(tx: Transaction) -> int:
            letters = [bury(tx, tags={"scene": "a"}) for _ in range(3)]
            return new_plan(tx, *letters, **limits)

        self.seq = await self.store.write(unit)
        return Pacer(
            cast("Any", self._parts),
            cast("Any", SimpleNamespace(due_now=self.due.append)),
            self.checks,
            seq=self.seq,
            on_rest=self.rest.set_result,
        )

    async def limit(self, **limits: int) -> None:
        """What `fnr replay resume --rate …` does to a plan that runs."""

        def unit(tx: Transaction) -> None:
            plan = plan_of(tx, self.seq)
            options = changed(plan.options, **limits)
            after = limited(plan, options, by="ann", why="", now_ms=LATER_MS)
            replay_plans.save(tx, self.seq, after)

        await self.store.write(unit)

    async def plan(self) -> ReplayPlan:
        return await self.store.write(lambda tx: plan_of(tx, self.seq))


async def test_a_function_that_is_held_back_pauses_the_plan(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "fnr.db")
    led = Led(store)
    led.checks.why = "breaker storage is open"
    pacer = await led.begin()
    pacer.look()
    await led.rest
    plan = await led.plan()
    assert (plan.state, plan.why, plan.state_by) == (
        ReplayState.PAUSED, "breaker storage is open", "fnr",
    )  # fmt: skip
    assert (plan.put_back, led.due) == (0, [])
    await store.close()


async def test_a_function_that_fails_meanwhile_pauses_it_too(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "fnr.db")
    led = Led(store)
    put_back = asyncio.Event()
    led.due = cast("Any", SimpleNamespace(append=lambda _: put_back.set()))
    pacer = await led.begin(concurrency=1)
    pacer.look()
    await put_back.wait()
    led.checks.why = "breaker storage is open"
    ended = await store.write(lambda tx: tasks.get(tx, succeed(tx)))
    assert ended is not None
    led.events.task_moved(ended)
    await led.rest
    plan = await led.plan()
    assert (plan.state, plan.done, plan.left) == (ReplayState.PAUSED, 1, 2)
    assert pacer.live == {}
    await store.close()


async def test_a_rate_that_is_set_later_owes_nothing_for_what_went_before(tmp_path: Path) -> None:
    """Each letter that was put back without a rate was waited for as if it had been too many."""
    store = await Store.open(tmp_path / "fnr.db")
    led = Led(store)
    at_ms = led.clock.boot_ms()
    led.clock.boot_ms = lambda: at_ms
    pacer = await led.begin(concurrency=2)
    pacer.look()
    assert (await led.plan()).put_back == 2
    await led.limit(rate_per_h=1, concurrency=3)
    led.clock.boot_ms = lambda: at_ms + 3_599_000
    pacer.look()
    assert (await led.plan()).put_back == 2
    led.clock.boot_ms = lambda: at_ms + 3_601_000
    pacer.look()
    assert (await led.plan()).put_back == 3
    pacer.close()
    await store.close()


async def test_a_plan_whose_rest_waits_for_one_letter_ticks_no_more(tmp_path: Path) -> None:
    """It looked a thousand times a second whether its rate allowed one, and none could go."""
    store = await Store.open(tmp_path / "fnr.db")
    led = Led(store)
    at_ms = led.clock.boot_ms()
    led.clock.boot_ms = lambda: at_ms
    pacer = await led.begin(rate_per_h=3_600, keep_order_by="tag.scene")
    while (await led.plan()).held < 2:
        at_ms += 1_000
        pacer.look()
    assert len(pacer.live) == 1
    led.waits_ms.clear()
    at_ms += 1_000
    pacer.look()
    for _ in range(3):
        await led.plan()
    assert set(led.waits_ms) <= {TELL_EVERY_MS}
    ended = await store.write(lambda tx: tasks.get(tx, succeed(tx)))
    assert ended is not None
    led.events.task_moved(ended)
    while (await led.plan()).live < 1:
        pass
    assert (await led.plan()).done == 1
    pacer.close()
    await store.close()
