"""Everything about one task."""

from __future__ import annotations

from msgspec import Raw

from fnr.policy.record import InputRevision, TaskDetail
from fnr.policy.task import Attempt, Task
from fnr.store import errors, ledger, letters, results, tasks, undo
from fnr.store.rows import ATTEMPT_COLUMNS, attempt_of
from fnr.store.transaction import Transaction


def detail(tx: Transaction, task: Task) -> TaskDetail:
    """A task with its input, result, attempts, errors, decisions and letter."""
    revisions = revisions_of(tx, task.task_id)
    return TaskDetail(
        task=task,
        input=revisions[-1].body,
        result=Raw(results.body(tx, task.task_id) or b"null"),
        attempts=attempts_of(tx, task.task_id),
        errors=errors.of_task(tx, task.task_id),
        ledger=ledger.of_task(tx, task.task_id),
        letter=letters.get(tx, task.task_id),
        revisions=revisions,
        undo=undo.of_task(tx, task.task_id),
    )


def find(tx: Transaction, prefix: str) -> TaskDetail:
    """The detail of the one task whose id begins so. Raises NoSuchId, AmbiguousId."""
    task = tasks.get(tx, tasks.find_id(tx, prefix))
    assert task is not None, prefix
    return detail(tx, task)


def revisions_of(tx: Transaction, task_id: str) -> list[InputRevision]:
    """Every version of a task's input; the last is the one its next attempt gets."""
    rows = tx.all(
        """
        SELECT revision, at_ms, author, body FROM task_input WHERE task_id = ? ORDER BY revision
        """,
        (task_id,),
    )
    return [
        InputRevision(revision=revision, at_ms=at_ms, author=author, body=Raw(body.encode()))
        for revision, at_ms, author, body in rows
    ]


def attempt(tx: Transaction, token: str) -> Attempt | None:
    """One attempt by its token."""
    row = tx.one(f"SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE a.token = ?", (token,))
    return attempt_of(row) if row else None


def attempts_of(tx: Transaction, task_id: str) -> list[Attempt]:
    """A task's attempts, oldest first."""
    rows = tx.all(
        f"SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE a.task_id = ? ORDER BY a.token", (task_id,)
    )
    return [attempt_of(row) for row in rows]
