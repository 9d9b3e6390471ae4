"""Undo goes on behind whatever kept it from going on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.config.settings import FunctionSettings
from fnr.daemon import undo_process
from fnr.daemon.undoing import Undoing
from fnr.policy.undo import Step, Tried, UndoPolicy


def test_an_undo_that_broke_off_is_taken_up_again() -> None:
    """Method: no file can be opened, say, in the middle of it."""
    timers: list[Callable[[], None]] = []

    async def write(_: object) -> object:
        raise OSError(24, "Too many open files")

    parts: Any = SimpleNamespace(
        store=SimpleNamespace(write=write),
        later=lambda _ms, call: timers.append(call),
    )
    dispatcher: Any = None
    undoing = Undoing(parts, dispatcher)
    asyncio.run(undoing._run("T"))
    assert timers == [undoing.look]


def test_a_try_that_cannot_even_begin_is_a_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("fnr.daemon.short_process.os.pipe", pipe)
    step = Step(
        undo_id="A.001", task_id="T", token="A", number=1, function="f", kind="command",
        data={"argv": ["true"]}, recorded_at_ms=1,
    )  # fmt: skip
    parts: Any = SimpleNamespace(paths=SimpleNamespace(home=None))
    settings = FunctionSettings(name="f", kind="python")
    outcome = asyncio.run(undo_process.carry_out(parts, step, settings, UndoPolicy(), ours=False))
    assert outcome.tried is Tried.FAILED
    assert "could not be started: [Errno 24]" in outcome.why
