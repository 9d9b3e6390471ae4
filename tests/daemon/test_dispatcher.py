"""What was promised to workers in a unit that is rolled back is promised no more."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.daemon.dispatcher import Dispatcher
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


def _all(_tx: object, _pool: object, _worker: object, places: int) -> int:
    return places


def _noted(*_: object) -> None:
    """A gate that has nothing to note."""
