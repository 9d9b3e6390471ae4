"""Counts in sentences: one of them is not "1 tasks"."""

from __future__ import annotations

import pytest

from fnr.policy.breaker_counts import Counts, TripRules, why_trip
from fnr.policy.counted import counted


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 retries"), (1, "1 retry"), (2, "2 retries"), (1000, "1000 retries")],
)
def test_one_has_a_word_of_its_own(number: int, words: str) -> None:
    assert counted(number, "retry", "retries") == words
    assert counted(number, "task") == words.replace("retries", "tasks").replace("retry", "task")


@pytest.mark.parametrize(
    ("counts", "rules", "words"),
    [
        (
            Counts(streak=1, recent=(True,)),
            TripRules(failures_max=1),
            "1 failure in a row (failures 1)",
        ),
        (
            Counts(recent=(True,)),
            TripRules(window_failed=1, window_of=1),
            "1 of the last 1 call failed (window 1 of 1)",
        ),
    ],
)
def test_a_breaker_that_one_failure_opens_says_so(
    counts: Counts, rules: TripRules, words: str
) -> None:
    assert why_trip(counts, rules) == words
