"""Readings of what is free, while the daemon ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from fnr.daemon.free import Free
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


class _Store:
    async def write(self, _: object) -> dict[str, int]:
        return {}
