"""The one place where the error-handling rules meet.

A Verdict is everything that must become true because one attempt ended. `decide`, `conclude` and
`excuse` build it; they write nothing and read no clock. The daemon settles the whole Verdict in one
transaction, so a crash leaves either none of it or all of it.
"""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.again import try_again
from fnr.policy.burial import bury, bury_expired, dead_end
from fnr.policy.decision import Action, Decision, Effect, Verdict, moved
from fnr.policy.evidence import INTERRUPTIONS, Evidence, KilledBy
from fnr.policy.failure import Around, Failed
from fnr.policy.parking import park
from fnr.policy.resource_wait import wait_for_it
from fnr.policy.retry import RetryPolicy, policy_for, retry_delay_ms
from fnr.policy.rules import Classification, Strategy
from fnr.policy.smaller import step_around, step_aside, step_down, step_for
from fnr.policy.task import AttemptOutcome, Task, TaskState

__all__ = [
    "Action",
    "Decision",
    "Effect",
    "Verdict",
    "bury_expired",
    "conclude",
    "decide",
    "excuse",
]

NOTHING_AROUND = Around()


def conclude(task: Task, *, token: str, now_ms: int) -> Verdict:
    """Say what follows from a success."""
    # A finished result counts even if a cancel was asked meanwhile: the work is done.
    after = moved(task, TaskState.DONE, now_ms=now_ms)
    return Verdict(
        before=task,
        task=after,
        token=token,
        outcome=AttemptOutcome.DONE,
        decision=Decision(action=Action.COMPLETE, why=f"attempt {task.attempts} succeeded"),
    )


def decide(
    task: Task,
    evidence: Evidence,
    classification: Classification,
    *,
    token: str,
    policy: RetryPolicy,
    now_ms: int,
    fraction: float,
    around: Around = NOTHING_AROUND,
) -> Verdict:
    """Say what follows from a failed attempt: same arguments, same Verdict.

    policy: the function's; what category and rule say otherwise is taken from there.
    """
    assert task.state is TaskState.RUNNING, task
    if task.cancel_asked or evidence.killed_by is KilledBy.CANCEL:
        return _cancel(task, evidence, token=token, now_ms=now_ms)
    if evidence.killed_by in INTERRUPTIONS and not evidence.unasked:
        why = evidence.kill_reason or f"interrupted: {evidence.killed_by}"
        return excuse(task, token=token, why=why, outcome=AttemptOutcome.INTERRUPTED, now_ms=now_ms)
    if evidence.refused_by:
        return _refused(task, evidence, around, token=token, policy=policy, now_ms=now_ms)

    died = evidence.unasked or (evidence.worker_died and evidence.killed_by is None)
    failed = Failed(
        before=task,
        task=replace(task, deaths=task.deaths + died),
        evidence=evidence,
        classification=classification,
        token=token,
        now_ms=now_ms,
        policy=policy_for(
            policy,
            classification.category,
            delay_ms=classification.delay_ms,
            wait_ms=classification.wait_ms,
        ),
        fraction=fraction,
        around=around,
    )
    if evidence.unasked and failed.task.deaths < failed.policy.deaths_max:
        return _put_back(failed)
    if end := dead_end(failed):
        cause, why = end
        return bury(failed, cause, why)
    if step := step_for(failed):
        return step_down(failed, step)
    if classification.strategy is Strategy.QUEUE_AND_WAIT:
        return wait_for_it(failed)
    return try_again(failed)


def excuse(task: Task, *, token: str, why: str, outcome: AttemptOutcome, now_ms: int) -> Verdict:
    """Put a task back whose attempt was interrupted or never begun; it costs no attempt."""
    assert outcome in {AttemptOutcome.INTERRUPTED, AttemptOutcome.RETURNED}, outcome
    if task.cancel_asked:
        return _cancel(task, None, token=token, now_ms=now_ms)
    after = replace(
        moved(task, TaskState.QUEUED, now_ms=now_ms, reason=why),
        due_at_ms=min(task.due_at_ms, now_ms),
        interruptions=task.interruptions + (outcome is AttemptOutcome.INTERRUPTED),
    )
    return Verdict(
        before=task,
        task=after,
        token=token,
        outcome=outcome,
        decision=Decision(action=Action.PUT_BACK, why=why),
    )


def _refused(
    task: Task, evidence: Evidence, around: Around, *, token: str, policy: RetryPolicy, now_ms: int
) -> Verdict:
    """An open breaker let it not begin its call: go around the service, or wait for it."""
    if step := step_around(task, evidence.refused_by, around, now_ms=now_ms):
        return step_aside(task, step, token=token, now_ms=now_ms)
    return park(task, evidence, token=token, wait_max_ms=policy.wait_ms, now_ms=now_ms)


def _put_back(failed: Failed) -> Verdict:
    """Try again after a pause and at no cost, but not for ever: it may be the task that ends its
    own worker, by a signal to its process group."""
    task, policy = failed.task, failed.policy
    delay_ms = retry_delay_ms(policy, retry=task.deaths, fraction=failed.fraction)
    why = (
        f"{failed.evidence.kill_reason}, which fnr did not send:"
        f" {task.deaths} of {policy.deaths_max} (deaths_max)"
    )
    after = replace(
        moved(task, TaskState.QUEUED, now_ms=failed.now_ms, reason=why),
        due_at_ms=failed.now_ms + delay_ms,
        interruptions=task.interruptions + 1,
    )
    return Verdict(
        before=failed.before,
        task=after,
        token=failed.token,
        outcome=AttemptOutcome.INTERRUPTED,
        decision=Decision(action=Action.PUT_BACK, why=why, delay_ms=delay_ms),
    )


def _cancel(task: Task, evidence: Evidence | None, *, token: str, now_ms: int) -> Verdict:
    # Another kill may have been under way when the cancel came: its reason is not the cancel's.
    asked = evidence is not None and evidence.killed_by is KilledBy.CANCEL
    reason = (evidence.kill_reason if evidence and asked else task.reason) or "cancelled"
    return Verdict(
        before=task,
        task=moved(task, TaskState.CANCELLED, now_ms=now_ms, reason=reason),
        token=token,
        outcome=AttemptOutcome.CANCELLED,
        decision=Decision(action=Action.CANCEL, why=reason),
    )
