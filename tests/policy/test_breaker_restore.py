"""A breaker of another boot rests no longer than it was to, and no less than it has to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fnr.policy.breaker import Breaker, BreakerSettings, BreakerState, Forced
from fnr.policy.breaker_restore import SavedAt, restored

RULES = BreakerSettings(name="storage", open_ms=60_000, open_max_ms=600_000)
SAVED = SavedAt(boot_id="a", boot_ms=5_000_000, at_ms=1_700_000_000_000)
OPEN = Breaker(name="storage", own=BreakerState.OPEN, reopen_ms=SAVED.boot_ms + 30_000)


def left_ms(breaker: Breaker, now: SavedAt) -> int:
    assert breaker.reopen_ms is not None
    return breaker.reopen_ms - now.boot_ms


def test_in_the_same_boot_nothing_changes() -> None:
    now = replace(SAVED, boot_ms=SAVED.boot_ms + 1, at_ms=0)
    assert restored(OPEN, RULES, saved=SAVED, now=now) == OPEN


def test_the_time_that_passed_is_taken_off_the_rest() -> None:
    now = SavedAt(boot_id="b", boot_ms=9_000, at_ms=SAVED.at_ms + 20_000)
    assert left_ms(restored(OPEN, RULES, saved=SAVED, now=now), now) == 10_000


def test_a_clock_that_was_set_back_makes_the_rest_begin_anew_and_no_longer() -> None:
    now = SavedAt(boot_id="b", boot_ms=9_000, at_ms=SAVED.at_ms - 10**9)
    assert left_ms(restored(OPEN, RULES, saved=SAVED, now=now), now) == 30_000


def test_a_forced_state_ends_when_it_was_to() -> None:
    forced = Forced(
        state=BreakerState.FORCED_OPEN, until_ms=SAVED.boot_ms + 60_000, by="ann", reason=""
    )
    now = SavedAt(boot_id="b", boot_ms=9_000, at_ms=SAVED.at_ms + 20_000)
    found = restored(Breaker(name="storage", forced=forced), RULES, saved=SAVED, now=now)
    assert found.forced is not None
    assert found.forced.until_ms - now.boot_ms == 40_000


@given(st.integers(0, 10**9), st.integers(-(10**12), 10**12), st.integers(-(10**9), 10**9))
def test_no_clock_makes_a_rest_longer_than_the_longest(
    boot_ms: int, jumped_ms: int, rest_ms: int
) -> None:
    now = SavedAt(boot_id="b", boot_ms=boot_ms, at_ms=SAVED.at_ms + jumped_ms)
    breaker = replace(OPEN, reopen_ms=SAVED.boot_ms + rest_ms)
    found = restored(breaker, RULES, saved=SAVED, now=now)
    assert left_ms(found, now) <= min(max(rest_ms, rest_ms - jumped_ms), RULES.open_max_ms)
    assert found.state is BreakerState.OPEN
