"""What is decided: everything that must become true because one attempt ended, and why.

Values only. verdict.py is where they are made from the rules; the store makes them true.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from fnr.policy.dead_letter import DeadLetter
from fnr.policy.evidence import Evidence
from fnr.policy.rules import Category, Classification, Strategy
from fnr.policy.task import AttemptOutcome, Task, TaskState, check_move


class Action(StrEnum):
    """What was decided, one word per ledger row."""

    COMPLETE = "complete"
    RETRY = "retry"
    WAIT = "wait"
    WAKE = "wake"
    PARK = "park"
    DEGRADE = "degrade"
    BURY = "bury"
    CANCEL = "cancel"
    PUT_BACK = "put_back"
    EXPIRE = "expire"
    REPLAY = "replay"
    EDIT = "edit"
    RESOLVE = "resolve"
    RECLASSIFY = "reclassify"
    UNDO = "undo"


class EffectKind(StrEnum):
    """What an effect tells people of."""

    LETTER = "notify"  # a task died; the word is older than the other kinds
    UNDO = "needs_operator"  # an undo step cannot be carried out


class Effect(Struct, frozen=True, kw_only=True):
    """Something to do after settling, kept in the outbox until done.

    key: idempotency key; delivering twice under one key must be harmless.
    """

    key: str
    kind: str
    data: dict[str, Any]


class Decision(Struct, frozen=True, kw_only=True):
    """One ledger row: what was decided, from what, by whom.

    numbers: what it was calculated from, each under a name with its unit.
    """

    action: Action
    why: str
    category: Category | None = None
    strategy: Strategy | None = None
    rule: str | None = None
    delay_ms: int | None = None
    decided_by: str = "fnr"
    numbers: dict[str, int] = field(default_factory=dict)


class Verdict(Struct, frozen=True, kw_only=True):
    """Everything that follows from the end of one attempt.

    token: the attempt that ended; None when a task died without one (expired in the queue).
    balance_ms: what the retry budget of the task's function holds now; None leaves it as it is.
    """

    before: Task
    task: Task
    decision: Decision
    token: str | None = None
    outcome: AttemptOutcome | None = None
    evidence: Evidence | None = None
    classification: Classification | None = None
    letter: DeadLetter | None = None
    effects: tuple[Effect, ...] = ()
    balance_ms: int | None = None

    def __post_init__(self) -> None:
        check_move(self.task.task_id, self.before.state, self.task.state)
        assert (self.task.state is TaskState.DEAD) == (self.letter is not None), self
        assert (self.task.state is TaskState.RUNNING) == (self.task.owner is not None), self
        assert (self.task.state is TaskState.WAITING) == (self.task.waiting_for is not None), self

    @property
    def hands_over(self) -> bool:
        """Does another function take over?"""
        is_step = self.decision.action is Action.DEGRADE
        return is_step and self.task.function != self.before.function


def moved(task: Task, state: TaskState, *, now_ms: int, reason: str = "") -> Task:
    """The task in another state: without owner, wait or cancel."""
    return replace(
        task,
        state=state,
        state_at_ms=now_ms,
        owner=None,
        waiting_for=None,
        reason=reason,
        cancel_asked=False,
    )
