"""Alerts where no store can hold them, or not yet."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from webhook import Webhook

from fnr.config.settings import AlertTable
from fnr.daemon.alerting import LOOK_MS, Alerting
from fnr.daemon.lasting import Lasting
from fnr.host.clock import Clock, Dice, Ulids
from fnr.policy.alert import Alert
from fnr.store.connection import StoreBusy, StoreIll

ILL = Alert(
    about="problem:store",
    kind="problem",
    severity="critical",
    title="the store is ill: I/O error",
    standing=True,
)


def test_that_the_store_is_ill_is_told_once_and_nothing_mild_with_it() -> None:
    with Webhook() as hook:

        async def whole() -> None:
            lasting = [ILL, Alert(about="x", kind="problem", severity="alert", title="mild")]

            async def write(_: object) -> None:
                raise StoreIll("the store is ill")

            clock = Clock()
            parts: Any = SimpleNamespace(
                settings=SimpleNamespace(
                    alerts={"ops": AlertTable(name="ops", webhook=hook.url, severity="notice")}
                ),
                store=SimpleNamespace(write=write),
                clock=clock,
                ulids=Ulids(clock, Dice()),
                problems={},
                paths=SimpleNamespace(home="/srv", config_file="/fnr.toml"),
                redactor=SimpleNamespace(text=str),
                loop=asyncio.get_running_loop(),
                later=lambda ms, call: asyncio.get_running_loop().call_later(ms / 1_000, call),
            )
            alerting = Alerting(parts, lambda: Lasting(alerts=lasting))
            for _ in range(2):
                alerting.changed()
                while alerting._tasks:
                    await asyncio.wait(alerting._tasks)

        asyncio.run(whole())
        assert hook.titles() == ["the store is ill: I/O error"]


def test_what_is_due_is_looked_for_again_after_the_store_was_locked() -> None:
    armed: list[float] = []

    async def whole() -> None:
        async def write(_: object) -> None:
            raise StoreBusy("the store is locked since 5 s")

        clock = Clock()
        parts: Any = SimpleNamespace(
            settings=SimpleNamespace(alerts={"ops": AlertTable(name="ops")}),
            store=SimpleNamespace(write=write),
            clock=clock,
            loop=asyncio.get_running_loop(),
            later=lambda ms, _: armed.append(ms),
        )
        alerting = Alerting(parts, lambda: Lasting(alerts=[]))
        alerting.look()
        while alerting._tasks:
            await asyncio.wait(alerting._tasks)

    asyncio.run(whole())
    assert armed == [LOOK_MS]
