"""Wake waiting tasks when what they wait for is free: in order, and only as many as fit.

Looks twice a second while something waits for a condition, and never otherwise. One look takes
every reading once, whoever waits for it; a text that thousands of tasks share is one comparison.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from fnr.daemon.admission import Resources
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.free import Free
from fnr.daemon.parts import Parts, log
from fnr.host.failpoint import failpoint
from fnr.policy.condition import (
    Condition,
    Readings,
    admits,
    conditions_of,
    free_text,
    never,
    spend,
)
from fnr.policy.task import TaskState
from fnr.policy.verdict import Verdict
from fnr.store import tasks, waits
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction
from fnr.store.waits import Waiter

LOOK_MS = 500
# So long a task that was woken counts as one that has not taken its share yet.
CONFIRM_MS = 5_000
WAKES_MAX = 200
TEXTS_MAX = 10_000
# Texts of one look; with more of them, they take turns.
TEXTS_PER_LOOK = 1_000
# Looks until texts that nobody waits for any more are noticed although nothing is woken.
FORGET_EVERY = 20


@dataclass(slots=True)
class Waited:
    """One text that tasks wait for.

    missed_at_ms: when it was last seen not to hold. asked: how often tasks began to wait for it.
    """

    conditions: tuple[Condition, ...]
    missed_at_ms: int = 0
    asked: int = 0
    never: str = ""


@dataclass(slots=True)
class Promise:
    """What a woken task is about to take, until a reading can show it; at_ms: on the boot clock."""

    conditions: tuple[Condition, ...]
    at_ms: int


@dataclass(slots=True, kw_only=True)
class Look:
    """One look: what is free, which texts hold and for how many tasks, and what came of it."""

    now_ms: int
    boot_ms: int
    left: Readings
    asked: dict[str, int]
    holding: dict[str, int] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    promises: dict[str, Promise] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)


class Conditions:
    """Owns what is waited for; `settled` hears of new waits, `look` ends them."""

    def __init__(
        self, parts: Parts, dispatcher: Dispatcher, free: Free, resources: Resources
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._free = free
        self._waited: dict[str, Waited] = {}
        self._promises: dict[str, Promise] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looking = False
        self._looks = 0
        self._resources = resources
        resources.on_held = self.arm

    def start(self) -> None:
        """Take up what tasks of the daemon before this one wait for."""
        found: list[str] = []

        def unit(tx: Transaction) -> None:
            found[:] = waits.texts(tx, count_max=TEXTS_MAX)

        def committed(_: None, error: BaseException | None) -> None:
            if error is not None:
                log.warning("what tasks wait for could not be read: %s", error)
                self._parts.later(1_000, self.start)
            for text in found:
                self._wait_for(text)

        self._parts.store.post(unit, committed)

    def settled(self, verdicts: list[Verdict]) -> None:
        """Attempts ended: some tasks wait now, others have given back what they took."""
        for verdict in verdicts:
            self._promises.pop(verdict.task.task_id, None)
            if verdict.task.state is TaskState.WAITING:
                self._wait_for(verdict.task.waiting_for or "")

    def arm(self) -> None:
        """Look in a while, if there is anything to look for."""
        if (
            self._timer is None
            and not self._looking
            and (self._waited or self._resources.wants_a_look())
        ):
            self._timer = self._parts.later(LOOK_MS, self._look)

    def clock_set(self) -> None:
        """When a condition was last seen not to hold is not known by the clock of now."""
        for waited in self._waited.values():
            waited.missed_at_ms = 0

    def problems(self) -> list[str]:
        """What is waited for and can never be."""
        return [f"{one.never}: tasks wait for it" for one in self._waited.values() if one.never]

    def _wait_for(self, text: str) -> None:
        conditions = conditions_of(text)
        if not conditions:
            return
        if text not in self._waited and len(self._waited) < TEXTS_MAX:
            self._waited[text] = Waited(conditions)
        if text in self._waited:
            self._waited[text].asked += 1
        self.arm()

    def _look(self) -> None:
        self._timer = None
        self._looking = True
        self._parts.start(self._look_once(), what="looking at what is waited for")

    async def _look_once(self) -> None:
        try:
            chosen = self._next_texts()
            wanted = {one for text in chosen for one in self._waited[text].conditions}
            readings = await self._free.readings(wanted)
            if chosen:
                await self._wake(self._compare(chosen, readings))
            await self._resources.look()
        finally:
            self._looking = False
            self.arm()

    def _next_texts(self) -> list[str]:
        chosen = list(self._waited)[:TEXTS_PER_LOOK]
        if len(chosen) < len(self._waited):
            for text in chosen:
                self._waited[text] = self._waited.pop(text)
        return chosen

    async def _wake(self, look: Look) -> None:
        self._looks += 1
        if not (look.holding or look.stale) and self._looks % FORGET_EVERY:
            return
        try:
            await self._parts.store.write(partial(self._unit, look))
        except (StoreBusy, StoreFull, StoreIll) as error:
            log.warning("waiting tasks could not be woken: %s", error)
            return
        failpoint("condition-woken")
        self._promises |= look.promises
        for task_id in look.confirmed:
            self._promises.pop(task_id, None)
        for text in look.over:
            # Another task may have begun to wait for it meanwhile.
            if self._waited[text].asked == look.asked[text]:
                del self._waited[text]
        for function in look.functions:
            self._dispatcher.due_now(function)

    def _compare(self, chosen: list[str], readings: Readings) -> Look:
        """Which texts hold, once what was promised is taken off."""
        now_ms, boot_ms = self._parts.clock.now_ms(), self._parts.clock.boot_ms()
        left = readings
        for promise in self._promises.values():
            left = spend(promise.conditions, left)
        asked = {text: self._waited[text].asked for text in chosen}
        look = Look(now_ms=now_ms, boot_ms=boot_ms, left=left, asked=asked)
        for text in chosen:
            waited = self._waited[text]
            waited.never = never(waited.conditions, readings)
            fits = admits(waited.conditions, left)
            if fits:
                look.holding[text] = min(fits, WAKES_MAX)
            elif fits == 0:
                waited.missed_at_ms = now_ms
        look.stale = [k for k, one in self._promises.items() if boot_ms - one.at_ms >= CONFIRM_MS]
        return look

    def _unit(self, look: Look, tx: Transaction) -> None:
        look.functions.clear()
        look.promises.clear()
        look.confirmed = [task_id for task_id in look.stale if not self._may_start(tx, task_id)]
        left = look.left
        for _, task_id, text, waiter in sorted(self._next_waiters(tx, look)):
            conditions = self._waited[text].conditions
            if len(look.promises) == WAKES_MAX or not admits(conditions, left):
                continue
            why = "; ".join(f"{one.kind}: {free_text(one, left)}" for one in conditions)
            waits.wake(tx, [waiter], why=f"{text} is free ({why})", now_ms=look.now_ms)
            failpoint("condition-in-unit")
            left = spend(conditions, left)
            look.functions.add(waiter.function)
            look.promises[task_id] = Promise(conditions, look.boot_ms)
        look.over = [text for text in look.asked if not waits.is_waited_for(tx, text)]

    def _next_waiters(self, tx: Transaction, look: Look) -> Iterator[tuple[int, str, str, Waiter]]:
        for text, count in look.holding.items():
            for waiter in self._next_of(tx, text, count, now_ms=look.now_ms):
                yield -waiter.priority, waiter.task_id, text, waiter

    def _next_of(self, tx: Transaction, text: str, count: int, *, now_ms: int) -> list[Waiter]:
        """Without those who could not start: what is free would be kept for them in vain."""
        without: set[str] = set()
        while True:
            found = waits.next_waiters(
                tx,
                text,
                missed_at_ms=self._waited[text].missed_at_ms,
                now_ms=now_ms,
                count_max=count,
                without=without,
            )
            idle = {one.function for one in found if self._begins_nothing(one.function)}
            if not idle:
                return found
            without |= idle

    def _begins_nothing(self, function: str) -> bool:
        """Does nothing of it start now, whatever is free?"""
        pool = self._dispatcher.pools.get(function)
        if pool is None or pool.removed or pool.paused:
            return True
        return any(self._free.is_ready(name) is False for name in pool.settings.services)

    def _may_start(self, tx: Transaction, task_id: str) -> bool:
        """What was woken a while ago and runs shows in the readings; what is queued yet does not.

        Nor will what cannot start.
        """
        task = tasks.get(tx, task_id)
        if task is None or task.state is not TaskState.QUEUED:
            return False
        return not self._begins_nothing(task.function)
