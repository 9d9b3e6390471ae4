"""What is removed because of its age: by the true time, because nothing brings it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.config.settings import Settings
from fnr.daemon.incidents import Incidents
from fnr.daemon.readings import Readings
from fnr.daemon.timekeeper import Timekeeper
from fnr.host.clock import Clock
from fnr.host.faults.clock_jump import JumpedClock
from fnr.store import incidents, prune, tasks
from fnr.store.telemetry import Telemetry

A_YEAR_MS = 365 * 86_400_000


def jumped() -> JumpedClock:
    """In the middle of the fault."""
    clock = JumpedClock(A_YEAR_MS, Clock().boot_ms() + 3_600_000)
    assert clock.now_ms() - Clock().now_ms() > A_YEAR_MS - 60_000
    return clock


def nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in which no task waits or expires."""
    for name in ("wake_waiting", "overdue"):
        monkeypatch.setattr(tasks, name, lambda *_, **__: [])
    for name in ("next_wake_at_ms", "next_expiry_at_ms"):
        monkeypatch.setattr(tasks, name, lambda _: None)


def test_a_clock_that_jumps_on_purpose_ages_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, int] = {}

    def prune_step(_: object, **values: Any) -> prune.Pruned:
        asked.update(values)
        return prune.Pruned(removed=0, places={}, more=False)

    def post(unit: Callable[[object], Any], committed: Callable[[Any, object], None]) -> None:
        committed(unit(None), None)

    nothing_waits(monkeypatch)
    monkeypatch.setattr(prune, "prune_step", prune_step)
    settings = Settings()
    parts: Any = SimpleNamespace(
        clock=jumped(),
        settings=settings,
        store=SimpleNamespace(post=post),
        later=lambda *_: SimpleNamespace(cancel=lambda: None),
    )
    supervisor: Any = SimpleNamespace(workers={})
    nobody: Any = SimpleNamespace()
    Timekeeper(parts, nobody, supervisor, nobody).start()
    assert asked["done_before_ms"] <= Clock().now_ms() - settings.store.keep_done_ms


def test_a_clock_that_jumps_on_purpose_ages_no_reading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        Telemetry, "keep", lambda *_, before_ms, count_max: asked.append(before_ms + 0 * count_max)
    )
    settings = Settings()
    parts: Any = SimpleNamespace(
        clock=jumped(),
        settings=settings,
        paths=SimpleNamespace(state_dir=str(tmp_path), telemetry_file=str(tmp_path / "t.db")),
    )
    nobody: Any = SimpleNamespace()
    readings = Readings(parts, nobody, nobody)
    readings._sample({}, ())
    assert asked[0] <= Clock().now_ms() - settings.store.keep_telemetry_ms


async def test_a_clock_that_jumps_on_purpose_puts_no_incident_to_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def noted(_: object, *args: Any, quiet_before_ms: int = 0, **__: Any) -> Any:
        asked.append(quiet_before_ms)
        return len(args) if args else []

    async def answered(query: Callable[[object], Any]) -> Any:
        return query(None)

    monkeypatch.setattr(incidents, "quiet", noted)
    monkeypatch.setattr(incidents, "rest", noted)
    monkeypatch.setattr(incidents, "age", lambda *_, **__: [])
    monkeypatch.setattr(incidents, "next_snooze_end_ms", lambda _: None)
    settings = Settings()
    parts: Any = SimpleNamespace(
        clock=jumped(),
        settings=settings,
        store=SimpleNamespace(write=answered),
        events=SimpleNamespace(tell=lambda _: None),
    )
    reader: Any = SimpleNamespace(read=answered)
    await Incidents(parts, reader)._look()
    assert len(asked) == 2
    assert max(asked) <= Clock().now_ms() - settings.store.incidents_quiet_ms


def test_what_a_worker_prints_while_it_is_idle_is_cut_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A thread that a function has left running prints on; nobody looks after busy workers then."""
    nothing_waits(monkeypatch)
    log = tmp_path / "worker.log"
    worker: Any = SimpleNamespace(worker_id="w", held={}, log_path=str(log))
    settings = Settings()
    again: list[Callable[[], None]] = []
    parts: Any = SimpleNamespace(
        clock=Clock(),
        settings=settings,
        store=SimpleNamespace(post=lambda *_: None),
        later=lambda _, call: again.append(call),
    )
    supervisor: Any = SimpleNamespace(workers={"w": worker})
    nobody: Any = SimpleNamespace()
    Timekeeper(parts, nobody, supervisor, nobody).start()
    # It wakes up now and then, and this has come since the last time.
    log.write_bytes(b"x" * (settings.log.worker_bytes_max + 4_096))
    for call in again[:]:
        call()
    assert log.stat().st_blocks * 512 < settings.log.worker_bytes_max
