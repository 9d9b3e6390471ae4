"""The score is truthful: whatever is sabotaged, classification, ledger, undo or proof, shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fnr.policy.chaos_score import (
    DEMANDS,
    FAIL,
    INVALID,
    PASS,
    UNSAFE,
    FaultScore,
    Figures,
    Score,
    Spread,
    judge,
    measured,
    regressions,
    spread,
)

GOOD = Figures(
    detection_ms=Spread(p50=10, p99=3_000, max=3_000, n=60),
    recovery_rate=1.0,
    classification_rate=1.0,
    breaker_response_ms=Spread(p50=1, p99=2, max=2, n=5),
    concurrent_scenarios=64,
    actions_logged_rate=1.0,
)
FAULT = FaultScore(fault="hang", target="x", effect_proven=True, reverted=True, effect="seen")
SCORE = Score(
    score_id="1", at_ms=0, scenario="quick", seed=1, concurrent=64, elapsed_ms=1, version="0",
    python="3", live=False, verdict=PASS, why=[], figures=GOOD, faults=[FAULT],
)  # fmt: skip


def test_everything_as_demanded_passes() -> None:
    assert judge(GOOD, [FAULT]) == (PASS, [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"detection_ms": Spread(p50=1, p99=1, max=5_001, n=1)}, "detection"),
        ({"recovery_rate": 0.79}, "recovery"),
        ({"lost": 1}, "lost"),
        ({"duplicated": 1}, "twice"),
        ({"classification_rate": 0.94}, "classification"),
        ({"breaker_response_ms": Spread(p50=1, p99=1, max=101, n=1)}, "breaker"),
        ({"concurrent_scenarios": 49}, "at once"),
        ({"actions_logged_rate": 0.999}, "on record"),
    ],
)
def test_each_missed_demand_fails_and_is_named(change: dict[str, object], words: str) -> None:
    verdict, why = judge(replace(GOOD, **change), [FAULT])
    assert verdict == FAIL
    assert len(why) == 1
    assert words in why[0]


def test_a_fault_without_effect_makes_the_drill_invalid_however_good_its_figures() -> None:
    verdict, why = judge(GOOD, [FAULT, replace(FAULT, fault="memory", effect_proven=False)])
    assert verdict == INVALID
    assert "memory had no effect" in why[0]
    assert judge(GOOD, [])[0] == INVALID


def test_what_was_not_undone_is_worse_than_anything_else() -> None:
    nothing = replace(FAULT, fault="disk-full", effect_proven=False)
    assert judge(replace(GOOD, lost=3), [replace(FAULT, reverted=False), nothing])[0] == UNSAFE
    assert judge(replace(GOOD, residue=1), [FAULT])[0] == UNSAFE


def test_nobody_demands_more_errors_at_once_than_were_asked_for() -> None:
    """Nor so many of a running daemon: its canaries have few workers, and no live drill passed."""
    few = replace(GOOD, concurrent_scenarios=14)
    assert judge(few, [FAULT], concurrent=64)[0] == FAIL
    assert judge(few, [FAULT], concurrent=20) == (PASS, [])
    assert judge(few, [FAULT], concurrent=64, live=True) == (PASS, [])


def test_what_was_not_measured_is_said_and_never_taken_for_good() -> None:
    verdict, why = judge(replace(GOOD, breaker_response_ms=None), [FAULT])
    assert verdict == PASS
    assert why == ["breaker response, longest: not measured"]


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_a_spread_is_in_order_and_made_of_its_values(values: list[int]) -> None:
    found = spread(values)
    assert found is not None
    assert found.p50 <= found.p99 <= found.max == max(values)
    assert {found.p50, found.p99} <= set(values)
    assert found.n == len(values)


def test_a_score_is_no_worse_than_itself_and_worse_when_any_figure_is() -> None:
    assert regressions(SCORE, SCORE) == []
    for demand in DEMANDS:
        if demand.figure == "concurrent_scenarios":
            continue
        was = measured(GOOD, demand)
        assert was is not None
        worse: object = was - 0.5 if demand.at_least else int(was) + 2_000
        if isinstance(getattr(GOOD, demand.figure), Spread):
            worse = Spread(p50=1, p99=1, max=int(was) * 2 + 2_000, n=1)
        after = replace(SCORE, figures=replace(GOOD, **{demand.figure: worse}))
        assert len(regressions(SCORE, after)) == 1, demand
        assert regressions(after, SCORE) == []


def test_a_verdict_a_figure_or_a_fault_that_is_gone_is_a_regression() -> None:
    assert "verdict" in regressions(SCORE, replace(SCORE, verdict=FAIL))[0]
    gone = replace(SCORE, figures=replace(GOOD, breaker_response_ms=None))
    assert "not measured" in regressions(SCORE, gone)[0]
    assert "hang" in regressions(SCORE, replace(SCORE, faults=[]))[0]
