"""The one place where the error-handling rules meet.

A Verdict is everything that must become true because one attempt ended. `decide`, `conclude`,
`excuse` and `bury_expired` build it; they write nothing and read no clock. The daemon settles the
whole Verdict in one transaction, so a crash leaves either none of it or all of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.dead_letter import DeadLetter, DeathCause
from fnr.policy.evidence import INTERRUPTIONS, MESSAGE_CHARS_MAX, Evidence, KilledBy
from fnr.policy.retry import RetryPolicy, retry_delay_ms
from fnr.policy.rules import Category, Classification, Strategy
from fnr.policy.task import AttemptOutcome, Task, TaskState, check_move


class Action(StrEnum):
    """What was decided, one word per ledger row."""

    COMPLETE = "complete"
    RETRY = "retry"
    WAIT = "wait"
    BURY = "bury"
    CANCEL = "cancel"
    PUT_BACK = "put_back"
    EXPIRE = "expire"
    REPLAY = "replay"
    EDIT = "edit"
    RESOLVE = "resolve"
    RECLASSIFY = "reclassify"


class Effect(Struct, frozen=True, kw_only=True):
    """Something to do after settling, kept in the outbox until done.

    key: idempotency key; delivering twice under one key must be harmless.
    """

    key: str
    kind: str
    data: dict[str, Any]


class Decision(Struct, frozen=True, kw_only=True):
    """One ledger row: what was decided, from what, by whom."""

    action: Action
    why: str
    category: Category | None = None
    strategy: Strategy | None = None
    rule: str | None = None
    delay_ms: int | None = None
    decided_by: str = "fnr"


class Verdict(Struct, frozen=True, kw_only=True):
    """Everything that follows from the end of one attempt.

    token: the attempt that ended; None when a task died without one (expired in the queue).
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

    def __post_init__(self) -> None:
        check_move(self.task.task_id, self.before.state, self.task.state)
        assert (self.task.state is TaskState.DEAD) == (self.letter is not None), self
        assert (self.task.state is TaskState.RUNNING) == (self.task.owner is not None), self
        assert (self.task.state is TaskState.WAITING) == (self.task.waiting_for is not None), self


def conclude(task: Task, *, token: str, now_ms: int) -> Verdict:
    """Say what follows from a success."""
    # A finished result counts even if a cancel was asked meanwhile: the work is done.
    after = _moved(task, TaskState.DONE, now_ms=now_ms)
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
) -> Verdict:
    """Say what follows from a failed attempt: same arguments, same Verdict."""
    assert task.state is TaskState.RUNNING, task
    if task.cancel_asked or evidence.killed_by is KilledBy.CANCEL:
        return _cancel(task, evidence, token=token, now_ms=now_ms)
    if evidence.killed_by in INTERRUPTIONS:
        why = evidence.kill_reason or f"interrupted: {evidence.killed_by}"
        return excuse(task, token=token, why=why, outcome=AttemptOutcome.INTERRUPTED, now_ms=now_ms)
    if evidence.refused_by:
        return _park(task, evidence, token=token, wait_max_ms=policy.wait_ms, now_ms=now_ms)

    died = evidence.worker_died and evidence.killed_by is None
    failed = _Failed(
        before=task,
        task=replace(task, deaths=task.deaths + died),
        evidence=evidence,
        classification=classification,
        token=token,
        now_ms=now_ms,
    )
    if end := _dead_end(failed, policy):
        cause, why = end
        return _bury(failed, cause, why)
    if classification.strategy is Strategy.QUEUE_AND_WAIT:
        return _wait(failed, policy)
    return _retry(failed, policy, fraction=fraction)


def excuse(task: Task, *, token: str, why: str, outcome: AttemptOutcome, now_ms: int) -> Verdict:
    """Put a task back whose attempt was interrupted or never begun; it costs no attempt."""
    assert outcome in {AttemptOutcome.INTERRUPTED, AttemptOutcome.RETURNED}, outcome
    if task.cancel_asked:
        return _cancel(task, None, token=token, now_ms=now_ms)
    after = replace(
        _moved(task, TaskState.QUEUED, now_ms=now_ms, reason=why),
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


# A half-open breaker says no moment at which the next call may be tried.
PARK_MS = 5_000


def _park(task: Task, evidence: Evidence, *, token: str, wait_max_ms: int, now_ms: int) -> Verdict:
    """Put a task back that an open breaker did not let begin its call; it costs no attempt."""
    asked_ms = PARK_MS if evidence.retry_after_ms is None else evidence.retry_after_ms
    delay_ms = max(0, min(asked_ms, wait_max_ms))
    why = f"{evidence.message}; next try in {delay_ms} ms at the latest"
    after = replace(
        _moved(task, TaskState.WAITING, now_ms=now_ms, reason=evidence.message),
        waiting_for=f"service:{evidence.refused_by}",
        due_at_ms=now_ms + delay_ms,
        interruptions=task.interruptions + 1,
    )
    return Verdict(
        before=task,
        task=after,
        token=token,
        outcome=AttemptOutcome.INTERRUPTED,
        decision=Decision(action=Action.WAIT, why=why, delay_ms=delay_ms),
    )


def bury_expired(task: Task, *, now_ms: int) -> Verdict:
    """Say what follows when a task that is not running passes its expiry."""
    assert task.state in {TaskState.QUEUED, TaskState.WAITING}, task
    assert task.expires_at_ms is not None and now_ms >= task.expires_at_ms, task
    late_ms = now_ms - task.expires_at_ms
    why = f"not started in time: expired {late_ms} ms ago, {task.attempts} attempts"
    letter = DeadLetter(
        task_id=task.task_id,
        function=task.function,
        cause=DeathCause.EXPIRED,
        category=Category.RESOURCE,
        reason=why,
        died_at_ms=now_ms,
        # What it was waiting for: the headline of its last failure, if it had one.
        message=task.reason,
        attempts=task.attempts,
        replays=task.replays,
    )
    return Verdict(
        before=task,
        task=_moved(task, TaskState.DEAD, now_ms=now_ms, reason=why),
        decision=Decision(action=Action.EXPIRE, why=why, category=Category.RESOURCE),
        letter=letter,
    )


class _Failed(Struct, frozen=True, kw_only=True):
    """A failed attempt with all that the branches of `decide` share.

    before: the task as it was; task: the same with this failure counted.
    """

    before: Task
    task: Task
    evidence: Evidence
    classification: Classification
    token: str
    now_ms: int

    def verdict(
        self,
        after: Task,
        action: Action,
        why: str,
        *,
        delay_ms: int | None = None,
        letter: DeadLetter | None = None,
        effects: tuple[Effect, ...] = (),
    ) -> Verdict:
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
                why=why,
                category=self.classification.category,
                strategy=self.classification.strategy,
                rule=self.classification.rule,
                delay_ms=delay_ms,
            ),
        )


def _dead_end(failed: _Failed, policy: RetryPolicy) -> tuple[DeathCause, str] | None:
    """Why no further attempt can follow, whatever budget is left; None when one can."""
    task = failed.task
    if task.deaths >= policy.deaths_max:
        why = f"its worker died {task.deaths} times (deaths_max {policy.deaths_max})"
        return DeathCause.POISON, why
    # What is wrong stays wrong, so it names the cause even of a task that has expired as well.
    if failed.classification.strategy is Strategy.FAIL_FAST:
        return DeathCause.VALIDATION, "the input is wrong: retrying cannot help"
    if failed.classification.strategy is Strategy.DEAD_LETTER:
        return DeathCause.PERMANENT, "retrying cannot help"
    if task.expires_at_ms is not None and failed.now_ms >= task.expires_at_ms:
        return DeathCause.EXPIRED, "it expired before it could be tried again"
    return None


def _retry(failed: _Failed, policy: RetryPolicy, *, fraction: float) -> Verdict:
    task = failed.task
    once = failed.classification.strategy is Strategy.RETRY_ONCE
    if once:
        used, limit = task.unknowns, _lowered(policy.unknown_max, task.retries_max)
    else:
        used, limit = task.retries, _retries_max(failed, policy)
    if used >= limit:
        return _bury(failed, DeathCause.EXHAUSTED, f"{used} of {limit} retries used up")
    delay_ms = retry_delay_ms(policy, retry=used + 1, fraction=fraction)
    asked_ms = failed.evidence.retry_after_ms
    if asked_ms is not None:
        delay_ms = max(delay_ms, min(asked_ms, policy.wait_ms))
    after = replace(
        _moved(task, TaskState.QUEUED, now_ms=failed.now_ms, reason=_headline(failed)),
        retries=task.retries + (not once),
        unknowns=task.unknowns + once,
        due_at_ms=failed.now_ms + delay_ms,
    )
    why = f"retry {used + 1} of {limit} in {delay_ms} ms"
    return failed.verdict(after, Action.RETRY, why, delay_ms=delay_ms)


def _wait(failed: _Failed, policy: RetryPolicy) -> Verdict:
    task = failed.task
    by_rule = failed.classification.max_retries
    limit = _lowered(policy.waits_max if by_rule is None else by_rule, task.retries_max)
    if task.waits >= limit:
        return _bury(failed, DeathCause.EXHAUSTED, f"{task.waits} of {limit} waits used up")
    asked_ms = failed.evidence.retry_after_ms
    delay_ms = policy.wait_ms if asked_ms is None else max(0, min(asked_ms, policy.wait_ms))
    after = replace(
        _moved(task, TaskState.WAITING, now_ms=failed.now_ms, reason=_headline(failed)),
        waits=task.waits + 1,
        waiting_for=failed.classification.wait_for or "resource",
        due_at_ms=failed.now_ms + delay_ms,
    )
    why = f"wait {after.waits} of {limit} for {after.waiting_for}, next try in {delay_ms} ms"
    return failed.verdict(after, Action.WAIT, why, delay_ms=delay_ms)


def _retries_max(failed: _Failed, policy: RetryPolicy) -> int:
    """The submitter's limit, which a rule's can lower; else the rule's, else the function's."""
    own, by_rule = failed.task.retries_max, failed.classification.max_retries
    if own is None:
        return policy.retries_max if by_rule is None else by_rule
    return own if by_rule is None else min(own, by_rule)


def _lowered(allowed: int, own: int | None) -> int:
    """The submitter's own limit can only lower what these budgets allow."""
    return allowed if own is None else min(allowed, own)


# The story: validation notifies the user, permanent alerts the admin. A poison task is the admin's
# business too; exhausted and expired ones are a warning, because a replay is likely to pass.
_SEVERITY = {
    DeathCause.VALIDATION: "notice",
    DeathCause.PERMANENT: "alert",
    DeathCause.POISON: "alert",
    DeathCause.EXHAUSTED: "warning",
    DeathCause.EXPIRED: "warning",
}


def _bury(failed: _Failed, cause: DeathCause, why: str) -> Verdict:
    task, found = failed.task, failed.classification
    letter = DeadLetter(
        task_id=task.task_id,
        function=task.function,
        cause=cause,
        category=found.category,
        reason=why,
        died_at_ms=failed.now_ms,
        message=_headline(failed),
        attempts=task.attempts,
        replays=task.replays,
    )
    effect = Effect(
        key=f"letter:{task.task_id}:{failed.token}",
        kind="notify",
        data={
            "severity": _SEVERITY[cause],
            "audience": "submitter" if cause is DeathCause.VALIDATION else "admin",
            "task_id": task.task_id,
            "function": task.function,
            "cause": cause.value,
            "category": found.category.value,
            "reason": why,
            "message": letter.message,
        },
    )
    after = _moved(task, TaskState.DEAD, now_ms=failed.now_ms, reason=f"{cause}: {why}")
    return failed.verdict(after, Action.BURY, why, letter=letter, effects=(effect,))


def _cancel(task: Task, evidence: Evidence | None, *, token: str, now_ms: int) -> Verdict:
    # Another kill may have been under way when the cancel came: its reason is not the cancel's.
    asked = evidence is not None and evidence.killed_by is KilledBy.CANCEL
    reason = (evidence.kill_reason if evidence and asked else task.reason) or "cancelled"
    return Verdict(
        before=task,
        task=_moved(task, TaskState.CANCELLED, now_ms=now_ms, reason=reason),
        token=token,
        outcome=AttemptOutcome.CANCELLED,
        decision=Decision(action=Action.CANCEL, why=reason),
    )


def _moved(task: Task, state: TaskState, *, now_ms: int, reason: str = "") -> Task:
    return replace(
        task,
        state=state,
        state_at_ms=now_ms,
        owner=None,
        waiting_for=None,
        reason=reason,
        cancel_asked=False,
    )


def _headline(failed: _Failed) -> str:
    return (failed.evidence.message or failed.classification.matched)[:MESSAGE_CHARS_MAX]
