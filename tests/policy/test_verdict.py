"""What follows from the end of an attempt: no verdict may lose a task."""

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

from fnr.policy.dead_letter import DeathCause, LetterState
from fnr.policy.evidence import INTERRUPTIONS, MESSAGE_CHARS_MAX, Evidence, KilledBy
from fnr.policy.retry import RetryPolicy
from fnr.policy.rules import Category, Classification, Severity, Strategy, WaitFor
from fnr.policy.task import AttemptOutcome, IllegalMove, Task, TaskState
from fnr.policy.verdict import Action, Verdict, bury_expired, conclude, decide, excuse

FRACTIONS = st.floats(0, 1, exclude_max=True)
POLICY = RetryPolicy()
BUDGET_MAX = 9


def fail(
    task: Task,
    found: Classification,
    *,
    evidence: Evidence | None = None,
    policy: RetryPolicy = POLICY,
    fraction: float = 0.5,
) -> Verdict:
    return decide(
        task,
        evidence or Evidence(message="it broke"),
        found,
        token=TOKEN,
        policy=policy,
        now_ms=NOW_MS,
        fraction=fraction,
    )


# ── properties ───────────────────────────────────────────────────────────────


@given(
    task=RUNNING_TASKS,
    evidence=EVIDENCE,
    found=CLASSIFICATIONS,
    policy=POLICIES,
    fraction=FRACTIONS,
)
def test_a_failed_task_waits_for_later_or_is_cancelled_or_is_dead_and_explained(
    task: Task, evidence: Evidence, found: Classification, policy: RetryPolicy, fraction: float
) -> None:
    """No verdict may lose a task."""
    verdict = fail(task, found, evidence=evidence, policy=policy, fraction=fraction)
    after = verdict.task

    assert verdict.before == task
    assert verdict.token == TOKEN
    assert verdict.decision.why
    assert after.owner is None
    assert not after.cancel_asked
    assert after.state_at_ms == NOW_MS
    match after.state:
        case TaskState.QUEUED | TaskState.WAITING:
            assert verdict.letter is None
            if verdict.outcome is AttemptOutcome.FAILED:
                assert verdict.decision.delay_ms is not None
                assert after.due_at_ms == NOW_MS + verdict.decision.delay_ms >= NOW_MS
        case TaskState.DEAD:
            assert verdict.letter is not None
            assert verdict.letter.reason
            assert verdict.letter.state is LetterState.OPEN
            assert after.reason
        case _:
            assert after.state is TaskState.CANCELLED
            assert task.cancel_asked or evidence.killed_by is KilledBy.CANCEL
            assert verdict.letter is None


@given(
    task=RUNNING_TASKS,
    evidence=EVIDENCE,
    found=CLASSIFICATIONS,
    policy=POLICIES,
    fraction=FRACTIONS,
)
def test_every_failure_spends_a_budget_and_nothing_else_does(
    task: Task, evidence: Evidence, found: Classification, policy: RetryPolicy, fraction: float
) -> None:
    """A task that lives on after a failure has one unit less of exactly one budget."""
    verdict = fail(task, found, evidence=evidence, policy=policy, fraction=fraction)
    after = verdict.task
    spent = (
        after.retries - task.retries,
        after.unknowns - task.unknowns,
        after.waits - task.waits,
    )

    if verdict.decision.action is Action.RETRY:
        assert spent in {(1, 0, 0), (0, 1, 0)}
    elif verdict.decision.action is Action.WAIT:
        assert spent == (0, 0, 1)
    else:
        assert spent == (0, 0, 0)
    assert after.attempts == task.attempts
    assert after.replays == task.replays
    assert after.deaths - task.deaths == (
        verdict.outcome is AttemptOutcome.FAILED
        and evidence.worker_died
        and evidence.killed_by is None
    )


@given(task=RUNNING_TASKS, evidence=EVIDENCE, found=CLASSIFICATIONS, policy=POLICIES)
def test_the_same_arguments_give_the_same_verdict(
    task: Task, evidence: Evidence, found: Classification, policy: RetryPolicy
) -> None:
    first = fail(task, found, evidence=evidence, policy=policy)
    assert fail(task, found, evidence=evidence, policy=policy) == first


@given(
    task=RUNNING_TASKS.map(lambda task: replace(task, cancel_asked=False)),
    killed_by=st.sampled_from(sorted(INTERRUPTIONS)),
    found=CLASSIFICATIONS,
    died=st.booleans(),
    policy=POLICIES,
)
def test_an_interruption_costs_nothing(
    task: Task, killed_by: KilledBy, found: Classification, died: bool, policy: RetryPolicy
) -> None:
    """Whatever the budgets and whatever the attempt looked like, it goes back to the queue."""
    evidence = Evidence(killed_by=killed_by, worker_died=died)
    verdict = fail(task, found, evidence=evidence, policy=policy)
    after = verdict.task

    assert after.state is TaskState.QUEUED
    assert after.due_at_ms <= NOW_MS
    assert verdict.outcome is AttemptOutcome.INTERRUPTED
    assert verdict.effects == ()
    assert after.interruptions == task.interruptions + 1
    assert (after.retries, after.unknowns, after.waits, after.deaths) == (
        task.retries,
        task.unknowns,
        task.waits,
        task.deaths,
    )


@given(
    task=RUNNING_TASKS.map(lambda task: replace(task, cancel_asked=False)),
    found=CLASSIFICATIONS,
    policy=POLICIES,
)
def test_a_sigterm_that_fnr_did_not_send_costs_no_retry_and_is_not_for_ever(
    task: Task, found: Classification, policy: RetryPolicy
) -> None:
    """A task that ends its own worker by a signal to its group is poison, as one that kills it."""
    evidence = Evidence(
        killed_by=KilledBy.OPERATOR, kill_reason="the worker got SIGTERM", unasked=True
    )
    verdict = fail(task, found, evidence=evidence, policy=policy)
    after = verdict.task

    assert after.deaths == task.deaths + 1
    if after.deaths >= policy.deaths_max:
        assert verdict.letter is not None
        assert verdict.letter.cause is DeathCause.POISON
    else:
        assert after.state is TaskState.QUEUED
        assert after.due_at_ms >= NOW_MS
        assert verdict.decision.delay_ms == after.due_at_ms - NOW_MS
        assert verdict.outcome is AttemptOutcome.INTERRUPTED
        assert (after.retries, after.unknowns, after.waits) == (
            task.retries,
            task.unknowns,
            task.waits,
        )


@given(task=RUNNING_TASKS)
def test_an_attempt_that_never_began_leaves_no_trace_in_the_budgets(task: Task) -> None:
    verdict = excuse(
        task, token=TOKEN, why="recalled", outcome=AttemptOutcome.RETURNED, now_ms=NOW_MS
    )
    if task.cancel_asked:
        assert verdict.task.state is TaskState.CANCELLED
    else:
        assert verdict.task.state is TaskState.QUEUED
        assert verdict.task.interruptions == task.interruptions


@given(task=RUNNING_TASKS)
def test_a_success_counts_even_if_a_cancel_was_asked(task: Task) -> None:
    verdict = conclude(task, token=TOKEN, now_ms=NOW_MS)
    assert verdict.task.state is TaskState.DONE
    assert verdict.outcome is AttemptOutcome.DONE
    assert verdict.letter is None


@given(
    found=CLASSIFICATIONS, policy=POLICIES, fraction=FRACTIONS, own=st.none() | st.integers(0, 9)
)
def test_failing_for_ever_ends_in_a_letter_within_the_budgets(
    found: Classification, policy: RetryPolicy, fraction: float, own: int | None
) -> None:
    """One cause again and again: never more attempts than its budget allows, and one."""
    task, attempts = running(retries_max=own), 1
    verdict = fail(task, found, policy=policy, fraction=fraction)
    while verdict.letter is None:
        attempts += 1
        assert attempts <= BUDGET_MAX + 1
        task = replace(
            verdict.task, state=TaskState.RUNNING, owner=TOKEN, waiting_for=None, attempts=attempts
        )
        verdict = fail(task, found, policy=policy, fraction=fraction)
    budget = {
        Strategy.RETRY_WITH_BACKOFF: policy.retries_max if own is None else own,
        Strategy.RETRY_ONCE: policy.unknown_max if own is None else min(own, policy.unknown_max),
        Strategy.QUEUE_AND_WAIT: policy.waits_max if own is None else min(own, policy.waits_max),
    }.get(found.strategy, 0)
    assert attempts == budget + 1
    assert verdict.letter.attempts == attempts


@given(found=CLASSIFICATIONS, deaths_max=st.integers(1, 5))
def test_a_task_that_kills_its_workers_is_quarantined(
    found: Classification, deaths_max: int
) -> None:
    """However many retries its category allows: after deaths_max deaths it is poison."""
    policy = RetryPolicy(retries_max=99, unknown_max=99, waits_max=99, deaths_max=deaths_max)
    died = Evidence(worker_died=True, signal=11)
    verdict = fail(running(deaths=deaths_max - 1), found, evidence=died, policy=policy)
    assert verdict.letter is not None
    assert verdict.letter.cause is DeathCause.POISON
    assert verdict.task.deaths == deaths_max


# ── one case each ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("strategy", "state", "cause"),
    [
        (Strategy.RETRY_WITH_BACKOFF, TaskState.QUEUED, None),
        (Strategy.RETRY_ONCE, TaskState.QUEUED, None),
        (Strategy.QUEUE_AND_WAIT, TaskState.WAITING, None),
        (Strategy.FAIL_FAST, TaskState.DEAD, DeathCause.VALIDATION),
        (Strategy.DEAD_LETTER, TaskState.DEAD, DeathCause.PERMANENT),
    ],
)
def test_each_strategy_does_its_own(
    strategy: Strategy, state: TaskState, cause: DeathCause | None
) -> None:
    verdict = fail(running(), classified(strategy=strategy))
    assert verdict.task.state is state
    assert (verdict.letter.cause if verdict.letter else None) is cause


@pytest.mark.parametrize("category", [Category.VALIDATION, Category.TRANSIENT])
def test_only_wrong_input_is_said_to_be_wrong(category: Category) -> None:
    """A rule may ask to fail fast, whatever the category."""
    named = replace(classified(strategy=Strategy.FAIL_FAST), category=category)
    letter = fail(running(), named).letter
    assert letter is not None
    assert letter.reason.endswith("retrying cannot help")
    assert ("the input is wrong" in letter.reason) is (category is Category.VALIDATION)


@pytest.mark.parametrize("strategy", Strategy)
def test_what_is_wrong_names_the_cause_even_of_an_expired_task(strategy: Strategy) -> None:
    verdict = fail(running(expires_at_ms=NOW_MS), classified(strategy=strategy))
    assert verdict.letter is not None
    assert verdict.letter.cause is {
        Strategy.FAIL_FAST: DeathCause.VALIDATION,
        Strategy.DEAD_LETTER: DeathCause.PERMANENT,
    }.get(strategy, DeathCause.EXPIRED)


def test_our_own_kill_is_no_death_of_the_worker() -> None:
    evidence = Evidence(killed_by=KilledBy.TIMEOUT, worker_died=True)
    verdict = fail(
        running(deaths=2), classified(strategy=Strategy.RETRY_WITH_BACKOFF), evidence=evidence
    )
    assert verdict.decision.action is Action.RETRY
    assert verdict.task.deaths == 2


@pytest.mark.parametrize(
    ("asked_ms", "delay_ms"), [(None, 1_000), (500, 1_000), (20_000, 20_000), (10**9, 300_000)]
)
def test_a_retry_comes_no_sooner_than_the_other_side_asks(
    asked_ms: int | None, delay_ms: int
) -> None:
    found = classified(strategy=Strategy.RETRY_WITH_BACKOFF)
    verdict = fail(running(), found, evidence=Evidence(retry_after_ms=asked_ms))
    assert verdict.task.due_at_ms == NOW_MS + delay_ms


@pytest.mark.parametrize(
    ("asked_ms", "delay_ms"), [(None, 300_000), (20_000, 20_000), (-5, 0), (10**9, 300_000)]
)
def test_a_wait_is_as_long_as_the_other_side_says_and_no_longer_than_ours(
    asked_ms: int | None, delay_ms: int
) -> None:
    found = classified(strategy=Strategy.QUEUE_AND_WAIT)
    verdict = fail(running(), found, evidence=Evidence(retry_after_ms=asked_ms))
    assert verdict.task.due_at_ms == NOW_MS + delay_ms
    assert verdict.task.waiting_for == "resource"


@pytest.mark.parametrize(
    ("cause", "severity", "audience"),
    [
        (Strategy.FAIL_FAST, "notice", "submitter"),
        (Strategy.DEAD_LETTER, "alert", "admin"),
        (Strategy.RETRY_ONCE, "warning", "admin"),
    ],
)
def test_a_letter_tells_whom_it_concerns(cause: Strategy, severity: str, audience: str) -> None:
    verdict = fail(running(retries=9, unknowns=9), classified(strategy=cause))
    [effect] = verdict.effects
    assert (effect.data["severity"], effect.data["audience"]) == (severity, audience)
    assert effect.key == f"letter:{verdict.task.task_id}:{TOKEN}"


@pytest.mark.parametrize(
    ("severity", "told"),
    [
        (Severity.LOW, "notice"),
        (Severity.NORMAL, "warning"),
        (Severity.HIGH, "alert"),
        (Severity.CRITICAL, "critical"),
    ],
)
def test_a_rules_own_severity_says_how_loudly_its_letters_are_told(
    severity: Severity, told: str
) -> None:
    named = classified(strategy=Strategy.FAIL_FAST, severity=severity)
    [effect] = fail(running(), named).effects
    assert effect.data["severity"] == told


@pytest.mark.parametrize(
    ("by_rule", "own", "retries", "action"),
    [
        (5, None, 4, Action.RETRY),
        (5, None, 5, Action.BURY),
        (0, None, 0, Action.BURY),
        (5, 2, 2, Action.BURY),
        (1, 2, 1, Action.BURY),
        (None, 7, 6, Action.RETRY),
    ],
)
def test_a_rules_number_of_retries_counts_and_the_submitter_can_lower_it(
    by_rule: int | None, own: int | None, retries: int, action: Action
) -> None:
    found = classified(strategy=Strategy.RETRY_WITH_BACKOFF, max_retries=by_rule)
    verdict = fail(running(retries=retries, retries_max=own), found)
    assert verdict.decision.action is action


@pytest.mark.parametrize(
    ("by_rule", "own", "unknowns", "action"),
    [
        (0, None, 0, Action.BURY),
        (4, None, 3, Action.RETRY),
        (4, None, 4, Action.BURY),
        (4, 2, 2, Action.BURY),
    ],
)
def test_a_rules_number_of_retries_counts_where_its_strategy_is_retry_once(
    by_rule: int, own: int | None, unknowns: int, action: Action
) -> None:
    found = classified(strategy=Strategy.RETRY_ONCE, max_retries=by_rule)
    verdict = fail(running(unknowns=unknowns, retries_max=own), found)
    assert verdict.decision.action is action


def test_a_wait_is_for_what_the_rule_names() -> None:
    found = classified(strategy=Strategy.QUEUE_AND_WAIT, max_retries=1, wait_for=WaitFor.VRAM)
    waiting = fail(running(), found)
    assert (waiting.task.waiting_for, waiting.decision.action) == ("vram", Action.WAIT)
    assert "for vram" in waiting.decision.why
    assert fail(running(waits=1), found).decision.action is Action.BURY


def test_a_cancel_keeps_its_own_reason_when_another_kill_was_first() -> None:
    task = running(cancel_asked=True, reason="cancelled by ada: wrong scene")
    evidence = Evidence(killed_by=KilledBy.TIMEOUT, kill_reason="over its timeout of 10 s")
    verdict = fail(task, classified(strategy=Strategy.RETRY_WITH_BACKOFF), evidence=evidence)
    assert verdict.task.state is TaskState.CANCELLED
    assert verdict.task.reason == "cancelled by ada: wrong scene"


def test_a_long_message_does_not_make_the_task_row_long() -> None:
    found = classified(strategy=Strategy.RETRY_ONCE)
    verdict = fail(running(), found, evidence=Evidence(message="x" * 100_000))
    assert len(verdict.task.reason) == MESSAGE_CHARS_MAX


def test_a_task_that_expires_in_the_queue_is_dead_and_says_what_it_waited_for() -> None:
    task = Task(
        task_id="t",
        function="f",
        state=TaskState.WAITING,
        waiting_for="resource",
        expires_at_ms=NOW_MS - 5,
        reason="no space left on device",
    )
    verdict = bury_expired(task, now_ms=NOW_MS)
    assert verdict.task.state is TaskState.DEAD
    assert verdict.token is None
    assert verdict.letter is not None
    assert verdict.letter.cause is DeathCause.EXPIRED
    assert verdict.letter.message == "no space left on device"
    assert "expired 5 ms ago" in verdict.letter.reason
    [effect] = verdict.effects
    assert (effect.data["severity"], effect.data["audience"]) == ("warning", "admin")
    assert effect.data["cause"] == "expired"


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        (0, "not started in time: "),
        (1, "not tried again in time after 1 attempt: "),
        (2, "not tried again in time after 2 attempts: "),
    ],
)
def test_a_task_that_was_begun_before_it_expired_is_not_said_to_be_never_started(
    attempts: int, words: str
) -> None:
    task = Task(task_id="t", function="f", attempts=attempts, expires_at_ms=NOW_MS - 5)
    assert bury_expired(task, now_ms=NOW_MS).decision.why == f"{words}expired 5 ms ago"


def test_a_verdict_cannot_be_built_on_an_illegal_move() -> None:
    done = Task(task_id="t", function="f", state=TaskState.DONE)
    with pytest.raises(IllegalMove):
        conclude(done, token=TOKEN, now_ms=NOW_MS)


def test_the_category_travels_with_the_decision() -> None:
    found = classified(strategy=Strategy.DEAD_LETTER)
    verdict = fail(running(), found)
    assert verdict.decision.category is Category.PERMANENT
    assert verdict.decision.rule == found.rule
    assert verdict.classification == found
