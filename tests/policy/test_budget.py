"""Retry budgets: never below nothing, never above the cap, never more retries than were earned."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fnr.policy.budget import BudgetPolicy, affords, cost_ms, deposit, withdraw

DURATIONS_MS = st.integers(0, 3_600_000)
POLICIES = st.builds(
    lambda low, more, share: BudgetPolicy(initial_ms=low, max_ms=low + more, share=share),
    st.integers(0, 1_000_000),
    st.integers(1, 1_000_000),
    st.floats(0, 1),
)


class Spending(RuleBasedStateMachine):
    """One function's budget while attempts of it succeed and fail."""

    @initialize(policy=POLICIES)
    def begin(self, policy: BudgetPolicy) -> None:
        self.policy = policy
        self.balance_ms = policy.initial_ms
        self.succeeded_ms = 0
        self.paid_ms = 0
        self.rest_ms = 0.0
        self.was_full = policy.initial_ms == policy.max_ms

    @rule(duration_ms=DURATIONS_MS)
    def succeed(self, duration_ms: int) -> None:
        before_ms = self.balance_ms
        self.balance_ms, self.rest_ms = deposit(
            before_ms, duration_ms, self.policy, rest_ms=self.rest_ms
        )
        self.was_full |= self.balance_ms == self.policy.max_ms
        self.succeeded_ms += duration_ms
        assert before_ms <= self.balance_ms

    @rule(expected_ms=DURATIONS_MS)
    def retry(self, expected_ms: int) -> None:
        if affords(self.balance_ms, expected_ms, self.policy):
            before_ms = self.balance_ms
            self.balance_ms = withdraw(before_ms, expected_ms, self.policy)
            self.paid_ms += before_ms - self.balance_ms
            assert before_ms - self.balance_ms == cost_ms(expected_ms, self.policy)

    @rule(expected_ms=DURATIONS_MS)
    def a_full_budget_pays_for_any_retry(self, expected_ms: int) -> None:
        assert affords(self.policy.max_ms, expected_ms, self.policy)

    @invariant()
    def it_is_bounded_and_nothing_is_given_for_nothing(self) -> None:
        assert 0 <= self.balance_ms <= self.policy.max_ms
        earned_ms = self.succeeded_ms * self.policy.share
        assert (
            self.paid_ms + self.balance_ms <= self.policy.initial_ms + earned_ms + 1e-6 * earned_ms
        )
        assert 0 <= self.rest_ms < 1

    @invariant()
    def nothing_that_was_earned_is_lost_below_a_full_budget(self) -> None:
        if not self.was_full:
            earned_ms = self.succeeded_ms * self.policy.share
            held_ms = self.paid_ms + self.balance_ms + self.rest_ms
            assert held_ms == pytest.approx(self.policy.initial_ms + earned_ms, abs=1e-3)


def test_a_budget_is_bounded_and_earned() -> None:
    run_state_machine_as_test(Spending, settings=settings(max_examples=40, stateful_step_count=25))


@pytest.mark.parametrize(
    "wrong", [{"initial_ms": 2, "max_ms": 1}, {"initial_ms": -1}, {"share": 1.5}, {"share": -0.1}]
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="budget"):
        BudgetPolicy(**wrong)


def test_quick_successes_pay_in_their_share_too() -> None:
    """Each alone earns less than a millisecond."""
    policy = BudgetPolicy(initial_ms=0, max_ms=1_000, share=0.125)
    balance_ms, rest_ms = 0, 0.0
    for _ in range(100):
        balance_ms, rest_ms = deposit(balance_ms, 2, policy, rest_ms=rest_ms)
    assert balance_ms == 25


def test_a_dear_retry_costs_more_than_a_cheap_one() -> None:
    policy = BudgetPolicy(initial_ms=60_000, max_ms=60_000)
    assert cost_ms(2_000, policy) == 2_000
    assert cost_ms(540_000, policy) == 60_000
    assert not affords(withdraw(60_000, 540_000, policy), 2_000, policy)
