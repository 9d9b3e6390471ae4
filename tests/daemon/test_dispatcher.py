"""What was promised to workers in a unit that is rolled back is promised no more."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.daemon import timekeeper
from fnr.daemon.dispatcher import LOOK_AGAIN_MS, Dispatcher
from fnr.policy.task import Task
from fnr.store import tasks


def free_worker() -> Any:
    """One that takes one attempt."""
    worker = SimpleNamespace(reserved=0, reporting=False, identity=None)
    worker.places = lambda window, ahead=0: window + ahead - worker.reserved
    return worker


def test_a_claim_that_fails_gives_back_the_places_of_those_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody would fill them again: the worker would stand idle for as long as it lives."""
    workers = [free_worker(), free_worker()]
    pool = SimpleNamespace(
        name="render", paused=False, next_due_at_ms=0, shares=lambda: ((w, 1) for w in workers)
    )
    parts = SimpleNamespace(
        dispatching=True,
        clock=SimpleNamespace(now_ms=lambda: 1_000),
        ulids=SimpleNamespace(new=str),
        later=_noted,
    )
    dispatcher = Dispatcher(cast("Any", parts))
    dispatcher.pools["render"] = cast("Any", pool)
    monkeypatch.setattr(dispatcher, "gates", SimpleNamespace(admit=_all, claimed=_noted))
    found = iter([[object()]])

    def claim_due(_: object, **__: object) -> list[object]:
        for claims in found:
            return claims
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(tasks, "claim_due", claim_due)
    with pytest.raises(sqlite3.OperationalError):
        dispatcher.fill(cast("Any", None), "render")
    assert [worker.reserved for worker in workers] == [0, 0]
    assert pool.next_due_at_ms == 0


@pytest.mark.parametrize("refused", ["render", "other"])
def test_what_is_due_later_is_not_forgotten_when_a_claim_of_the_same_commit_is_refused(
    refused: str,
) -> None:
    """As of a task for which its queue had no room, next to an attempt that is to be tried again.

    Without a timer nobody looked for it before something else happened to the function.
    """
    timers: list[tuple[float, Callable[[], None]]] = []
    asked: list[object] = []
    parts = SimpleNamespace(
        dispatching=True,
        clock=SimpleNamespace(now_ms=lambda: 1_000, boot_ms=lambda: 0),
        store=SimpleNamespace(post=lambda unit, _: asked.append(unit)),
        later=lambda delay_ms, call: timers.append((delay_ms, call)),
    )
    dispatcher = Dispatcher(cast("Any", parts))
    for name in ("render", "other"):
        pool = SimpleNamespace(
            name=name, next_due_at_ms=5_000, due_timer=None, wants_worker=lambda: False
        )
        dispatcher.pools[name] = cast("Any", pool)
    for _ in range(2):
        dispatcher.abandon([], refused)
    dispatcher.deliver([], "render")
    if refused == "render":
        [(_, look)] = timers
        look()
        assert len(asked) == 1
    else:
        assert [delay_ms for delay_ms, _ in timers] == [LOOK_AGAIN_MS, 4_000]


def _all(_tx: object, _pool: object, _worker: object, places: int) -> int:
    return places


def _noted(*_: object, **__: object) -> None:
    """A gate that has nothing to note."""


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"next_due_at_ms": 2_000}, True),  # what is queued is not due yet
        ({"next_due_at_ms": 0}, False),  # somebody is before it
        ({"next_due_at_ms": 900}, False),
        ({"paused": True}, False),
        ({"due_at_ms": 1_001}, False),
        ({"concerned": True}, False),  # a gate may hold it back, and looks at what is stored
        ({"holds": {"breakers": "open"}}, False),
        ({"reporting": True}, False),  # its worker is left to the unit that settles
        ({"dispatching": False}, False),
        ({"function": "other"}, False),
    ],
)
def test_a_new_task_is_taken_at_once_only_where_nothing_stands_before_it(
    changes: dict[str, Any], taken: bool
) -> None:
    worker = free_worker()
    worker.reporting = changes.get("reporting", False)
    pool = SimpleNamespace(
        paused=changes.get("paused", False),
        next_due_at_ms=changes.get("next_due_at_ms"),
        holds=changes.get("holds", {}),
        takers=lambda: [worker],
    )
    parts = SimpleNamespace(
        dispatching=changes.get("dispatching", True),
        clock=SimpleNamespace(now_ms=lambda: 1_000),
        ulids=SimpleNamespace(new=lambda: "token"),
        later=_noted,
    )
    dispatcher = Dispatcher(cast("Any", parts))
    dispatcher.pools["render"] = cast("Any", pool)
    gate = SimpleNamespace(concerns=lambda _: changes.get("concerned", False))
    dispatcher.gates.add(cast("Any", gate))
    task = Task(
        task_id="T", function=changes.get("function", "render"), created_at_ms=1_000,
        state_at_ms=1_000, due_at_ms=changes.get("due_at_ms", 1_000),
    )  # fmt: skip
    found = dispatcher.take_new(task, b"{}")
    assert (found is not None, worker.reserved) == (taken, int(taken))
    if found is not None:
        [claim] = found.claims
        assert (claim.task.state, claim.task.owner, claim.task.attempts) == ("running", "token", 1)
        promised = [found]
        for _ in range(3):  # by who is refused again and again while the store is ill
            dispatcher.abandon(promised, "render")
            assert (worker.reserved, pool.next_due_at_ms) == (0, 0)


def test_where_expired_tasks_were_buried_it_is_looked_for_those_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They could not be claimed as long as these stood before them."""
    expired = Task(task_id="A", function="render", expires_at_ms=900)
    for name, found in (("wake_waiting", ()), ("overdue", (expired,))):
        monkeypatch.setattr(tasks, name, lambda *_, found=found, **__: found)
    for name in ("next_wake_at_ms", "next_expiry_at_ms"):
        monkeypatch.setattr(tasks, name, lambda _: None)
    monkeypatch.setattr(timekeeper, "settle", _noted)
    asked: list[str] = []
    nobody: Any = SimpleNamespace()
    parts: Any = SimpleNamespace(
        clock=SimpleNamespace(now_ms=lambda: 1_000),
        store=SimpleNamespace(post=lambda unit, committed: committed(unit(None), None)),
        events=SimpleNamespace(task_moved=_noted),
    )
    dispatcher: Any = SimpleNamespace(due_now=asked.append)
    timekeeper.Timekeeper(parts, dispatcher, nobody, nobody).move_due()
    assert asked == ["render"]
