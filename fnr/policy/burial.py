"""The end of a task that did not succeed: when nothing more can follow, and whom it concerns."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.policy.counted import counted
from fnr.policy.dead_letter import DeadLetter, DeathCause
from fnr.policy.decision import Action, Decision, Effect, EffectKind, Verdict, moved
from fnr.policy.degrade import home_function
from fnr.policy.failure import Failed
from fnr.policy.rules import Category, Severity, Strategy
from fnr.policy.task import Task, TaskState

# The story: validation notifies the user, permanent alerts the admin. A poison task is the admin's
# business too; exhausted and expired ones are a warning, because a replay is likely to pass.
_SEVERITY = {
    DeathCause.VALIDATION: "notice",
    DeathCause.PERMANENT: "alert",
    DeathCause.POISON: "alert",
    DeathCause.EXHAUSTED: "warning",
    DeathCause.EXPIRED: "warning",
}
# A rule knows better than the cause how much its failure matters.
_SEVERITY_OF_RULE = {
    Severity.LOW: "notice",
    Severity.NORMAL: "warning",
    Severity.HIGH: "alert",
    Severity.CRITICAL: "critical",
}


def bury(failed: Failed, cause: DeathCause, why: str) -> Verdict:
    """Make a dead letter of the task."""
    task, found = failed.task, failed.classification
    why = failed.explained(why)
    # Under the name that was asked for: whoever took over did so for this life of the task only.
    task = replace(task, function=home_function(task.function, task.degraded))
    letter = DeadLetter(
        task_id=task.task_id,
        function=task.function,
        cause=cause,
        category=found.category,
        reason=why,
        died_at_ms=failed.now_ms,
        message=failed.headline,
        attempts=task.attempts,
        replays=task.replays,
    )
    severity = _SEVERITY_OF_RULE[found.severity] if found.severity else _SEVERITY[cause]
    effect = _news(letter, death=str(failed.token), severity=severity)
    after = moved(task, TaskState.DEAD, now_ms=failed.now_ms, reason=f"{cause}: {why}")
    return failed.verdict(after, Action.BURY, why, letter=letter, effects=(effect,))


def dead_end(failed: Failed) -> tuple[DeathCause, str] | None:
    """Why no further attempt can follow, whatever budget is left; None when one can."""
    task = failed.task
    if task.deaths >= failed.policy.deaths_max:
        times = counted(task.deaths, "time")
        why = f"its worker died {times} (deaths_max {failed.policy.deaths_max})"
        return DeathCause.POISON, why
    # What is wrong stays wrong, so it names the cause even of a task that has expired as well.
    if failed.classification.strategy is Strategy.FAIL_FAST:
        # A rule may tell the submitter of what is not the input's fault.
        is_input = failed.classification.category is Category.VALIDATION
        return DeathCause.VALIDATION, "the input is wrong: " * is_input + "retrying cannot help"
    if failed.classification.strategy is Strategy.DEAD_LETTER:
        return DeathCause.PERMANENT, "retrying cannot help"
    if task.expires_at_ms is not None and failed.now_ms >= task.expires_at_ms:
        return DeathCause.EXPIRED, "it expired before it could be tried again"
    return None


def bury_expired(task: Task, *, now_ms: int) -> Verdict:
    """Say what follows when a task that is not running passes its expiry."""
    assert task.state in {TaskState.QUEUED, TaskState.WAITING}, task
    assert task.expires_at_ms is not None and now_ms >= task.expires_at_ms, task
    tries = "1 attempt" if task.attempts == 1 else f"{task.attempts} attempts"
    why = f"not tried again in time after {tries}" if task.attempts else "not started in time"
    why += f": expired {now_ms - task.expires_at_ms} ms ago"
    after = moved(task, TaskState.DEAD, now_ms=now_ms, reason=why)
    after = replace(after, function=home_function(task.function, task.degraded))
    letter = DeadLetter(
        task_id=task.task_id,
        function=after.function,
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
        task=after,
        decision=Decision(action=Action.EXPIRE, why=why, category=Category.RESOURCE),
        letter=letter,
        effects=(_news(letter, death=str(now_ms), severity=_SEVERITY[DeathCause.EXPIRED]),),
    )


def _news(letter: DeadLetter, *, death: str, severity: str) -> Effect:
    """What is to be told of a new letter; death: which one of its task, that may have many."""
    return Effect(
        key=f"letter:{letter.task_id}:{death}",
        kind=EffectKind.LETTER,
        data={
            "severity": severity,
            "audience": "submitter" if letter.cause is DeathCause.VALIDATION else "admin",
            "task_id": letter.task_id,
            "function": letter.function,
            "cause": letter.cause.value,
            "category": letter.category.value,
            "reason": letter.reason,
            "message": letter.message,
        },
    )
