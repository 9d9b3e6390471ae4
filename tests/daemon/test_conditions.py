"""Waits for a condition while somebody sets the wall clock: real rows, and readings of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from store_values import NOW_MS, RESOURCE, Book, accept, claim, end, failure, new_task

from fnr.daemon.admission import Resources
from fnr.daemon.conditions import CONFIRM_MS, Conditions
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.free import Free
from fnr.daemon.parts import Parts
from fnr.host.clock import Clock
from fnr.policy.condition import Condition, Readings
from fnr.policy.evidence import Evidence
from fnr.policy.task import Claim, TaskState
from fnr.store import tasks

HOUR_MS = 3_600_000
MEMORY = "memory:4GiB"


class HandSetClock(Clock):
    """Both clocks go by hand."""

    def __init__(self) -> None:
        self.wall_ms = NOW_MS
        self.since_boot_ms = HOUR_MS

    def now_ms(self) -> int:
        return self.wall_ms

    def boot_ms(self) -> int:
        return self.since_boot_ms

    def passes(self, by_ms: int) -> None:
        """Time goes by."""
        self.wall_ms += by_ms
        self.since_boot_ms += by_ms


class Waits:
    """As much of a daemon as tasks wait in; nothing happens before `look`."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.clock = HandSetClock()
        self.free_mib = 0
        self._looks: list[Callable[[], None]] = []
        self._started: list[Any] = []
        settings = SimpleNamespace(services=())
        pool = SimpleNamespace(removed=False, paused=False, settings=settings)
        parts = SimpleNamespace(
            clock=self.clock,
            store=SimpleNamespace(write=self._write),
            later=lambda _, look: self._looks.append(look),
            start=lambda coroutine, what: self._started.append(coroutine),
        )
        self.conditions = Conditions(
            cast("Parts", parts),
            cast("Dispatcher", SimpleNamespace(pools={"render": pool}, due_now=lambda _: None)),
            cast("Free", SimpleNamespace(readings=self._readings)),
            cast("Resources", SimpleNamespace(look=_nothing, wants_a_look=lambda: False)),
        )

    async def _write(self, unit: Any) -> Any:
        return unit(self.book.tx)

    async def _readings(self, _: Iterable[Condition]) -> Readings:
        return Readings(memory_free_mib=self.free_mib)

    async def look(self) -> None:
        """The look that is due."""
        self._looks.pop()()
        await self._started.pop()

    def fail(self, claimed: Claim) -> None:
        """An attempt wants memory, which is used up."""
        evidence = Evidence(message="no memory", wait_for=MEMORY)
        verdict = failure(claimed, RESOURCE, evidence, now_ms=self.clock.now_ms())
        end(self.book.tx, verdict)
        self.conditions.settled([verdict])

    def begin(self) -> Claim:
        """A new task begins."""
        accept(self.book.tx, new_task())
        return claim(self.book.tx, now_ms=self.clock.now_ms())

    def state(self, task_id: str) -> TaskState:
        """Of a task now."""
        task = tasks.get(self.book.tx, task_id)
        assert task is not None
        return task.state


async def _nothing() -> None:
    pass


@pytest.fixture
def daemon() -> Iterator[Waits]:
    """One that nothing waits in yet."""
    book = Book(":memory:")
    yield Waits(book)
    book.close()


async def test_what_has_started_keeps_nothing_from_others_for_an_hour(daemon: Waits) -> None:
    first, second = daemon.begin(), daemon.begin()
    daemon.fail(first)
    daemon.fail(second)
    await daemon.look()
    daemon.free_mib = 4096
    daemon.clock.passes(500)
    await daemon.look()
    assert daemon.state(first.task.task_id) is TaskState.QUEUED
    assert daemon.state(second.task.task_id) is TaskState.WAITING
    claim(daemon.book.tx, now_ms=daemon.clock.now_ms())
    daemon.clock.wall_ms -= HOUR_MS
    daemon.book.tx.run(
        "UPDATE task SET state_at_ms = state_at_ms - ? WHERE state = 'waiting'", (HOUR_MS,)
    )
    daemon.conditions.clock_set()
    for _ in range(2):
        daemon.clock.passes(CONFIRM_MS)
        await daemon.look()
    assert daemon.state(second.task.task_id) is TaskState.QUEUED


async def test_who_fails_while_it_seems_free_rests_whatever_the_clock_said(daemon: Waits) -> None:
    """Its waits would be used up within seconds."""
    claimed = daemon.begin()
    daemon.fail(daemon.begin())
    await daemon.look()
    daemon.clock.wall_ms -= HOUR_MS
    daemon.conditions.clock_set()
    daemon.free_mib = 9999
    daemon.fail(claimed)
    await daemon.look()
    assert daemon.state(claimed.task.task_id) is TaskState.WAITING
    daemon.clock.passes(1_000)
    await daemon.look()
    assert daemon.state(claimed.task.task_id) is TaskState.QUEUED
