"""Hand queued tasks of one function to another one, while the first cannot do them."""

from __future__ import annotations

from collections.abc import Callable

from fnr.policy.decision import Action, Decision
from fnr.policy.degrade import Degradation
from fnr.policy.task import Task, TaskState
from fnr.store import ledger
from fnr.store.rows import TASK_COLUMNS, degraded_text, task_of
from fnr.store.transaction import Transaction

StepFor = Callable[[Task], Degradation | None]


def hand_over(
    tx: Transaction,
    function: str,
    step_for: StepFor,
    *,
    after: str,
    count_max: int,
    now_ms: int,
) -> tuple[dict[str, int], str | None]:
    """Move the due tasks for which there is a step to another function.

    after: the last id that was looked at. Answers how many went where, and where to go on; None
    when all were looked at.
    """
    rows = tx.all(
        f"""
        SELECT {TASK_COLUMNS} FROM task t
         WHERE t.function = ? AND t.state = 'queued' AND t.task_id > ?
         ORDER BY t.task_id
         LIMIT ?
        """,
        (function, after, count_max),
    )
    went: dict[str, int] = {}
    for task in map(task_of, rows):
        step = step_for(task) if task.due_at_ms <= now_ms else None
        if step is not None and step.to:
            _move(tx, task, step, now_ms=now_ms)
            went[step.to] = went.get(step.to, 0) + 1
    return went, rows[-1][0] if len(rows) == count_max else None


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
