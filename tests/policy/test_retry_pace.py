"""When another try may come: paced per task, paid by the function, and never refused for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policy_values import (
    CLASSIFICATIONS,
    EVIDENCE,
    NOW_MS,
    POLICIES,
    RUNNING_TASKS,
    TOKEN,
    classified,
    running,
)

from fnr.policy.budget import BudgetPolicy
from fnr.policy.degrade import Rung
from fnr.policy.evidence import Evidence
from fnr.policy.failure import Around
from fnr.policy.pace import BUDGET, pause_ms
from fnr.policy.retry import CategoryRetry, RetryPolicy, policy_for
from fnr.policy.rules import Classification, Strategy
from fnr.policy.task import AttemptOutcome, Task, TaskState
from fnr.policy.verdict import Action, Verdict, decide

RETRY = classified(strategy=Strategy.RETRY_WITH_BACKOFF)
WINDOW_MS = 300_000
BROKEN = Evidence(message="it broke")
POLICY = RetryPolicy()

AROUNDS = st.builds(
    Around,
    expected_ms=st.integers(0, 10**7),
    balance_ms=st.none() | st.integers(0, 10**6),
    recent=st.lists(st.integers(NOW_MS - 10**6, NOW_MS + 10**6), max_size=9).map(tuple),
    ladder=st.lists(
        st.builds(
            Rung,
            when=st.sampled_from(["resource", "transient", "unknown", "exhausted"]).map(
                lambda word: (word,)
            ),
            set=st.just({"n": 1}),
            function=st.sampled_from(["", "other"]),
        ),
        max_size=2,
    ).map(tuple),
)


def fail(
    task: Task,
    around: Around,
    *,
    found: Classification = RETRY,
    evidence: Evidence = BROKEN,
    policy: RetryPolicy = POLICY,
) -> Verdict:
    return decide(
        task,
        evidence,
        found,
        token=TOKEN,
        policy=policy,
        now_ms=NOW_MS,
        fraction=0.5,
        around=around,
    )


@given(
    task=RUNNING_TASKS, evidence=EVIDENCE, found=CLASSIFICATIONS, policy=POLICIES, around=AROUNDS
)
def test_no_verdict_loses_a_task(
    task: Task, evidence: Evidence, found: Classification, policy: RetryPolicy, around: Around
) -> None:
    """It waits for a later moment or a condition, is done, or is dead with a reason: always."""
    verdict = fail(task, around, found=found, evidence=evidence, policy=policy)
    after = verdict.task
    assert after.task_id == task.task_id
    assert verdict.decision.why
    match after.state:
        case TaskState.QUEUED:
            assert after.owner is None
        case TaskState.WAITING:
            assert after.waiting_for
        case TaskState.DEAD:
            assert verdict.letter is not None
            assert verdict.letter.reason
            assert verdict.letter.task_id == task.task_id
        case _:
            assert after.state is TaskState.CANCELLED
            return
    if verdict.outcome is AttemptOutcome.FAILED and after.state is not TaskState.DEAD:
        longest_ms = max(policy.wait_ms * 2, policy.delay_max_ms * 2, policy.window_ms)
        assert NOW_MS <= after.due_at_ms <= NOW_MS + longest_ms
    if verdict.balance_ms is not None:
        assert 0 <= verdict.balance_ms <= (around.balance_ms or 0)


def test_a_retry_is_paid_in_work() -> None:
    verdict = fail(running(), Around(expected_ms=4_000, balance_ms=10_000))
    assert verdict.decision.action is Action.RETRY
    assert verdict.balance_ms == 6_000
    assert verdict.decision.numbers == {"balance_ms": 10_000, "price_ms": 4_000}


def test_an_empty_budget_parks_and_says_so() -> None:
    verdict = fail(running(), Around(expected_ms=12_000, balance_ms=400))
    assert verdict.decision.action is Action.PARK
    assert verdict.task.state is TaskState.WAITING
    assert verdict.task.waiting_for == BUDGET
    assert verdict.balance_ms is None
    assert "retry budget of render is empty: 400 ms of work left" in verdict.task.reason
    assert "a retry costs 12000 ms" in verdict.task.reason
    assert verdict.task.retries == 1
    assert verdict.task.due_at_ms == NOW_MS + RetryPolicy().wait_ms


def test_what_the_other_side_asks_is_the_soonest_even_for_the_parked() -> None:
    evidence = Evidence(message="busy", retry_after_ms=90_000)
    verdict = fail(running(), Around(expected_ms=9, balance_ms=0), evidence=evidence)
    assert verdict.decision.delay_ms == 90_000


@pytest.mark.parametrize(
    ("recent", "pause"),
    [
        ((), 0),
        ((NOW_MS - 1,) * 4, 0),
        ((NOW_MS - 100_000,) * 5, WINDOW_MS - 100_000),
        ((NOW_MS - WINDOW_MS,) * 9, 0),
        (tuple(NOW_MS - 10_000 * n for n in range(7)), WINDOW_MS - 40_000),
        ((NOW_MS + 86_400_000,) * 5, WINDOW_MS),  # the clock was set back by a day
    ],
)
def test_five_tries_in_five_minutes_and_the_sixth_comes_later(
    recent: tuple[int, ...], pause: int
) -> None:
    assert pause_ms(recent, policy=RetryPolicy(), now_ms=NOW_MS) == pause


def test_the_sixth_try_is_late_and_not_lost() -> None:
    policy = RetryPolicy(retries_max=9)
    verdict = fail(running(retries=5), Around(recent=(NOW_MS - 1_000,) * 5), policy=policy)
    assert verdict.decision.action is Action.RETRY
    assert verdict.task.due_at_ms == NOW_MS + WINDOW_MS - 1_000
    assert "5 tries within" in verdict.decision.why


def test_a_category_and_a_rule_have_numbers_of_their_own() -> None:
    policy = RetryPolicy(
        by_category={"transient": CategoryRetry(max=7, delay_base_ms=5_000, factor=1.0)}
    )
    assert fail(running(retries=6), Around(), policy=policy).decision.delay_ms == 5_000
    ruled = replace(RETRY, delay_ms=120_000)
    late = fail(running(), Around(), policy=policy, found=ruled)
    assert late.decision.delay_ms == 120_000
    wait = classified(strategy=Strategy.QUEUE_AND_WAIT, wait_ms=7_000)
    assert fail(running(), Around(), policy=policy, found=wait).decision.delay_ms == 7_000
    assert policy_for(policy, "resource") is policy


def test_budget_policies_are_part_of_the_retry_policy() -> None:
    policy = RetryPolicy(budget=BudgetPolicy(initial_ms=5, max_ms=5))
    verdict = fail(running(), Around(expected_ms=10**6, balance_ms=5), policy=policy)
    assert verdict.balance_ms == 0
