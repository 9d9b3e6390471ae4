"""Undo goes on behind whatever kept it from going on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from fnr.daemon.undoing import Undoing


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
