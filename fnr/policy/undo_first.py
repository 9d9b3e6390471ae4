"""A retry that has to wait until what the failed attempt did is undone."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.task import TaskState
from fnr.policy.undo import WAITING_FOR
from fnr.policy.verdict import Verdict


def undo_first(verdict: Verdict) -> tuple[Verdict, str | None]:
    """The verdict with the task waiting for its undo; and what it would have waited for anyway.

    Only a task that is to be tried again has to wait; the moment of its next try stays planned.
    """
    task = verdict.task
    if task.state not in {TaskState.QUEUED, TaskState.WAITING}:
        return verdict, None
    decision = replace(verdict.decision, why=f"{verdict.decision.why}, after its undo")
    waiting = replace(task, state=TaskState.WAITING, waiting_for=WAITING_FOR)
    return replace(verdict, task=waiting, decision=decision), task.waiting_for
