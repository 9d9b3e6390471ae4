"""A worker that has nothing left to do is gone after its grace, or is ended."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.config.settings import FunctionSettings
from fnr.daemon.farewell import AWAY_MS_MAX, GOODBYE_MS_MIN, expect_back, see_off
from fnr.daemon.parts import Parts
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import Held, WorkerProcess, WorkerState
from fnr.policy.task import WorkerIdentity


class Later:
    """Stands in for Parts: keeps what is to be called later, and after how long."""

    def __init__(self) -> None:
        self.delays_ms: list[float] = []
        self._calls: list[Callable[[], None]] = []

    def later(self, delay_ms: float, call: Callable[[], None]) -> None:
        self.delays_ms.append(delay_ms)
        self._calls.append(call)

    def come(self) -> None:
        """The time is over."""
        for call in self._calls:
            call()


def worker(state: WorkerState, *, grace_ms: int = 5_000) -> WorkerProcess:
    return WorkerProcess(
        identity=WorkerIdentity(worker_id="W", function="f", boot_id="b", pid=1, pid_start=1),
        settings=FunctionSettings(name="f", kind="python", grace_ms=grace_ms),
        secret="",
        pidfd=-1,
        log_path="",
        now_path="",
        started_at_ms=0,
        state=state,
    )


@pytest.mark.parametrize(("grace_ms", "wait_ms"), [(0, GOODBYE_MS_MIN), (7_000, 7_000)])
def test_who_has_said_goodbye_is_ended_after_its_grace(grace_ms: int, wait_ms: int) -> None:
    later, ended = Later(), []
    see_off(
        cast("Parts", later), one := worker(WorkerState.LEAVING, grace_ms=grace_ms), ended.append
    )
    assert later.delays_ms == [wait_ms]
    later.come()
    assert ended == [one]


def test_who_is_gone_is_left_in_peace() -> None:
    later, ended = Later(), []
    for watch in (see_off, expect_back):
        watch(cast("Parts", later), one := worker(WorkerState.LEAVING), ended.append)
        one.state = WorkerState.GONE
    later.come()
    assert ended == []


@pytest.mark.parametrize("back", ["not at all", "with work", "in time"])
def test_an_adopted_worker_that_never_comes_back_keeps_no_place(back: str) -> None:
    """One with an attempt is left to the function's own deadlines."""
    later, ended = Later(), []
    one = worker(WorkerState.AWAY)
    expect_back(cast("Parts", later), one, ended.append)
    if back == "with work":
        one.held["T"] = Held("T", cast("Any", None))
    if back == "in time":
        one.link = cast("Any", object())
    assert later.delays_ms == [AWAY_MS_MAX]
    later.come()
    assert ended == ([one] if back == "not at all" else [])


@pytest.mark.parametrize(("state", "ended"), [(WorkerState.LEAVING, 1), (WorkerState.GONE, 0)])
def test_who_is_gone_meanwhile_is_not_ended_once_more(state: WorkerState, ended: int) -> None:
    """It was to be killed, and died while that was written down: others may have its pidfd now."""
    works: list[str] = []

    def start(work: Coroutine[Any, Any, None], *, what: str) -> None:
        work.close()
        works.append(what)

    store = SimpleNamespace(on_trouble=lambda _: None)
    parts = cast("Any", SimpleNamespace(start=start, store=store))
    dispatcher, runner = (cast("Any", SimpleNamespace(put_back=None)) for _ in range(2))
    one = worker(state)
    Supervisor(parts, dispatcher, runner).interrupt(one)
    assert (len(works), one.interrupted) == (ended, bool(ended))
