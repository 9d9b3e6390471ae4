"""Functions that have another way are looked through while a breaker is open: once at a time."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from fnr.config.settings import FunctionSettings
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts
from fnr.daemon.stepping_aside import EVERY_MS, SteppingAside
from fnr.policy.degrade import Rung


def test_the_next_look_comes_when_the_one_before_is_over() -> None:
    """With very many tasks it takes longer than from one to the next; and it must not be lost."""
    timers: list[tuple[float, Callable[[], None]]] = []
    asked: list[Callable[[None, BaseException | None], None]] = []

    def later(wait_ms: float, call: Callable[[], None]) -> Any:
        timers.append((wait_ms, call))
        return SimpleNamespace(cancel=timers.clear)

    way = Rung(when=("breaker:gpu",), function="render_cpu")
    render = FunctionSettings(name="render", kind="python", degrade=(way,))
    parts = SimpleNamespace(
        settings=SimpleNamespace(functions={"render": render}),
        clock=SimpleNamespace(now_ms=lambda: 0),
        later=later,
        store=SimpleNamespace(post=lambda _unit, done: asked.append(done)),
    )
    aside = SteppingAside(cast("Parts", parts), cast("Dispatcher", None), lambda: ("gpu",))

    def due_ms() -> float:
        [(wait_ms, call)] = timers
        timers.clear()
        call()
        return wait_ms

    aside.start()
    assert due_ms() == 0
    assert timers == []
    # A breaker has moved meanwhile: what is new is looked at as soon as that is possible.
    aside.moved(["gpu"])
    assert due_ms() == 0
    assert (len(asked), timers) == (1, [])
    asked.pop()(None, None)
    assert due_ms() == 0
    asked.pop()(None, OSError("the disk is full"))
    assert due_ms() == EVERY_MS
    assert len(asked) == 1
