"""Turn what was seen into figures. Pure: everything known is in Seen.

What counts as a fault's effect is what the one who met it wrote down, not what fnr says; what
counts as accepted is the drill's own ledger; what counts as completed are marks that functions left
outside of fnr.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from msgspec import Struct, field

from fnr.cli.drill.cases import Case
from fnr.policy.chaos import Drilled
from fnr.policy.chaos_score import FaultScore, Figures, rate, spread
from fnr.policy.record import TaskDetail
from fnr.policy.task import AttemptOutcome, TaskState

DETECTION_MS_MAX = 5_000
_ENDED = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED})
# How an attempt may end on record after its mark, with the worker that it died with.
_UNHEARD = frozenset({AttemptOutcome.FAILED, AttemptOutcome.INTERRUPTED})


class Seen(Struct, frozen=True, kw_only=True):
    """Everything known at the end.

    cases:    accepted task id -> its case; None: it only had to be done. The drill's own ledger.
    details:  task id -> all that fnr knows of it.
    marks:    task id -> tokens of the attempts that came to their end, left by the functions.
    met:      attempt token -> when it met its fault, written by whoever met it.
    drilled:  the records of all injections. refused: fault -> why it could not be injected.
    traces:   what was found left. findings: of `fnr db check`.
    breaker_ms: how long breakers took to answer, as measured.
    """

    cases: Mapping[str, Case | None]
    details: Mapping[str, TaskDetail]
    marks: Mapping[str, list[str]]
    met: Mapping[str, int]
    drilled: list[Drilled]
    refused: Mapping[str, str] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)
    findings: int = 0
    breaker_ms: list[int] = field(default_factory=list)


def figures_of(seen: Seen) -> Figures:
    """The figures of a drill."""
    recoverable = [one for one in seen.cases.items() if one[1] is not None and one[1].recovers]
    named = [_named_right(seen, task_id) for task_id, case in seen.cases.items() if _asks(case)]
    actions = [*chain.from_iterable(_actions(detail) for detail in seen.details.values())]
    left = sum(one.outcome is None or not one.outcome.reverted for one in seen.drilled)
    return Figures(
        detection_ms=spread(_detections(seen).values()),
        recovery_rate=rate(
            sum(_state(seen, task_id) is TaskState.DONE for task_id, _ in recoverable),
            len(recoverable),
        ),
        lost=len(lost(seen)),
        duplicated=len(duplicated(seen)),
        classification_rate=rate(sum(named), len(named)),
        breaker_response_ms=spread(seen.breaker_ms),
        concurrent_scenarios=_most_at_once(seen),
        actions_logged_rate=rate(sum(actions), len(actions)),
        residue=left + len(seen.traces) + seen.findings,
    )


def fault_scores(seen: Seen) -> list[FaultScore]:
    """Each fault: was it there, and is it gone."""
    found = [_fault_score(seen, one) for one in seen.drilled]
    missing = seen.refused.keys() - {one.fault for one in found}
    found += [
        FaultScore(
            fault=fault,
            target="",
            effect_proven=False,
            reverted=True,
            problem=seen.refused[fault],
        )
        for fault in sorted(missing)
    ]
    return found


def remarks(seen: Seen) -> list[str]:
    """What went unlike it should, case by case."""
    found = [f"{task_id} was lost" for task_id in lost(seen)]
    found += [f"{task_id} was completed twice" for task_id in duplicated(seen)]
    found += _slow(seen)
    for task_id, case in seen.cases.items():
        if case is None:
            if _state(seen, task_id) is not TaskState.DONE:
                found.append(f"{task_id}, which met no fault, is {_state(seen, task_id)}")
            continue
        wanted = TaskState.DONE if case.recovers else TaskState.DEAD
        if _state(seen, task_id) is not wanted:
            found.append(f"{case.name}: {_state(seen, task_id)}, should be {wanted.value}")
        if _asks(case) and not _named_right(seen, task_id):
            found.append(f"{case.name}: called {_name(seen, task_id)}, should be {case.category}")
    return found


def lost(seen: Seen) -> list[str]:
    """Accepted, and not in the store, or not ended."""
    return [task_id for task_id in seen.cases if _state(seen, task_id) not in _ENDED]


def duplicated(seen: Seen) -> list[str]:
    """Completed more than once, not counting ends that died with their worker, on record."""
    found = []
    for task_id, tokens in seen.marks.items():
        detail = seen.details.get(task_id)
        outcomes = {one.token: one.outcome for one in detail.attempts} if detail else {}
        heard = [token for token in tokens if outcomes.get(token) not in _UNHEARD]
        if len(heard) > 1:
            found.append(task_id)
    return found


def _fault_score(seen: Seen, drilled: Drilled) -> FaultScore:
    injection, outcome = drilled.injection, drilled.outcome
    tasks = [
        task_id for task_id, case in seen.cases.items() if case and case.fault == injection.fault
    ]
    done = [one for one in tasks if _state(seen, one) is TaskState.DONE]
    where = injection.where or " ".join(f"{k}={v}" for k, v in injection.options.items())
    return FaultScore(
        fault=injection.fault,
        target=where or "the daemon",
        effect_proven=outcome is not None and outcome.proven,
        reverted=outcome is not None and outcome.reverted,
        effect=outcome.effect if outcome else "",
        undone_by=outcome.undone_by if outcome else "",
        problem=outcome.problem if outcome else "nobody undid it",
        tasks=len(tasks),
        recovered=len(done),
    )


def _state(seen: Seen, task_id: str) -> TaskState | None:
    detail = seen.details.get(task_id)
    return detail.task.state if detail else None


def _asks(case: Case | None) -> bool:
    return case is not None and bool(case.category)


def _named_right(seen: Seen, task_id: str) -> bool:
    case = seen.cases[task_id]
    return case is not None and _name(seen, task_id) == case.category


def _name(seen: Seen, task_id: str) -> str:
    """What fnr called the task's first error."""
    detail = seen.details.get(task_id)
    if detail is None or not detail.errors:
        return "nothing"
    return detail.errors[0].classification.category.value


def _detections(seen: Seen) -> dict[str, int]:
    """From the effect to the error on record, for every attempt that met a fault; by its token."""
    return {
        error.token: max(0, error.at_ms - seen.met[error.token])
        for detail in seen.details.values()
        for error in detail.errors
        if error.token in seen.met
    }


def _slow(seen: Seen) -> list[str]:
    """Detections that missed the story's demand."""
    late = {token: ms for token, ms in _detections(seen).items() if ms > DETECTION_MS_MAX}
    names = {
        attempt.token: case.name
        for task_id, case in seen.cases.items()
        if case is not None and task_id in seen.details
        for attempt in seen.details[task_id].attempts
    }
    return [f"{names.get(token, token)}: noticed after {ms} ms" for token, ms in late.items()]


def _most_at_once(seen: Seen) -> int:
    """Scenarios under way at one moment: from the effect, or the first error, to the task's end."""
    moments: list[tuple[int, int]] = []
    for task_id, case in seen.cases.items():
        detail = seen.details.get(task_id)
        if case is None or detail is None:
            continue
        met = [seen.met[one.token] for one in detail.attempts if one.token in seen.met]
        begun = min([*met, *(error.at_ms for error in detail.errors)], default=None)
        if begun is not None:
            moments += [(begun, 1), (max(begun, detail.task.state_at_ms) + 1, -1)]
    now = most = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def _actions(detail: TaskDetail) -> list[bool]:
    """Of every attempt that ended: is there a decision on record?"""
    decided = {row.token for row in detail.ledger}
    return [
        attempt.token in decided
        for attempt in detail.attempts
        if attempt.outcome is not AttemptOutcome.RUNNING
    ]
