"""What the daemon undoes of a fault: once, whoever asks for it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.daemon.chaos_deeds import ChaosDeeds
from fnr.host.clock import Clock
from fnr.policy.chaos import Injection
from fnr.store import tasks

FLOOD = Injection(
    injection_id="a", drill_id="a", fault="queue-flood", reason="r", by="me", begun_at_ms=1,
    duration_ms=1, until_boot_ms=1, boot_id="b", folder="/nowhere", options={"count": "4"},
)  # fmt: skip


async def test_a_flood_is_drained_by_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its dead-man process, who injects it and who puts right all come at its deadline."""
    waiting, cancelled = [["d", "c"], ["b", "a"]], []

    async def read(_: object) -> list[str]:
        found = waiting[0] if waiting else []
        await asyncio.sleep(0)
        return found

    async def write(unit: Callable[[object], None]) -> None:
        unit(None)
        await asyncio.sleep(0)
        del waiting[:1]

    monkeypatch.setattr(tasks, "ask_cancel", lambda _, task_id, **__: cancelled.append(task_id))
    parts = SimpleNamespace(clock=Clock(), store=SimpleNamespace(write=write))
    crew: Any = SimpleNamespace(parts=parts)
    reader: Any = SimpleNamespace(read=read)
    deeds = ChaosDeeds(crew, reader)
    async with asyncio.TaskGroup() as group:
        for again in (False, True, False):
            group.create_task(deeds.undo(FLOOD, again=again))
    assert cancelled == ["d", "c", "b", "a"]
