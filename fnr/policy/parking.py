"""What follows when an open breaker let a function not begin its call: wait, at no cost."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.decision import Action, Decision, Verdict, moved
from fnr.policy.evidence import Evidence
from fnr.policy.task import AttemptOutcome, Task, TaskState

WAIT_PREFIX = "service:"


def park(task: Task, evidence: Evidence, *, token: str, wait_max_ms: int, now_ms: int) -> Verdict:
    """Put the task aside until its service may be tried; the service is not blamed either.

    Where no moment is known, the breaker alone says when: it wakes what waits for it.
    """
    assert evidence.refused_by, evidence
    asked_ms = wait_max_ms if evidence.retry_after_ms is None else evidence.retry_after_ms
    delay_ms = max(0, min(asked_ms, wait_max_ms))
    after = replace(
        moved(task, TaskState.WAITING, now_ms=now_ms, reason=evidence.message),
        waiting_for=f"{WAIT_PREFIX}{evidence.refused_by}",
        due_at_ms=now_ms + delay_ms,
        interruptions=task.interruptions + 1,
    )
    why = f"{evidence.message}; next try in {delay_ms} ms at the latest"
    return Verdict(
        before=task,
        task=after,
        token=token,
        outcome=AttemptOutcome.INTERRUPTED,
        decision=Decision(action=Action.PUT_BACK, why=why, delay_ms=delay_ms),
    )
