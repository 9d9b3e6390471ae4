"""Graceful degradation: try it in a smaller way before waiting, or before giving up."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.burial import bury
from fnr.policy.dead_letter import DeathCause
from fnr.policy.decision import Action, Verdict, moved
from fnr.policy.degrade import BREAKER, EXHAUSTED, Degradation, next_step
from fnr.policy.failure import Failed
from fnr.policy.pace import queue_again
from fnr.policy.retry import retry_delay_ms
from fnr.policy.task import TaskState


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
    why = f"degraded to {step.words} (step {step.rung + 1}: {step.why}), try"
    return queue_again(failed, after, Action.DEGRADE, why, delay_ms=delay_ms)


def _next(failed: Failed, condition: str) -> Degradation | None:
    around = failed.around
    return next_step(
        failed.task.degraded,
        around.ladder,
        function=failed.task.function,
        conditions=[condition, *(f"{BREAKER}{name}" for name in around.open_breakers)],
        at_ms=failed.now_ms,
    )
