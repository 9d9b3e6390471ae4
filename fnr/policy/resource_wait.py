"""Queue and wait: what was used up may be free again later."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.decision import Action, Verdict, moved
from fnr.policy.failure import Failed
from fnr.policy.smaller import last_resort
from fnr.policy.task import TaskState


def wait_for_it(failed: Failed) -> Verdict:
    """Let the task wait, or bury it when its waits are used up."""
    task, policy = failed.task, failed.policy
    by_rule = failed.classification.max_retries
    limit = failed.lowered(policy.waits_max if by_rule is None else by_rule)
    if task.waits >= limit:
        return last_resort(failed, f"{task.waits} of {limit} waits used up")
    asked_ms = failed.evidence.retry_after_ms
    delay_ms = policy.wait_ms if asked_ms is None else max(0, min(asked_ms, policy.wait_ms))
    after = replace(
        moved(task, TaskState.WAITING, now_ms=failed.now_ms, reason=failed.headline),
        waits=task.waits + 1,
        waiting_for=failed.evidence.wait_for or failed.classification.wait_for or "resource",
        due_at_ms=failed.now_ms + delay_ms,
    )
    why = f"wait {after.waits} of {limit} for {after.waiting_for}, next try in {delay_ms} ms"
    return failed.verdict(after, Action.WAIT, why, delay_ms=delay_ms)
