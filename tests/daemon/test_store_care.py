"""What was in doubt while the store was ill is looked at when it can be, and told in a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.daemon.store_care import StoreCare
from fnr.store.connection import StoreBusy, StoreFull, StoreIll


class Daemon:
    """Only so much of it as the care for the store knows: what it does is noted."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.done: list[str] = []
        self.timers: list[Callable[[], None]] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        self.hooks: list[Callable[[str, str], None]] = []
        parts: Any = SimpleNamespace(
            store=SimpleNamespace(on_trouble=self.hooks.append),
            problems={},
            start=lambda work, *, what: self.work.append(work) or self.done.append(what),
            later=lambda _ms, call: self.timers.append(call),
        )
        reserve: Any = SimpleNamespace(hold=lambda: None)
        runner: Any = SimpleNamespace(retry=lambda: self.done.append("retry"))
        dispatcher: Any = SimpleNamespace(pools={})
        adopter: Any = SimpleNamespace(reconcile=self.reconcile)
        StoreCare(parts, adopter, runner, dispatcher, reserve)
        [self.tell] = self.hooks

    async def reconcile(self) -> None:
        """Meet the next answer of the store."""
        if (answer := self.answers.pop(0)) is not None:
            raise answer

    def go_on(self) -> None:
        """Do what was started."""
        asyncio.run(self.work.pop())


def test_a_store_that_is_ill_again_is_told_in_a_line_and_looked_at_when_it_is_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    daemon = Daemon(StoreIll("disk I/O error"), None)
    daemon.tell("ok", "reopened and checked")
    daemon.go_on()
    assert caplog.records[-1].exc_info is None
    assert caplog.records[-1].getMessage().endswith("disk I/O error")
    assert (daemon.done, daemon.timers) == (["reconcile"], [])
    daemon.tell("ok", "reopened and checked")
    daemon.go_on()
    assert daemon.done == ["reconcile", "reconcile", "retry"]


@pytest.mark.parametrize("trouble", [StoreBusy("locked"), StoreFull("no room")])
def test_what_a_store_that_is_well_cannot_take_at_this_moment_is_looked_at_again(
    trouble: Exception,
) -> None:
    daemon = Daemon(trouble, None)
    daemon.tell("ok", "reopened and checked")
    daemon.go_on()
    daemon.timers.pop()()
    daemon.go_on()
    assert daemon.done == ["reconcile", "reconcile", "retry"]
