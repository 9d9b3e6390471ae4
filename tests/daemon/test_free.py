"""Readings of what is free, while the daemon ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nvml_stub import Gpus as Driver

from fnr.daemon.free import Free
from fnr.daemon.gpus import Gpus
from fnr.host.clock import Clock
from fnr.policy.condition import Readings
from fnr.policy.needs import Needs


def test_who_looks_while_the_daemon_ends_gets_an_answer() -> None:
    """A look that was under way was a mistake with a traceback in the log of every such end."""

    async def looked() -> Readings:
        clock = SimpleNamespace(now_ms=lambda: 0, boot_ms=lambda: 0)
        parts = SimpleNamespace(
            loop=asyncio.get_running_loop(), clock=clock, store=_Store(), boot_id="boot"
        )
        free = Free(cast("Any", parts))
        free.close()
        await free.look(Needs(gpus=1, disk_mib=1, disk_path="/"))
        return await free.readings([])

    assert asyncio.run(looked()) == Readings()


def test_a_driver_that_hangs_is_not_waited_for_by_a_daemon_that_ends(
    gpus: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended 15 s later, and answered nobody until then."""
    gpus.say("hang")
    for name, value in gpus.env.items():
        monkeypatch.setenv(name, value)

    async def why() -> str:
        store = _Store()
        parts = SimpleNamespace(
            loop=asyncio.get_running_loop(), clock=Clock(), store=store, boot_id="", bus_places={}
        )
        found = Gpus(cast("Any", parts))
        reading = parts.loop.create_task(found.read())
        await store.asked.wait()
        found.close()
        return (await reading).missing

    assert asyncio.run(why()).startswith("the GPU probe failed")


class _Store:
    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def write(self, _: object) -> dict[str, int]:
        self.asked.set()
        return {}
