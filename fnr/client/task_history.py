"""What happened to a task as a story: each attempt, its failure, its name, what followed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from fnr.api.plain_text import block, duration, one_line
from fnr.client.instants import clock_time
from fnr.client.task_story import decided, error_lines, smaller_words, value_text, why
from fnr.client.undo_story import recorded_line
from fnr.policy.record import ErrorRecord, LedgerRow, TaskDetail
from fnr.policy.task import Attempt, AttemptOutcome

_MILLISECONDS = re.compile(r"\b(\d+) ms\b")
# error_lines begins with the name of the failure and its message, which the story tells itself.
_TOLD = 2


class _Moment(Struct, frozen=True):
    """One thing that happened; of two in the same millisecond the one of the earlier attempt first.

    attempt: the last one that had begun by then, with this moment. order: of two of one attempt.
    """

    at_ms: int
    attempt: int
    order: int
    lines: list[str]


def story(detail: TaskDetail) -> Iterator[str]:
    """What happened to a task, in order, in sentences."""
    task = detail.task
    moments = sorted(
        _moments(detail), key=lambda moment: (moment.at_ms, moment.attempt, moment.order)
    )
    for moment in moments:
        since = "+" + duration(moment.at_ms - task.created_at_ms)
        yield f"{clock_time(moment.at_ms)}  {since:>8}  {one_line(moment.lines[0])}"
        yield from (f"{'':31}{line}" for line in map(block, moment.lines[1:]))
    words = f"now {task.state}" + (f": {why(task)}" if why(task) else "")
    if task.degraded:
        words += f", degraded: {smaller_words(task)}"
    yield f"{'':19}  {'':8}  {one_line(words)}"


def readable(words: str) -> str:
    """The words of a decision with their milliseconds as people say them."""
    return _MILLISECONDS.sub(lambda found: duration(int(found[1])), words)


def _moments(detail: TaskDetail) -> Iterator[_Moment]:
    task = detail.task
    asked_of = task.degraded[0].function if task.degraded else task.function
    submitted = f"submitted by {task.submitter or 'unknown'} to {asked_of}"
    yield _Moment(task.created_at_ms, 0, 0, [submitted])
    errors = {error.token: error for error in detail.errors}
    decisions = {row.token: row for row in detail.ledger if row.token is not None}
    numbers = {attempt.token: attempt.number for attempt in detail.attempts}

    def before(at_ms: int) -> int:
        """What an operator does in the millisecond in which an attempt begins has led to it."""
        begun = (one.number for one in detail.attempts if one.started_at_ms < at_ms)
        return max(begun, default=0)

    for attempt in detail.attempts:
        did = "was given to" if attempt.outcome is AttemptOutcome.RETURNED else "began in"
        began = f"attempt {attempt.number} {did} worker {attempt.worker_id}"
        yield _Moment(attempt.started_at_ms, attempt.number, 1, [f"{began} (pid {attempt.pid})"])
        if attempt.ended_at_ms is not None:
            lines = _ended(attempt, errors.get(attempt.token), decisions.get(attempt.token))
            yield _Moment(attempt.ended_at_ms, attempt.number, 2, lines)
    for step in detail.undo:
        number = numbers.get(step.token, before(step.recorded_at_ms))
        yield _Moment(step.recorded_at_ms, number, 1, [recorded_line(step)])
    for row in detail.ledger:
        if row.token is None or row.token not in numbers:
            yield _Moment(row.at_ms, before(row.at_ms), 4, [readable(decided(row))])
    for revision in detail.revisions:
        if revision.revision > 1:
            words = f"input edited by {revision.author}: {value_text(revision.body)}"
            yield _Moment(revision.at_ms, before(revision.at_ms), 5, [words])


_ENDS = {
    AttemptOutcome.DONE: "succeeded",
    AttemptOutcome.FAILED: "failed",
    AttemptOutcome.INTERRUPTED: "was interrupted",
    AttemptOutcome.RETURNED: "was given back before it began",
    AttemptOutcome.CANCELLED: "was cancelled",
}


def _ended(attempt: Attempt, error: ErrorRecord | None, row: LedgerRow | None) -> list[str]:
    assert attempt.ended_at_ms is not None, attempt
    took = duration(attempt.ended_at_ms - attempt.started_at_ms)
    used = [f"{duration(attempt.cpu_ms)} CPU"] if attempt.cpu_ms is not None else []
    used += [f"{attempt.peak_mib} MiB"] if attempt.peak_mib is not None else []
    words = _ENDS.get(attempt.outcome, attempt.outcome.value)
    head = f"attempt {attempt.number} {words} after {took}"
    head += f" ({', '.join(used)})" if used else ""
    if error is None:
        told = row is None or attempt.outcome is AttemptOutcome.DONE
        return [head] if told or row is None else [f"{head}: {readable(row.decision.why)}"]
    found = error.classification
    where = f" ({found.where})" if found.where else ""
    lines = [
        f"{head}: {one_line(error.evidence.message) or 'it said nothing'}",
        f"named {found.category} by rule {found.rule}{where}: {one_line(found.matched)}",
    ]
    if error.correction is not None:
        lines.append(f"corrected to {error.correction.category} by {error.correction.author}")
    if row is not None:
        lines.append(f"so {_followed(row)}")
    return lines + [line.removeprefix("  ") for line in error_lines(error)[_TOLD:]]


def _followed(row: LedgerRow) -> str:
    decision = row.decision
    words = readable(decision.why)
    if decision.action == "bury":
        words = f"it became a dead letter: {words}"
    elif decision.action == "park":
        words = f"parked: {words}"
    by = "" if decision.decided_by == "fnr" else f" (decided by {decision.decided_by})"
    return f"{words}{by}"
