"""A failed attempt, with all that decides what follows from it."""

from __future__ import annotations

from msgspec import Struct

from fnr.policy.dead_letter import DeadLetter
from fnr.policy.decision import Action, Decision, Effect, Verdict
from fnr.policy.degrade import Rung
from fnr.policy.evidence import MESSAGE_CHARS_MAX, Evidence
from fnr.policy.retry import RetryPolicy
from fnr.policy.rules import Classification
from fnr.policy.task import AttemptOutcome, Task


class Around(Struct, frozen=True, kw_only=True):
    """What decides beside the task and its failure.

    expected_ms:   how long an attempt of the function takes, as far as is known.
    balance_ms:    what the function's retry budget holds; None when nobody counts.
    recent:        when the task was last given another try.
    ladder:        the function's smaller ways. open_breakers: names of those that are open.
    """

    expected_ms: int = 1_000
    balance_ms: int | None = None
    recent: tuple[int, ...] = ()
    ladder: tuple[Rung, ...] = ()
    open_breakers: tuple[str, ...] = ()


class Failed(Struct, frozen=True, kw_only=True):
    """A failed attempt with all that the branches of `decide` share.

    before: the task as it was; task: the same with this failure counted.
    """

    before: Task
    task: Task
    evidence: Evidence
    classification: Classification
    token: str
    now_ms: int
    policy: RetryPolicy
    fraction: float
    around: Around = Around()

    @property
    def headline(self) -> str:
        """What went wrong, in a few words."""
        return (self.evidence.message or self.classification.matched)[:MESSAGE_CHARS_MAX]

    def lowered(self, allowed: int) -> int:
        """The submitter's own limit can only lower what these budgets allow."""
        own = self.task.retries_max
        return allowed if own is None else min(allowed, own)

    def explained(self, why: str) -> str:
        """A reason that names the drill, if one is behind it."""
        drill = self.evidence.drill and f" (drill {self.evidence.drill})"
        return why if why.endswith(drill) else why + drill

    def verdict(
        self,
        after: Task,
        action: Action,
        why: str,
        *,
        delay_ms: int | None = None,
        letter: DeadLetter | None = None,
        effects: tuple[Effect, ...] = (),
        numbers: dict[str, int] | None = None,
    ) -> Verdict:
        """What follows, with the reasons that all branches share."""
        return Verdict(
            before=self.before,
            task=after,
            token=self.token,
            outcome=AttemptOutcome.FAILED,
            evidence=self.evidence,
            classification=self.classification,
            letter=letter,
            effects=effects,
            decision=Decision(
                action=action,
                why=self.explained(why),
                category=self.classification.category,
                strategy=self.classification.strategy,
                rule=self.classification.rule,
                delay_ms=delay_ms,
                numbers=numbers or {},
            ),
        )
