"""Looking for an answer before sleeping: only in a row of quick ones, and not in anybody's way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from subprocess import Popen

import pytest
from wire_server import WireServer

from fnr.api.requests import GetStatus, Status
from fnr.client import connect
from fnr.client.connect import Connection
from fnr.client.eager import LOOK_US, LOOKS_MIN, PAUSE_US, ROW_MAX, ROW_MIN, Eager
from fnr.host.clock import Clock
from fnr.host.own_use import pushed_aside

STATUS = Status(state="running", version="1", home="/h", pid=7)
QUICK_US = LOOK_US // 2


class Asker(Clock):
    """One who asks and is answered, on a clock and a processor that the test moves.

    looks: how often it looked, of each question. pushes: others took the processor so often.
    """

    def __init__(self) -> None:
        self.at_us = 1_000_000
        self.pushes = 0
        self.looks: list[int] = []
        self.eager = Eager(clock=self, pushed_aside=lambda: self.pushes)

    def ticks_ns(self) -> int:
        return self.at_us * 1_000

    def ask(self, *, answer_us: int = QUICK_US, pause_us: int = 0, pushed: bool = False) -> int:
        """Ask, and be answered; how often it looked meanwhile."""
        self.at_us += pause_us
        come_us = self.at_us + answer_us
        looked = 0

        def poll(_: int) -> bool:
            nonlocal looked
            looked += 1
            self.at_us += LOOK_US // 10
            return self.at_us >= come_us

        self.pushes += pushed
        self.eager.look(poll)
        self.at_us = max(self.at_us, come_us)
        self.eager.answered()
        return looked

    def questions_until_it_looks(self) -> int:
        return next(number for number in range(10 * ROW_MAX) if self.ask())


@pytest.fixture
def asker() -> Asker:
    return Asker()


def test_who_asks_now_and_then_never_looks(asker: Asker) -> None:
    assert [asker.ask(pause_us=PAUSE_US * 2) for _ in range(100)] == [0] * 100


def test_in_a_row_it_looks_until_the_answer_has_come(asker: Asker) -> None:
    assert asker.questions_until_it_looks() == ROW_MIN
    assert asker.ask() == 5
    assert asker.ask() == 5


def test_a_pause_ends_the_row(asker: Asker) -> None:
    asker.questions_until_it_looks()
    assert asker.ask(pause_us=PAUSE_US * 2) == 0
    assert asker.questions_until_it_looks() == ROW_MIN - 1


def test_it_does_not_look_for_longer_than_a_quick_answer_takes(asker: Asker) -> None:
    asker.questions_until_it_looks()
    assert 0 < asker.ask(answer_us=60_000_000) <= 11
    assert asker.ask() == 0


def test_slow_answers_are_slept_for(asker: Asker) -> None:
    assert [asker.ask(answer_us=LOOK_US * 2) for _ in range(100)] == [0] * 100


def test_pushed_aside_it_waits_longer_before_it_looks_again(asker: Asker) -> None:
    asker.questions_until_it_looks()
    waits = []
    for _ in range(4):
        asker.ask(pushed=True)
        waits.append(1 + asker.questions_until_it_looks())
    assert waits == [16, 32, ROW_MAX, ROW_MAX]


def test_pushed_aside_once_in_a_long_while_it_looks_again_soon(asker: Asker) -> None:
    for _ in range(3):
        asker.questions_until_it_looks()
        for _ in range(LOOKS_MIN):
            assert asker.ask()
        asker.ask(pushed=True)
    assert asker.questions_until_it_looks() == ROW_MIN - 1


def test_a_connection_that_asks_in_a_row_looks(
    server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []
    monkeypatch.setattr(connect, "Eager", lambda clock: Noting(looked))
    server.answers[GetStatus] = STATUS
    with Connection(server.paths) as connection:
        for _ in range(50):
            assert connection.ask(GetStatus()) == STATUS
    assert len(looked) > 20
    assert all(looked)


class Still(Clock):
    def ticks_ns(self) -> int:
        return 0


class Noting(Eager):
    """Sees to it that every row is quick, and notes whether what it looked for has come."""

    def __init__(self, looked: list[bool]) -> None:
        super().__init__(clock=Still(), pushed_aside=lambda: 0)
        self._looked = looked

    def look(self, poll: Callable[[int], object]) -> None:
        super().look(poll)
        if self.row > ROW_MIN:
            self._looked.append(bool(poll(0)))


def test_a_thread_knows_when_others_took_its_processor() -> None:
    """A real program that wants the only processor that we may use."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with Popen([sys.executable, "-c", "while True: pass"]) as greedy:
            before = pushed_aside()
            while pushed_aside() == before:
                pass
            assert greedy.poll() is None
            greedy.kill()
    finally:
        os.sched_setaffinity(0, allowed)
