"""Whom an undo step concerns that cannot be carried out: an operator, each time it is stuck."""

from __future__ import annotations

from fnr.policy.decision import Effect, EffectKind
from fnr.policy.undo import Step, StepState


def alert(step: Step) -> Effect:
    """What is to be told of a step that needs an operator.

    A step that was given back its tries, and is stuck again, is told of again.
    """
    assert step.state is StepState.NEEDS_OPERATOR, step
    return Effect(
        key=f"undo:{step.undo_id}:{step.state_at_ms}",
        kind=EffectKind.UNDO,
        data={
            "severity": "alert",
            "audience": "admin",
            "task_id": step.task_id,
            "function": step.function,
            "undo_id": step.undo_id,
            "undoes": step.kind,
            "reason": step.reason,
            "next_step": f"fnr undo show {step.undo_id}",
        },
    )
