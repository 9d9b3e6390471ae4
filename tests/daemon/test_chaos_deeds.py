"""What the daemon undoes of a fault: once, whoever asks, and when it can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from fnr.daemon import chaos_deeds
from fnr.daemon.armed_faults import ArmedFaults
from fnr.daemon.chaos import Chaos
from fnr.daemon.chaos_deeds import ChaosDeeds
from fnr.host import chaos_records as records
from fnr.host.clock import Clock
from fnr.policy.chaos import Injection
from fnr.store import tasks
from fnr.store.connection import StoreBusy

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


class Locked:
    """A store that somebody else has for the first two writes."""

    def __init__(self) -> None:
        self.writes = 0
        self.waiting = ["a"]
        self.dispatching = True

    async def read(self, _: object) -> list[str]:
        return self.waiting

    async def write(self, _: object) -> None:
        self.writes += 1
        if self.writes <= 2:
            raise StoreBusy("the store is locked since 5 s")
        self.waiting = []

    def deeds(self) -> ChaosDeeds:
        """Of a daemon with this store."""
        parts = SimpleNamespace(clock=Clock(), store=self, dispatching=self.dispatching)
        crew: Any = SimpleNamespace(parts=parts)
        reader: Any = self
        return ChaosDeeds(crew, reader)


async def test_a_flood_is_drained_when_the_store_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else its tasks stay, its record is never closed, and no other drill may begin."""
    monkeypatch.setattr(chaos_deeds, "STORE_RETRY_S", 0)
    store = Locked()
    await store.deeds().undo(FLOOD)
    assert (store.waiting, store.writes) == ([], 3)


async def test_a_daemon_that_ends_leaves_a_flood_to_the_next() -> None:
    store = Locked()
    store.dispatching = False
    with pytest.raises(StoreBusy):
        await store.deeds().undo(FLOOD)
    assert store.writes == 1


async def test_what_earlier_daemons_left_is_put_right_and_what_begins_meanwhile_stays(
    tmp_path: Path,
) -> None:
    """A flood last: another fault may be why the store cannot be written."""

    def of_earlier(name: str, fault: str) -> Injection:
        folder = records.injection_folder(str(tmp_path), name)
        one = replace(FLOOD, injection_id=name, drill_id=name, fault=fault, folder=folder)
        records.commit(one, in_daemon=fault == "queue-flood")
        return one

    undone: list[str] = []

    async def undo(injection: Injection) -> None:
        undone.append(injection.fault)
        records.settled_in_daemon(injection.folder)

    parts: Any = SimpleNamespace(
        clock=Clock(), boot_id="b", faults=None, store=None, loop=asyncio.get_running_loop(),
        paths=SimpleNamespace(chaos_dir=str(tmp_path)),
        events=SimpleNamespace(tell=lambda _: None),
    )  # fmt: skip
    rest: Any = SimpleNamespace(put=lambda _: None)
    chaos = Chaos(SimpleNamespace(parts=parts), None, rest)  # type: ignore[arg-type]  # stand-ins
    chaos._deeds.undo = undo  # type: ignore[method-assign,assignment]  # what it is told
    of_earlier("a", "queue-flood")
    of_earlier("b", "hang")
    replaying = asyncio.get_running_loop().create_task(chaos.replay())
    await asyncio.sleep(0)
    parts.faults = begun = ArmedFaults()
    begun.arm(replace(FLOOD, injection_id="c", fault="hang"))
    await replaying
    assert undone == ["hang", "queue-flood"]
    assert parts.faults.attempts.keys() == {"c"}
    assert records.active(str(tmp_path)) == []
