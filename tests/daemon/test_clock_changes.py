"""A wall clock that jumps under a daemon: pauses are shifted once, by as much as it jumped."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.config.settings import Settings
from fnr.daemon.clock_changes import ClockChanges
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts
from fnr.host.clock import Clock
from fnr.store import pauses


class JumpingClock(Clock):
    """Both clocks as the test sets them."""

    def __init__(self) -> None:
        self.wall_ms = 1_000_000
        self.since_boot_ms = 1_000

    def now_ms(self) -> int:
        return self.wall_ms

    def boot_ms(self) -> int:
        return self.since_boot_ms


class Daemon:
    """As much of one as hears of the clock; the store answers at once, or with `error`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = JumpingClock()
        self.shifts: list[tuple[int, int]] = []
        self.woken: list[str] = []
        self.noted: tuple[str, int] | None = None
        self.again: list[Callable[[], None]] = []
        self.error: BaseException | None = None
        monkeypatch.setattr(pauses, "shift", self._shift)
        monkeypatch.setattr(pauses, "note_clock", self._note)
        parts = SimpleNamespace(
            clock=self.clock,
            settings=Settings(),
            boot_id="one",
            store=SimpleNamespace(post=self._post),
            later=lambda _, call: self.again.append(call),
        )
        dispatcher = SimpleNamespace(pools={"render": None}, due_now=self.woken.append)
        self.changes = ClockChanges(
            cast("Parts", parts), cast("Dispatcher", dispatcher), lambda: self.woken.append("waits")
        )

    def _shift(self, _: object, *, by_ms: int, old_now_ms: int) -> int:
        self.shifts.append((by_ms, old_now_ms))
        return 1

    def _note(self, _: object, *, boot_id: str, offset_ms: int) -> int | None:
        noted, self.noted = self.noted, (boot_id, offset_ms)
        return noted[1] if noted is not None and noted[0] == boot_id else None

    def _post(self, unit: Any, committed: Any) -> None:
        committed(None if self.error else unit(None), self.error)


def test_time_that_passes_is_no_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(monkeypatch)
    daemon.clock.wall_ms += 60_000
    daemon.clock.since_boot_ms += 60_001
    daemon.changes.changed()
    assert daemon.shifts == []


@pytest.mark.parametrize("by_ms", [-3_600_000, 3_600_000])
def test_a_jump_shifts_pauses_once(monkeypatch: pytest.MonkeyPatch, by_ms: int) -> None:
    daemon = Daemon(monkeypatch)
    daemon.clock.wall_ms += by_ms
    daemon.changes.changed()
    daemon.changes.changed()
    assert daemon.shifts == [(by_ms, 1_000_000)]
    assert daemon.woken == ["waits", "render"]
    assert daemon.noted == ("one", 999_000 + by_ms), "the next daemon knows what was shifted"


def test_a_jump_that_could_not_be_stored_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(monkeypatch)
    daemon.clock.wall_ms -= 5_000
    daemon.error = OSError("full")
    daemon.changes.changed()
    assert daemon.shifts == []
    daemon.error = None
    [again] = daemon.again
    again()
    assert daemon.shifts == [(-5_000, 1_000_000)]
