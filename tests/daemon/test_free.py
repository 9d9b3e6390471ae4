"""Readings of what is free, while the daemon ends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nvml_stub import Gpus as Driver

from fnr.daemon.free import Free
from fnr.daemon.gpus import Gpus
from fnr.host.clock import Clock
from fnr.policy.condition import Condition, Kind, Readings, never
from fnr.policy.gpu import Gpu, GpuReport
from fnr.policy.needs import Needs

VRAM = Condition(kind=Kind.VRAM, amount=16384)


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


def test_a_lost_gpu_may_be_as_large_as_what_is_waited_for() -> None:
    """It was said that the host has no GPU, and that the wait is in vain."""

    async def readings() -> Readings:
        parts = SimpleNamespace(loop=asyncio.get_running_loop(), clock=Clock(), store=_Store())
        free = Free(cast("Any", parts))
        lost, small = (
            Gpu(uuid="GPU-0", index=0, error="lost"),
            Gpu(uuid="GPU-1", index=1, memory_total_mib=8192, memory_free_mib=8000),
        )

        async def report() -> GpuReport:
            return GpuReport(gpus=(lost, small))

        free.read_gpus = report  # type: ignore[method-assign]  # nobody is to be asked
        found = await free.readings([VRAM])
        free.close()
        return found

    found = asyncio.run(readings())
    assert (found.vram_free_mib, never((VRAM,), found)) == ((8000,), "")


def test_a_disk_that_does_not_answer_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One dead mount, and every function that needed room on any disk waited for it."""
    alive = threading.Event()

    def room_mib(path: str) -> tuple[int, int]:
        if path == "/dead":
            alive.wait()
        return (5, 8)

    monkeypatch.setattr("fnr.daemon.free.disk.room_mib", room_mib)
    monkeypatch.setattr("fnr.daemon.free.disk.mount_of", lambda path: path)
    paths = ["/dead", str(tmp_path)]
    wanted = [Condition(kind=Kind.DISK, amount=1, where=path) for path in paths]

    async def looked() -> list[dict[str, int]]:
        parts = SimpleNamespace(loop=asyncio.get_running_loop(), clock=Clock())
        free = Free(cast("Any", parts))
        first = await free.readings(wanted)
        alive.set()
        # Asked again without waiting for it, until it has answered.
        while "/dead" not in (after := await free.readings(wanted)).disk_free_mib:
            assert str(tmp_path) in after.disk_free_mib
        free.close()
        return [first.disk_free_mib, after.disk_free_mib]

    known = {str(tmp_path): 5}
    assert asyncio.run(looked()) == [known, {**known, "/dead": 5}]


def test_what_is_no_path_is_a_disk_of_which_nothing_is_known() -> None:
    """It ended the look that wakes everybody else, each time."""

    async def why() -> str:
        parts = SimpleNamespace(loop=asyncio.get_running_loop(), clock=Clock())
        free = Free(cast("Any", parts))
        found = await free.readings([Condition(kind=Kind.DISK, amount=1, where="/a\0b")])
        free.close()
        return found.missing[Kind.DISK]

    assert "null" in asyncio.run(why())


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
