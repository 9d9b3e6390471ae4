"""How long a function that waits keeps others from what it waits for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from fnr.daemon.admission import LOOKS, Resources
from fnr.daemon.held import SETTLES_MS, Held, held_again
from fnr.policy.admission import Refusal, Until
from fnr.policy.needs import Needs

TAKEN = Refusal(why="given to others", until=Until.RELEASE, contested=True)
USED = Refusal(why="others use it", until=Until.READING, contested=True)
STRANGER = Refusal(why="a stranger uses it", until=Until.READING)
TURN = Refusal(why="another is first", until=Until.TURN)


def held(refusal: Refusal, now_ms: int, before: Held | None = None) -> Held:
    """After this refusal at that moment."""
    return held_again(before, refusal, needs=Needs(gpus=1), now_ms=now_ms, released=0)


def test_what_was_given_back_may_take_its_time_to_be_free() -> None:
    before = held(TAKEN, 0)
    assert before.contends(now_ms=10**9)
    after = held(STRANGER, 1_000, held(USED, 500, before))
    assert (after.since_ms, after.contends(1_000)) == (0, True)
    assert not after.contends(500 + SETTLES_MS)


def test_who_would_get_nothing_from_others_keeps_them_waiting_no_longer() -> None:
    after = held(STRANGER, SETTLES_MS, held(USED, 0))
    assert (after.since_ms, after.contends(SETTLES_MS)) == (SETTLES_MS, False)
    turn = held(TURN, SETTLES_MS, held(USED, 0))
    assert turn.since_ms == 0


def test_one_idle_worker_after_the_other_is_asked_to_make_room() -> None:
    """The next reading after the first is gone still shows what it had."""
    first = held(USED, 0)
    assert first.wants_room(0)
    first.room_ms = 0
    again = held(USED, 500, first)
    assert (again.wants_room(500), again.wants_room(SETTLES_MS)) == (False, True)
    assert held(TAKEN, 500, first).wants_room(500)
    assert not held(STRANGER, 0).wants_room(0)


def test_why_it_waits_is_shown_also_while_the_driver_is_asked_again() -> None:
    """Of one that hangs that is most of the time; it said that somebody looks, or nothing."""
    nobody = cast("Any", SimpleNamespace())
    parts = SimpleNamespace(clock=SimpleNamespace(boot_ms=lambda: 0))
    free = SimpleNamespace(knows=lambda _needs, gpu: not gpu)
    gate = Resources(cast("Any", parts), nobody, nobody, cast("Any", free))
    gate.look_for = lambda _: None  # type: ignore[method-assign]  # nobody is to be asked
    pool: Any = SimpleNamespace(
        name="render",
        settings=SimpleNamespace(needs=Needs(gpus=1)),
        keeps_gpus=False,
        next_due_at_ms=0,
        holds={},
    )
    assert gate.admit(nobody, pool, nobody, 1).why == LOOKS
    gate.looking(pool)
    assert pool.holds == {}
    gate.note(pool, Refusal(why="the driver did not answer", until=Until.READING))
    assert gate.admit(nobody, pool, nobody, 1).why == "the driver did not answer"
    gate.looking(pool)
    assert pool.holds == {"resources": "the driver did not answer"}
