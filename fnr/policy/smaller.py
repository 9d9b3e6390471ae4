"""Graceful degradation: try it in a smaller way before waiting, or before giving up."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.burial import bury
from fnr.policy.dead_letter import DeathCause
from fnr.policy.decision import Action, Decision, Verdict, moved
from fnr.policy.degrade import BREAKER, EXHAUSTED, Degradation, next_step
from fnr.policy.failure import Around, Failed
from fnr.policy.pace import queue_again
from fnr.policy.retry import retry_delay_ms
from fnr.policy.task import AttemptOutcome, Task, TaskState


def step_for(failed: Failed) -> Degradation | None:
    """The smaller way that this failure calls for; None when there is none."""
    return _next(failed, failed.classification.category.value)


def last_resort(failed: Failed, used_up: str) -> Verdict:
    """What was allowed is used up: one rung down if there is one for that, else a dead letter."""
    step = _next(failed, EXHAUSTED)
    if step is not None:
        return step_down(failed, step)
    return bury(failed, DeathCause.EXHAUSTED, used_up)


def step_down(failed: Failed, step: Degradation) -> Verdict:
    """Queue the task again in the smaller way; the ladder is finite, so it costs no retry."""
    task = failed.task
    after = replace(
        moved(task, TaskState.QUEUED, now_ms=failed.now_ms, reason=failed.headline),
        function=step.to or task.function,
        degraded=(*task.degraded, step),
    )
    delay_ms = retry_delay_ms(failed.policy, retry=1, fraction=failed.fraction)
    asked_ms = failed.evidence.retry_after_ms
    if asked_ms is not None:
        delay_ms = max(delay_ms, min(asked_ms, failed.policy.wait_ms))
    why = f"degraded: {step.words} (step {step.rung + 1}: {step.why}), try"
    if step.to:
        # The first try of whoever takes over is no retry, and what we hold is not theirs to spend.
        failed = replace(failed, around=replace(failed.around, balance_ms=None))
    return queue_again(failed, after, Action.DEGRADE, why, delay_ms=delay_ms)


def step_around(task: Task, breaker: str, around: Around, *, now_ms: int) -> Degradation | None:
    """The way that needs not the service whose breaker has refused the attempt."""
    return next_step(
        task.degraded,
        around.ladder,
        function=task.function,
        conditions=[f"{BREAKER}{breaker}"],
        at_ms=now_ms,
    )


def step_aside(task: Task, step: Degradation, *, token: str, now_ms: int) -> Verdict:
    """Queue a task in another way that a breaker let not begin; that is no failure."""
    why = f"degraded: {step.words} (step {step.rung + 1}: {step.why}), try at once"
    after = replace(
        moved(task, TaskState.QUEUED, now_ms=now_ms, reason=why),
        due_at_ms=min(task.due_at_ms, now_ms),
        function=step.to or task.function,
        degraded=(*task.degraded, step),
        interruptions=task.interruptions + 1,
    )
    return Verdict(
        before=task,
        task=after,
        token=token,
        outcome=AttemptOutcome.INTERRUPTED,
        decision=Decision(action=Action.DEGRADE, why=why, delay_ms=0),
    )


def _next(failed: Failed, condition: str) -> Degradation | None:
    around = failed.around
    return next_step(
        failed.task.degraded,
        around.ladder,
        function=failed.task.function,
        conditions=[condition, *(f"{BREAKER}{name}" for name in around.open_breakers)],
        at_ms=failed.now_ms,
    )
