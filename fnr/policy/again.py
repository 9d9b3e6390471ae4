"""Try again after a pause: retry with backoff, and retry once."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.counted import counted
from fnr.policy.decision import Action, Verdict, moved
from fnr.policy.failure import Failed
from fnr.policy.pace import queue_again
from fnr.policy.retry import retry_delay_ms
from fnr.policy.rules import Strategy
from fnr.policy.smaller import last_resort
from fnr.policy.task import TaskState


def try_again(failed: Failed) -> Verdict:
    """Queue the task for a later moment, or bury it when its retries are used up."""
    task, policy = failed.task, failed.policy
    once = failed.classification.strategy is Strategy.RETRY_ONCE
    if once:
        by_rule = failed.classification.max_retries
        used = task.unknowns
        limit = failed.lowered(policy.unknown_max if by_rule is None else by_rule)
    else:
        used, limit = task.retries, _retries_max(failed)
    if used >= limit:
        return last_resort(failed, f"{used} of {counted(limit, 'retry', 'retries')} used up")
    delay_ms = retry_delay_ms(policy, retry=used + 1, fraction=failed.fraction)
    asked_ms = failed.evidence.retry_after_ms
    if asked_ms is not None:
        delay_ms = max(delay_ms, min(asked_ms, policy.wait_ms))
    after = replace(
        moved(task, TaskState.QUEUED, now_ms=failed.now_ms, reason=failed.headline),
        retries=task.retries + (not once),
        unknowns=task.unknowns + once,
    )
    why = f"retry {used + 1} of {limit}"
    return queue_again(failed, after, Action.RETRY, why, delay_ms=delay_ms)


def _retries_max(failed: Failed) -> int:
    """The submitter's limit, which a rule's can lower; else the rule's, else the function's."""
    own, by_rule = failed.task.retries_max, failed.classification.max_retries
    if own is None:
        return failed.policy.retries_max if by_rule is None else by_rule
    return own if by_rule is None else min(own, by_rule)
