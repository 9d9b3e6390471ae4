"""A plan's options, moves and turns: what is refused, when it stops, how many and which go next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fnr.policy.replay import (
    CONCURRENCY_DEFAULT,
    CONCURRENCY_MAX,
    LEGAL_REPLAY_MOVES,
    RAMP_MS_MAX,
    RATE_PER_H_MAX,
    ReplayOptions,
    ReplayOrder,
    ReplayPlan,
    ReplayState,
    changed,
    died_at_ms,
    goes_on_by_itself,
    moved,
    options_problem,
    paused,
    rank,
    resumed,
)
from fnr.policy.replay_turn import (
    BURST_MS,
    SHARE_ENDS_MIN,
    Candidate,
    Pace,
    choose,
    judge,
    led_anew,
    pace_wait_ms,
    per_ms,
    ramp_wait_ms,
    rate_wait_ms,
    room,
    saved,
    spent,
)

PLAN = ReplayPlan(
    plan_id="01JP0000000000000000000001",
    state=ReplayState.RUNNING,
    state_at_ms=1,
    created_at_ms=1,
    created_by="ann",
    total=100,
    pending=100,
    frozen_at_ms=1,
    running_at_ms=1,
)
CANARY = replace(PLAN, state=ReplayState.CANARY, running_at_ms=None)


# ── options ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"canary": -1}, "canary"),
        ({"rate_per_h": 0}, "rate"),
        ({"rate_per_h": RATE_PER_H_MAX + 1}, "rate"),
        ({"ramp_ms": 0}, "ramp"),
        ({"ramp_ms": RAMP_MS_MAX + 1}, "ramp"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": CONCURRENCY_MAX + 1}, "concurrency"),
        ({"failures_max": 0}, "failure"),
        ({"failures_percent": 0}, "share"),
        ({"failures_percent": 101}, "share"),
        ({"keep_order_by": "scene"}, "tag.NAME"),
        ({"keep_order_by": "tag."}, "tag.NAME"),
        ({"keep_order_by": "tag." + "x" * 300}, "tag.NAME"),
    ],
)
def test_options_out_of_bounds_are_refused(fields: dict[str, object], word: str) -> None:
    problem = options_problem(ReplayOptions(**fields))  # type: ignore[arg-type]  # by name
    assert problem is not None
    assert word in problem


def test_good_options_are_taken() -> None:
    assert options_problem(ReplayOptions()) is None
    full = ReplayOptions(
        canary=5, rate_per_h=1, ramp_ms=1, concurrency=1, failures_percent=100,
        keep_order_by="input.scene",
    )  # fmt: skip
    assert options_problem(full) is None


def test_a_limit_is_changed_left_or_taken_away() -> None:
    options = ReplayOptions(rate_per_h=5, concurrency=7)
    assert changed(options, rate_per_h=9, concurrency=None) == replace(options, rate_per_h=9)
    assert changed(options, rate_per_h=0) == replace(options, rate_per_h=None)


# ── moves ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("before", ReplayState)
@pytest.mark.parametrize("after", ReplayState)
def test_only_legal_moves_are_made(before: ReplayState, after: ReplayState) -> None:
    found = moved(replace(PLAN, state=before), after, by="ann", why="so", now_ms=9)
    if (before, after) in LEGAL_REPLAY_MOVES:
        assert isinstance(found, ReplayPlan)
        assert (found.state, found.state_by, found.why, found.state_at_ms) == (
            after,
            "ann",
            "so",
            9,
        )
    else:
        assert isinstance(found, str)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (replace(PLAN, state=ReplayState.PAUSED, frozen_at_ms=None), ReplayState.PLANNING),
        (replace(PLAN, state=ReplayState.PAUSED), ReplayState.RUNNING),
        (
            replace(CANARY, state=ReplayState.PAUSED, options=ReplayOptions(canary=2)),
            ReplayState.CANARY,
        ),
        (
            replace(CANARY, state=ReplayState.STOPPED, options=ReplayOptions(canary=2)),
            ReplayState.RUNNING,
        ),
    ],
)
def test_a_plan_is_resumed_where_it_was(plan: ReplayPlan, expected: ReplayState) -> None:
    found = resumed(plan, by="ann", why="", now_ms=9)
    assert isinstance(found, ReplayPlan)
    assert found.state is expected


HELD = replace(PLAN, state=ReplayState.PAUSED, state_by="fnr", why="breaker storage is open")


@pytest.mark.parametrize(
    ("plan", "by_itself"),
    [
        (HELD, True),
        (replace(HELD, options=ReplayOptions(canary=3, rate_per_h=5)), True),
        (replace(HELD, options=ReplayOptions(failures_max=3)), False),
        (replace(HELD, options=ReplayOptions(failures_percent=3)), False),
        (replace(HELD, state_by="ann"), False),
        (replace(HELD, why="lunch"), False),
        (replace(HELD, state=ReplayState.STOPPED), False),
    ],
)
def test_only_what_a_breaker_paused_goes_on_by_itself(plan: ReplayPlan, by_itself: bool) -> None:
    assert goes_on_by_itself(plan) is by_itself


def test_who_pauses_by_hand_is_obeyed_whatever_a_breaker_does() -> None:
    by_hand = paused(HELD, by="ann", why="lunch", now_ms=9)
    assert isinstance(by_hand, ReplayPlan)
    assert (by_hand.state, by_hand.state_by, by_hand.why) == (ReplayState.PAUSED, "ann", "lunch")
    assert not goes_on_by_itself(by_hand)
    assert paused(by_hand, by="bob", why="", now_ms=10) == "already paused"
    from_running = paused(PLAN, by="ann", why="lunch", now_ms=9)
    assert isinstance(from_running, ReplayPlan)
    assert from_running.state is ReplayState.PAUSED


@pytest.mark.parametrize("state", [ReplayState.RUNNING, ReplayState.DONE, ReplayState.CANCELLED])
def test_what_does_not_rest_is_not_resumed(state: ReplayState) -> None:
    assert isinstance(resumed(replace(PLAN, state=state), by="a", why="", now_ms=9), str)


def test_failures_before_a_resume_count_no_longer() -> None:
    options = ReplayOptions(failures_max=2)
    plan = replace(PLAN, options=options, pending=90, dead=2, done=8)
    assert judge(plan) is not None
    stopped = moved(plan, ReplayState.STOPPED, by="fnr", why="", now_ms=9)
    assert isinstance(stopped, ReplayPlan)
    again = resumed(stopped, by="ann", why="", now_ms=10)
    assert isinstance(again, ReplayPlan)
    assert judge(again) is None
    assert judge(replace(again, dead=4)) is not None


# ── stop, or go on ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (PLAN, None),
        (replace(PLAN, pending=0, live=1), None),
        (replace(PLAN, pending=0, done=90, dead=10), ReplayState.DONE),
        (replace(PLAN, pending=0, held=1), None),
        (replace(PLAN, state=ReplayState.PAUSED, pending=0), None),
        # With nothing left, failures stop nothing.
        (replace(PLAN, options=ReplayOptions(failures_max=1), pending=0, dead=9, live=1), None),
    ],
)
def test_a_running_plan_is_done_when_all_have_ended(
    plan: ReplayPlan, expected: ReplayState | None
) -> None:
    found = judge(plan)
    assert (found[0] if found else None) is expected


@pytest.mark.parametrize(
    ("limits", "done", "dead", "stops"),
    [
        ({"failures_max": 3}, 0, 2, False),
        ({"failures_max": 3}, 50, 3, True),
        ({"failures_percent": 10}, 0, SHARE_ENDS_MIN - 1, False),
        ({"failures_percent": 10}, 18, 2, True),
        ({"failures_percent": 10}, 19, 1, False),
        ({}, 0, 50, False),
    ],
)
def test_too_many_failures_stop_a_plan(
    limits: dict[str, int], done: int, dead: int, stops: bool
) -> None:
    plan = replace(PLAN, options=ReplayOptions(**limits), done=done, dead=dead, pending=10)  # type: ignore[arg-type]  # by name
    found = judge(plan)
    assert (found is not None) is stops
    if found is not None:
        assert found[0] is ReplayState.STOPPED
        assert str(dead) in found[1]


@pytest.mark.parametrize(
    ("counts", "limits", "expected"),
    [
        ({"live": 2}, {}, None),
        ({"live": 1, "done": 2}, {}, None),
        ({"done": 3}, {}, ReplayState.RUNNING),
        ({"done": 1, "cancelled": 2}, {}, ReplayState.RUNNING),
        ({"live": 2, "dead": 1}, {}, ReplayState.STOPPED),
        ({"live": 1, "done": 1, "dead": 1}, {"failures_percent": 50}, None),
        ({"done": 2, "dead": 1}, {"failures_percent": 50}, ReplayState.RUNNING),
        ({"done": 1, "dead": 2}, {"failures_percent": 50}, ReplayState.STOPPED),
        ({"done": 2, "dead": 1}, {"failures_max": 2}, ReplayState.RUNNING),
        ({"done": 2, "pending": 0}, {}, ReplayState.RUNNING),
    ],
)
def test_a_canary_is_judged_by_its_own(
    counts: dict[str, int], limits: dict[str, int], expected: ReplayState | None
) -> None:
    options = ReplayOptions(canary=3, **limits)  # type: ignore[arg-type]  # by name
    found = judge(replace(CANARY, options=options, **counts))
    assert (found[0] if found else None) is expected


# ── how many ─────────────────────────────────────────────────────────────────


def test_room_is_what_live_tasks_leave() -> None:
    assert room(PLAN, elapsed_ms=0) == 100
    assert room(replace(PLAN, pending=5_000, live=990), elapsed_ms=0) == CONCURRENCY_DEFAULT - 990
    few = replace(PLAN, options=ReplayOptions(concurrency=4), live=3)
    assert room(few, elapsed_ms=0) == 1
    assert room(replace(few, live=9), elapsed_ms=0) == 0
    canary = replace(CANARY, options=ReplayOptions(canary=3), live=1, done=1)
    assert room(canary, elapsed_ms=0) == 1


def test_a_ramp_opens_step_by_step() -> None:
    plan = replace(PLAN, options=ReplayOptions(ramp_ms=1_000, concurrency=50))
    assert [room(plan, elapsed_ms=at) for at in (0, 500, 1_000, 9_000)] == [5, 25, 50, 50]
    assert ramp_wait_ms(plan, elapsed_ms=0) == 20
    assert ramp_wait_ms(plan, elapsed_ms=1_000) is None
    rated = replace(plan, options=ReplayOptions(ramp_ms=1_000, rate_per_h=3_600_000))
    assert [per_ms(rated, elapsed_ms=at) for at in (0, 500, 1_000)] == [0.1, 0.5, 1.0]
    assert ramp_wait_ms(rated, elapsed_ms=0) is None
    assert room(rated, elapsed_ms=0) == 100


@given(
    rate_per_h=st.integers(1, RATE_PER_H_MAX),
    waits=st.lists(st.integers(0, 100_000), max_size=40),
)
def test_a_rate_is_kept_over_any_stretch(rate_per_h: int, waits: list[int]) -> None:
    """Method: take all that is allowed whenever somebody looks; never more than rate and burst."""
    rate = per_ms(replace(PLAN, options=ReplayOptions(rate_per_h=rate_per_h)), elapsed_ms=0)
    assert rate is not None
    pace, taken, now_ms = Pace(1.0, 0), 0, 0
    for wait_ms in waits:
        now_ms += wait_ms
        pace = saved(pace, rate, at_ms=now_ms)
        count = int(pace.credit)
        pace = spent(pace, count)
        taken += count
        assert taken <= now_ms * rate + 1 + rate * BURST_MS


@given(rate_per_h=st.integers(1, RATE_PER_H_MAX))
def test_waiting_as_long_as_told_earns_one(rate_per_h: int) -> None:
    rate = per_ms(replace(PLAN, options=ReplayOptions(rate_per_h=rate_per_h)), elapsed_ms=0)
    assert rate is not None
    pace = Pace(0.0, 0)
    wait_ms = pace_wait_ms(pace, rate)
    assert saved(pace, rate, at_ms=wait_ms).credit >= 1 - 1e-6


def test_a_ramp_of_a_slow_rate_is_not_slept_through() -> None:
    """A letter every ten minutes at first would have been one in all of the ramp."""
    options = ReplayOptions(rate_per_h=60, ramp_ms=600_000)
    plan = replace(PLAN, options=options, running_at_ms=0)
    pace, now_ms, taken_at_ms = Pace(1.0, 0), 0, list[int]()
    while now_ms <= 1_200_000:
        rate = per_ms(plan, elapsed_ms=now_ms)
        assert rate is not None
        pace = saved(pace, rate, at_ms=now_ms)
        taken_at_ms += [now_ms] * int(pace.credit)
        pace = spent(pace, int(pace.credit))
        now_ms += rate_wait_ms(plan, pace, rate, elapsed_ms=now_ms)
    assert 5 <= sum(at_ms <= 600_000 for at_ms in taken_at_ms) <= 7
    assert 15 <= len(taken_at_ms) <= 17


def test_a_rate_that_is_ramped_up_waits_for_what_it_has_saved() -> None:
    plan = replace(PLAN, options=ReplayOptions(rate_per_h=60, ramp_ms=600_000), running_at_ms=0)
    assert rate_wait_ms(plan, Pace(0.0, 0), 1 / 60_000, elapsed_ms=600_000) == 60_000
    assert rate_wait_ms(plan, Pace(0.9999, 0), 1 / 60_000, elapsed_ms=0) == 6
    assert rate_wait_ms(plan, Pace(0.0, 0), 1 / 60_000, elapsed_ms=0) == 6_000


def test_a_clock_that_stands_still_earns_nothing() -> None:
    assert saved(Pace(0.5, 100), 1.0, at_ms=90).credit == 0.5


def test_a_plan_that_is_led_anew_goes_on_at_its_rate() -> None:
    rate = 1 / 3_600_000
    assert led_anew(idle_ms=None, at_ms=50).credit == 1.0
    young = led_anew(idle_ms=900_000, at_ms=50)
    assert saved(young, rate, at_ms=50).credit == pytest.approx(0.25)
    assert saved(led_anew(idle_ms=86_400_000, at_ms=50), rate, at_ms=50).credit == 1.0
    assert led_anew(idle_ms=-5_000, at_ms=50) == Pace(0.0, 50), "the clock was set back"


# ── which ────────────────────────────────────────────────────────────────────


def candidate(number: int, key: str | None = None, **fields: object) -> Candidate:
    """The number-th in the order."""
    return Candidate(rank=number, task_id=f"{number:026}", key=key, **fields)  # type: ignore[arg-type]  # by name


def test_of_one_key_only_the_first_goes() -> None:
    first, second, other, free = (
        candidate(1, "a"), candidate(2, "a"), candidate(3, "b"), candidate(4),
    )  # fmt: skip
    found = choose([first, second, other, free], busy=frozenset("b"), free=9)
    assert (found.start, found.hold) == ((first, free), (second, other))


def test_one_that_cannot_go_is_skipped_when_its_turn_comes() -> None:
    held = candidate(1, "a", problem="no")
    ready = candidate(2, "b", problem="no", ready=True)
    found = choose([held, ready], busy=frozenset("ab"), free=9)
    assert (found.hold, found.skip, found.start) == ((held,), (ready,), ())


def test_nothing_is_looked_at_behind_the_last_free_place() -> None:
    found = choose([candidate(n) for n in range(5)], busy=frozenset(), free=2)
    assert (len(found.start), found.looked_at) == (2, 2)


@given(
    order=st.sampled_from(ReplayOrder),
    died=st.lists(st.tuples(st.integers(0, 2**43), st.integers(1, 10)), min_size=2, max_size=2),
)
def test_ranks_sort_as_their_order_says(order: ReplayOrder, died: list[tuple[int, int]]) -> None:
    (one_at, one_priority), (other_at, other_priority) = died
    one = rank(order, died_at_ms=one_at, priority=one_priority)
    other = rank(order, died_at_ms=other_at, priority=other_priority)
    assert died_at_ms(order, one) == one_at
    expected = {
        ReplayOrder.OLDEST: one_at < other_at,
        ReplayOrder.NEWEST: one_at > other_at,
        ReplayOrder.PRIORITY: (-one_priority, one_at) < (-other_priority, other_at),
    }[order]
    assert (one < other) is expected
