"""Alerts where no store can hold them, or not yet."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from webhook import Webhook

from fnr.config.settings import AlertTable
from fnr.daemon.alerting import LOOK_MS, Alerting
from fnr.daemon.lasting import Lasting
from fnr.host.clock import Clock, Dice, Ulids
from fnr.policy.alert import Alert, Channel, noticed
from fnr.store.connection import StoreBusy, StoreFull, StoreIll

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


def of_store(write: Any, armed: list[float]) -> Any:
    clock = Clock()
    return SimpleNamespace(
        settings=SimpleNamespace(alerts={"ops": AlertTable(name="ops", command=("true",))}),
        store=SimpleNamespace(write=write),
        clock=clock,
        ulids=Ulids(clock, Dice()),
        problems={},
        paths=SimpleNamespace(home="/srv", state_dir="/srv/state", config_file="/fnr.toml"),
        redactor=SimpleNamespace(text=str),
        loop=asyncio.get_running_loop(),
        later=lambda ms, _: armed.append(ms),
    )


def test_what_is_due_is_looked_for_again_after_the_store_was_locked() -> None:
    armed: list[float] = []

    async def whole() -> None:
        async def write(_: object) -> None:
            raise StoreBusy("the store is locked since 5 s")

        alerting = Alerting(of_store(write, armed), lambda: Lasting(alerts=[]))
        alerting.look()
        while alerting._tasks:
            await asyncio.wait(alerting._tasks)

    asyncio.run(whole())
    assert armed == [LOOK_MS]


@pytest.mark.parametrize("writes_that_fit", [0, 1])
def test_a_full_disk_is_not_written_to_again_and_again(writes_that_fit: int) -> None:
    """Reading goes on, so that what is due is found each time."""
    armed: list[float] = []
    asked: list[object] = []

    async def whole() -> None:
        known = noticed(None, ILL, Channel(name="ops"), now_ms=0)

        async def write(unit: object) -> object:
            await asyncio.sleep(0)
            asked.append(unit)
            assert len(asked) < 20, "as fast as it can"
            if "_look" in getattr(unit, "__qualname__", ""):
                return {"ops": [known]}
            if len(asked) < 2 + writes_that_fit:
                return None
            raise StoreFull("database or disk is full")

        alerting = Alerting(of_store(write, armed), lambda: Lasting(alerts=[]))
        alerting._last_ms["ops"] = 0
        alerting.look()
        while alerting._tasks:
            await asyncio.wait(alerting._tasks)

    asyncio.run(whole())
    assert (len(asked), armed) == (2 + writes_that_fit, [LOOK_MS])


def test_what_the_store_holds_already_is_not_told_once_more_without_it() -> None:
    with Webhook() as hook:

        async def whole() -> None:
            full: list[bool] = []
            disk = replace(ILL, about="problem:disk", title="disk nearly full")
            lasting = [disk]

            async def write(_: object) -> None:
                if full:
                    raise StoreFull("database or disk is full")

            parts = of_store(write, [])
            parts.settings.alerts["ops"] = AlertTable(name="ops", webhook=hook.url)
            parts.later = lambda *_: SimpleNamespace(cancel=lambda: None)
            alerting = Alerting(parts, lambda: Lasting(alerts=lasting))
            alerting._began_ms = -LOOK_MS
            for _ in range(2):
                alerting.changed()
                while alerting._tasks:
                    await asyncio.wait(alerting._tasks)
                lasting.append(ILL)
                full.append(True)

        asyncio.run(whole())
        assert hook.titles() == ["the store is ill: I/O error"]
