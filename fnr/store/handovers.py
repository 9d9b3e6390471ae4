"""Hand queued tasks of one function to another one, while the first cannot do them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fnr.policy.decision import Action, Decision
from fnr.policy.degrade import Degradation
from fnr.policy.task import PRIORITY_MAX, PRIORITY_MIN, Task, TaskState
from fnr.store import ledger
from fnr.store.rows import TASK_COLUMNS, degraded_text, task_of
from fnr.store.transaction import Transaction

StepFor = Callable[[Task], Degradation | None]


class Place(NamedTuple):
    """Where a task stands among the queued ones of its function."""

    priority: int
    due_at_ms: int
    task_id: str


_FIRST = Place(PRIORITY_MAX, -1, "")


def hand_over(
    tx: Transaction,
    function: str,
    step_for: StepFor,
    *,
    after: Place | None,
    count_max: int,
    now_ms: int,
) -> tuple[dict[str, int], Place | None]:
    """Move the due tasks for which there is a step to another function, the most urgent first.

    after: the last one that was looked at. Answers how many went where, and where to go on; None
    when all were looked at. What is not due is not even read: there may be very many.
    """
    went: dict[str, int] = {}
    found = _due(tx, function, after or _FIRST, count_max=count_max, now_ms=now_ms)
    for task in found:
        step = step_for(task)
        if step is not None and step.to:
            _move(tx, task, step, now_ms=now_ms)
            went[step.to] = went.get(step.to, 0) + 1
    if len(found) < count_max:
        return went, None
    return went, Place(found[-1].priority, found[-1].due_at_ms, found[-1].task_id)


def _due(
    tx: Transaction, function: str, after: Place, *, count_max: int, now_ms: int
) -> list[Task]:
    found: list[Task] = []
    for level in range(after.priority, PRIORITY_MIN - 1, -1):
        start = after if level == after.priority else _FIRST
        rows = tx.all(
            f"""
            SELECT {TASK_COLUMNS} FROM task t
             WHERE t.state = 'queued' AND t.function = ? AND t.priority = ?
               AND (t.due_at_ms, t.task_id) > (?, ?) AND t.due_at_ms <= ?
             ORDER BY t.due_at_ms, t.task_id
             LIMIT ?
            """,
            (function, level, start.due_at_ms, start.task_id, now_ms, count_max - len(found)),
        )
        found += map(task_of, rows)
        if len(found) == count_max:
            break
    return found


def _move(tx: Transaction, task: Task, step: Degradation, *, now_ms: int) -> None:
    tx.run(
        "UPDATE task SET function = ?, degraded = ? WHERE task_id = ?",
        (step.to, degraded_text((*task.degraded, step)), task.task_id),
    )
    why = f"degraded: {step.words} (step {step.rung + 1}: {step.why}) before it began"
    decision = Decision(action=Action.DEGRADE, why=why)
    ledger.add(tx, decision, at_ms=now_ms, task_id=task.task_id)
    tx.count(task.function, TaskState.QUEUED, -1)
    tx.count(step.to, TaskState.QUEUED, 1)
