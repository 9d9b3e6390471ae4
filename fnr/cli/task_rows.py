"""How tasks look in a list."""

from __future__ import annotations

from fnr.cli.render import Column, Listing, since
from fnr.cli.terminal import DIM, GREEN, RED, YELLOW
from fnr.client.task_story import why
from fnr.policy.task import Task, TaskState

_STYLES = {
    TaskState.DEAD: RED,
    TaskState.RUNNING: GREEN,
    TaskState.WAITING: YELLOW,
    TaskState.DONE: DIM,
    TaskState.CANCELLED: DIM,
}

TASKS: Listing[Task] = Listing(
    schema="fnr.task.list/1",
    columns=(
        Column("TASK", lambda task: task.task_id),
        Column("FUNCTION", lambda task: task.function, flexible=True),
        Column("STATE", lambda task: task.state.value, style=lambda t: _STYLES.get(t.state, "")),
        Column("TRIES", lambda task: task.attempts, right=True, spare=True),
        Column("PRIO", lambda task: task.priority, right=True, spare=True),
        since("AGE", lambda task: task.created_at_ms),
        Column("WHY", why, lambda task: task.reason, flexible=True),
    ),
    name=lambda task: task.task_id,
    empty="no tasks",
)  # fmt: skip
