"""When a breaker opens and closes, as promises; its whole life as a state machine."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from fnr.policy.breaker import (
    LEGAL_BREAKER_MOVES,
    Breaker,
    BreakerMove,
    BreakerSettings,
    BreakerState,
    Forced,
    Step,
    failed,
    force,
    overdue,
    passed,
    probed,
    reset,
    rest_ms,
    succeeded,
)
from fnr.policy.breaker_counts import NOTHING, TripRules

MINUTE_MS = 60_000
STORAGE = BreakerSettings(name="storage")
COMFYUI = BreakerSettings(name="comfyui", trip=TripRules(failures_max=3), open_ms=30_000)
NOW_MS = 10_000_000


def after(outcomes: str, settings: BreakerSettings = STORAGE, *, now_ms: int = NOW_MS) -> Breaker:
    """A breaker after such calls in its own generation, a second apart; x is a failure."""
    breaker = Breaker(name=settings.name)
    for index, outcome in enumerate(outcomes):
        event = failed if outcome == "x" else succeeded
        at_ms = now_ms + index * 1_000
        breaker = event(breaker, settings, generation=breaker.generation, now_ms=at_ms).breaker
    return breaker


def half_open(settings: BreakerSettings = STORAGE) -> Breaker:
    breaker = after("x" * settings.trip.failures_max, settings)
    assert breaker.reopen_ms is not None
    return passed(breaker, now_ms=breaker.reopen_ms).breaker


def test_idle_is_who_is_closed_since_his_last_failure_that_counts() -> None:
    assert after("..").idle_ms(now_ms=NOW_MS) == NOW_MS
    assert after("x").idle_ms(now_ms=NOW_MS + 9) == 9
    assert after("x....").idle_ms(now_ms=NOW_MS + 9) == 9, "as long as it is remembered"
    assert replace(Breaker(name="storage"), closed_ms=-5).idle_ms(now_ms=7) == 12
    for busy in (after("xxxxx"), half_open()):
        assert busy.idle_ms(now_ms=NOW_MS * 2) is None
    forced = Forced(state=BreakerState.FORCED_CLOSED, until_ms=NOW_MS, by="me", reason="")
    assert force(Breaker(name="storage"), forced).breaker.idle_ms(now_ms=NOW_MS * 2) is None


# ── opening ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ("xxxx", "closed"),
        ("xxxxx", "open"),
        ("xxxx.xxxx", "open"),  # eight of nine: no streak of five, and yet ill
        ("x....x....x....x....x....", "closed"),
        ("xx.xx.xx", "open"),  # six of eight
        ("x.x.x.x.x", "closed"),  # five of nine: not enough to be sure
        ("x.x.x.x.x.x.x.x.x", "open"),  # half of them, again and again
        ("." * 1_000 + "xxxxx", "open"),
    ],
)
def test_it_opens_when_its_service_is_ill(outcomes: str, state: str) -> None:
    assert after(outcomes).state == state


def test_the_stories_thresholds_are_kept() -> None:
    assert after("xx", COMFYUI).state == "closed"
    opened = after("xxx", COMFYUI)
    assert opened.state == "open"
    assert opened.reopen_ms == NOW_MS + 2_000 + 30_000


@given(failures=st.integers(1, 20))
def test_in_a_row_no_rule_is_quicker_than_the_threshold(failures: int) -> None:
    trip = TripRules(failures_max=failures, window_failed=0)
    settings = BreakerSettings(name="any", trip=trip)
    assert after("x" * (failures - 1), settings).state == "closed"
    assert after("x" * failures, settings).state == "open"


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [("x.x...", "closed"), ("x...x...x...x...", "closed"), ("xx..x..", "open")],
)
def test_a_window_is_as_long_as_was_said_however_many_may_fail_in_a_row(
    outcomes: str, state: str
) -> None:
    trip = TripRules(failures_max=20, window_failed=3, window_of=5, gradual=False)
    assert after(outcomes, BreakerSettings(name="any", trip=trip)).state == state


def test_a_partial_outage_opens_it_without_a_streak() -> None:
    """Four of five fail: counted in a row this would go on for ever."""
    trip = TripRules(failures_max=5, window_failed=0)
    assert after("xxxx." * 2, BreakerSettings(name="any", trip=trip)).state == "open"
    trip = replace(trip, gradual=False)
    assert after("xxxx." * 200, BreakerSettings(name="any", trip=trip)).state == "closed"


def test_failures_of_long_ago_are_forgotten() -> None:
    breaker = after("xxxx")
    late_ms = NOW_MS + STORAGE.trip.forget_ms + 10_000
    step = failed(breaker, STORAGE, generation=0, now_ms=late_ms)
    assert step.move is None
    assert step.breaker.counts.streak == 1


def test_a_rule_that_says_trip_needs_one_failure() -> None:
    breaker = Breaker(name="storage")
    what = "errno ECONNREFUSED"
    step = failed(breaker, STORAGE, generation=0, now_ms=NOW_MS, what=what, trip=True)
    assert step.breaker.state == "open"
    assert step.move is not None and what in step.move.why
    assert step.move.facts["samples"] == [what]


def test_calls_that_do_not_end_open_it_before_they_end() -> None:
    settings = replace(STORAGE, call_max_ms=5_000)
    breaker = Breaker(name="storage")
    assert overdue(breaker, settings, calls=4, now_ms=NOW_MS).move is None
    step = overdue(breaker, settings, calls=5, now_ms=NOW_MS)
    assert step.breaker.state == "open"


# ── resting, testing, closing ────────────────────────────────────────────────


def test_its_rest_ends_by_time_or_by_its_probe() -> None:
    opened = after("xxxxx")
    assert opened.reopen_ms is not None
    assert passed(opened, now_ms=opened.reopen_ms - 1).move is None
    assert passed(opened, now_ms=opened.reopen_ms).breaker.state == "half_open"
    assert probed(opened, healthy=True, now_ms=NOW_MS).breaker.state == "half_open"


def test_while_the_probe_fails_no_trial_is_spent() -> None:
    opened = after("xxxxx")
    assert opened.reopen_ms is not None
    later_ms = opened.reopen_ms + 10 * MINUTE_MS
    ill = probed(opened, healthy=False, now_ms=NOW_MS).breaker
    assert passed(ill, now_ms=later_ms, has_probe=True).breaker.state == "open"
    assert passed(opened, now_ms=later_ms, has_probe=True).breaker.state == "open"
    assert probed(ill, healthy=False, now_ms=later_ms).breaker.state == "open"
    assert probed(ill, healthy=True, now_ms=later_ms).breaker.state == "half_open"


def test_a_probe_that_was_taken_out_of_the_settings_holds_nothing_back() -> None:
    opened = after("xxxxx")
    assert opened.reopen_ms is not None
    ill = probed(opened, healthy=False, now_ms=NOW_MS).breaker
    assert passed(ill, now_ms=opened.reopen_ms, has_probe=False).breaker.state == "half_open"


def test_a_good_trial_closes_it_and_a_bad_one_doubles_its_rest() -> None:
    half = half_open()
    good = succeeded(half, STORAGE, generation=half.generation, now_ms=NOW_MS)
    assert (good.breaker.state, good.breaker.counts) == ("closed", NOTHING)
    bad = failed(half, STORAGE, generation=half.generation, now_ms=NOW_MS)
    assert bad.breaker.reopen_ms == NOW_MS + 2 * MINUTE_MS


def test_as_many_good_trials_as_asked_for_close_it() -> None:
    settings = replace(STORAGE, trials=2)
    half = half_open(settings)
    once = succeeded(half, settings, generation=half.generation, now_ms=NOW_MS).breaker
    assert once.state == "half_open"
    twice = succeeded(once, settings, generation=half.generation, now_ms=NOW_MS).breaker
    assert twice.state == "closed"


def test_a_service_that_flaps_gets_longer_rests_whatever_its_probe_says() -> None:
    breaker, now_ms, rests_ms = after("xxxxx"), NOW_MS, []
    for _ in range(6):
        assert breaker.reopen_ms is not None
        rests_ms.append(breaker.reopen_ms - now_ms)
        early = probed(breaker, healthy=True, now_ms=now_ms + 1).breaker
        assert (early.state == "half_open") == (breaker.openings <= 2)
        now_ms = breaker.reopen_ms
        breaker = passed(breaker, now_ms=now_ms).breaker
        breaker = failed(breaker, STORAGE, generation=breaker.generation, now_ms=now_ms).breaker
    assert rests_ms[1:] == [rest_ms(STORAGE, openings=n) for n in range(2, 7)]
    assert rests_ms[-1] == STORAGE.open_max_ms


@pytest.mark.parametrize("probe", [False, True])
def test_a_service_that_flaps_every_second_does_not_make_its_breaker_flap(probe: bool) -> None:
    """An hour of ten calls a second, each second well or ill, and a probe that is as fickle."""
    breaker, calls, failures, moves = Breaker(name="storage"), 0, 0, []
    for now_ms in range(NOW_MS, NOW_MS + 60 * MINUTE_MS, 100):
        well = now_ms // 1_000 % 2 == 0
        step = passed(breaker, now_ms=now_ms)
        if probe and breaker.state == "open" and step.move is None and now_ms % 5_000 == 0:
            step = probed(breaker, healthy=well, now_ms=now_ms)
        moves += [step.move] if step.move else []
        breaker = step.breaker
        if breaker.state == "open":
            continue
        calls, failures = calls + 1, failures + (not well)
        event = succeeded if well else failed
        step = event(breaker, STORAGE, generation=breaker.generation, now_ms=now_ms)
        moves += [step.move] if step.move else []
        breaker = step.breaker
    openings = [move for move in moves if move.after == "open"]
    # The story's numbers: a rest of one minute that is doubled up to ten.
    assert 5 <= len(openings) <= 12
    assert breaker.openings == len(openings), "no rest began anew"
    assert failures <= 6 * len(openings)
    assert calls <= 20 * len(openings)


def test_a_late_result_of_an_earlier_generation_is_dropped() -> None:
    opened = after("xxxxx")
    half = half_open()
    for stale in (0, opened.generation):
        assert succeeded(half, STORAGE, generation=stale, now_ms=NOW_MS) == Step(half)
        assert failed(half, STORAGE, generation=stale, now_ms=NOW_MS, trip=True) == Step(half)


def test_an_unknown_clock_before_the_last_opening_keeps_it_open() -> None:
    """The wall clock does not come in at all, and the boot clock cannot go back."""
    opened = after("xxxxx")
    assert passed(opened, now_ms=0).breaker.state == "open"


# ── by hand ──────────────────────────────────────────────────────────────────


def forced(state: BreakerState, until_ms: int = NOW_MS + MINUTE_MS) -> Forced:
    return Forced(state=state, until_ms=until_ms, by="ann", reason="maintenance")


@pytest.mark.parametrize(
    ("state", "afterwards"),
    [("forced_open", "half_open"), ("forced_closed", "closed"), ("shadow", "closed")],
)
def test_a_forced_state_ends_by_itself(state: str, afterwards: str) -> None:
    step = force(Breaker(name="storage"), forced(BreakerState(state)))
    assert step.breaker.state == state
    assert step.move is not None and (step.move.by, step.move.why) == ("ann", "maintenance")
    assert passed(step.breaker, now_ms=NOW_MS + MINUTE_MS - 1).move is None
    assert passed(step.breaker, now_ms=NOW_MS + MINUTE_MS).breaker.state == afterwards


def test_forced_open_ends_with_the_probe_if_there_is_one() -> None:
    """What it found before it was forced is news of another time."""
    own = probed(after("xxxxx"), healthy=True, now_ms=NOW_MS).breaker
    for before in (Breaker(name="storage"), after("xxxxx"), own):
        step = force(before, forced(BreakerState.FORCED_OPEN))
        over = passed(step.breaker, now_ms=NOW_MS + MINUTE_MS, has_probe=True)
        assert over.move is not None
        assert (over.move.after, over.move.why) == ("open", "its time is over (forced by ann)")
        much_later_ms = NOW_MS + 100 * MINUTE_MS
        assert passed(over.breaker, now_ms=much_later_ms, has_probe=True).move is None
        asked = probed(over.breaker, healthy=True, now_ms=NOW_MS + MINUTE_MS)
        assert asked.breaker.state == "half_open"


def test_forced_closed_lets_everything_through_and_learns_nothing() -> None:
    breaker = force(Breaker(name="storage"), forced(BreakerState.FORCED_CLOSED)).breaker
    assert breaker.admits
    step = failed(breaker, STORAGE, generation=1, now_ms=NOW_MS, trip=True)
    assert step == Step(breaker)


def test_in_shadow_it_says_what_it_would_have_done() -> None:
    breaker = force(Breaker(name="storage"), forced(BreakerState.SHADOW)).breaker
    step = failed(breaker, STORAGE, generation=1, now_ms=NOW_MS, trip=True, what="refused")
    assert step.breaker.admits
    assert step.move is not None and step.move.why.startswith("would be open: ")
    assert passed(step.breaker, now_ms=NOW_MS + MINUTE_MS).breaker.state == "open"


def test_a_reset_closes_whatever_it_was() -> None:
    for breaker in (
        after("xxxxx"),
        half_open(),
        force(after("xxxxx"), forced(BreakerState.SHADOW)).breaker,
        force(after(""), forced(BreakerState.FORCED_OPEN)).breaker,
    ):
        step = reset(breaker, by="ann", reason="", now_ms=NOW_MS)
        assert (step.breaker.state, step.breaker.openings) == ("closed", 0)
        assert step.move is not None
    assert reset(after("xx"), by="ann", reason="", now_ms=NOW_MS).breaker.counts == NOTHING


def test_after_a_reset_of_a_closed_breaker_it_rests_as_if_it_had_never_opened() -> None:
    """It has been closed by a trial, and somebody resets it to begin anew."""
    trial = half_open()
    closed = succeeded(trial, STORAGE, generation=trial.generation, now_ms=NOW_MS + MINUTE_MS)
    assert closed.breaker.openings == 1
    anew_ms = NOW_MS + 60 * MINUTE_MS
    breaker = reset(closed.breaker, by="ann", reason="", now_ms=anew_ms).breaker
    for _ in range(STORAGE.trip.failures_max):
        breaker = failed(breaker, STORAGE, generation=breaker.generation, now_ms=anew_ms).breaker
    assert breaker.reopen_ms == anew_ms + rest_ms(STORAGE, openings=1)


# ── its whole life ───────────────────────────────────────────────────────────

PAUSES_MS = st.integers(0, 5 * MINUTE_MS)


def own_is(*states: BreakerState) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return precondition(lambda life: life.breaker.own in states)


class Life(RuleBasedStateMachine):
    """One breaker, everything that can happen to it, and the moves it made."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = BreakerSettings(
            name="storage", trip=TripRules(failures_max=3), open_ms=1_000, open_max_ms=8_000
        )
        self.breaker = Breaker(name="storage")
        self.now_ms = 1_000
        self.moves: list[BreakerMove] = []

    def take(self, step: Step) -> None:
        before = self.breaker
        self.breaker = step.breaker
        if step.move is None:
            assert step.breaker.generation == before.generation
            assert step.breaker.state == before.state
        else:
            assert step.move.generation == step.breaker.generation == before.generation + 1
            assert (step.move.before, step.move.after) == (before.state, step.breaker.state)
            self.moves.append(step.move)

    @rule(pause_ms=PAUSES_MS)
    def time_passes(self, pause_ms: int) -> None:
        self.now_ms += pause_ms
        self.take(passed(self.breaker, now_ms=self.now_ms))

    @rule(back=st.integers(0, 3), trip=st.booleans())
    def a_call_fails(self, back: int, trip: bool) -> None:
        generation = max(0, self.breaker.generation - back)
        stale = generation != self.breaker.generation
        before = self.breaker
        step = failed(
            before, self.settings, generation=generation, now_ms=self.now_ms, what="x", trip=trip
        )
        assert not stale or step == Step(before)
        self.take(step)

    @rule(back=st.integers(0, 3))
    def a_call_succeeds(self, back: int) -> None:
        generation = max(0, self.breaker.generation - back)
        before = self.breaker
        step = succeeded(before, self.settings, generation=generation, now_ms=self.now_ms)
        assert generation == before.generation or step == Step(before)
        self.take(step)

    @own_is(BreakerState.OPEN, BreakerState.HALF_OPEN)
    @rule(healthy=st.booleans())
    def a_probe_answers(self, healthy: bool) -> None:
        self.take(probed(self.breaker, healthy=healthy, now_ms=self.now_ms))

    @rule(calls=st.integers(0, 5))
    def calls_hang(self, calls: int) -> None:
        self.take(overdue(self.breaker, self.settings, calls=calls, now_ms=self.now_ms))

    @rule(state=st.sampled_from(["forced_open", "forced_closed", "shadow"]), for_ms=PAUSES_MS)
    def somebody_forces_it(self, state: str, for_ms: int) -> None:
        until_ms = self.now_ms + for_ms
        self.take(force(self.breaker, forced(BreakerState(state), until_ms)))

    @rule()
    def somebody_resets_it(self) -> None:
        self.take(reset(self.breaker, by="ann", reason="", now_ms=self.now_ms))
        assert self.breaker.state == "closed"

    @invariant()
    def every_move_is_legal_and_follows_the_last(self) -> None:
        for move in self.moves[-2:]:
            assert (move.before, move.after) in LEGAL_BREAKER_MOVES
        for earlier, later in pairwise(self.moves[-2:]):
            assert earlier.after == later.before
            assert earlier.generation + 1 == later.generation

    @invariant()
    def its_rest_has_an_end(self) -> None:
        reopen_ms = self.breaker.reopen_ms
        assert reopen_ms is None or reopen_ms <= self.now_ms + self.settings.open_max_ms

    @invariant()
    def it_never_closes_by_itself_without_a_good_trial(self) -> None:
        for move in self.moves[-1:]:
            if move.after == "closed" and move.before in {"open", "half_open"}:
                assert move.by == "ann" or "succeeded" in move.why


TestLife = Life.TestCase
