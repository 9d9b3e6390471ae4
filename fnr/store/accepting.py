"""Accept new tasks; who asks for one again gets the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fnr.policy.task import Claim, Task, TaskState, WorkerIdentity
from fnr.store.rows import tags_text
from fnr.store.tasks import begin_attempts
from fnr.store.transaction import Row, Transaction

Begin = Callable[[Task, bytes], tuple[Claim, WorkerIdentity] | None]


def accept(
    tx: Transaction, items: Sequence[tuple[Task, bytes]], begin: Begin | None = None
) -> list[tuple[str, bool]]:
    """Store new tasks with their inputs; per item its id, and whether it existed already.

    A live task with the same unique key, or a remembered one with the same id or idempotency key,
    is the answer instead of a second one; that holds within the batch too.
    begin: finds a worker that takes a task at once; it is then stored as claimed, which spares
    writing it twice.
    """
    answers: list[tuple[str, bool]] = []
    fresh: list[tuple[Task, bytes]] = []
    taken: dict[tuple[str, str], str] = {}
    per_function: dict[str, int] = {}
    unheard_of = len(items) > 1 and _are_unheard_of(tx, items)
    for item in items:
        task = item[0]
        assert task.state is TaskState.QUEUED, task
        holder = None if unheard_of else _holder(tx, task, taken)
        if holder is not None:
            answers.append((holder, True))
            continue
        answers.append((task.task_id, False))
        begun = begin(*item) if begin is not None else None
        if begun is not None:
            _insert_begun(tx, *begun)
            continue
        fresh.append(item)
        per_function[task.function] = per_function.get(task.function, 0) + 1
    if fresh:
        _insert(tx, fresh)
    for function, count in per_function.items():
        tx.count(function, TaskState.QUEUED, count)
    return answers


def _are_unheard_of(tx: Transaction, items: Sequence[tuple[Task, bytes]]) -> bool:
    """Whether one look shows that no task has any of these ids or keys.

    So it is when they have no keys and newer ids than any, in their order, as in a file of tasks.
    Of one alone it is not asked: a look at its id is no dearer.
    """
    newest = ""
    for task, _ in items:
        if task.idempotency_key is not None or task.unique_key is not None:
            return False
        if task.task_id <= newest:
            return False
        newest = task.task_id
    row = tx.one("SELECT max(task_id) FROM task")
    return row is None or row[0] is None or row[0] < items[0][0].task_id


def _holder(tx: Transaction, task: Task, taken: dict[tuple[str, str], str]) -> str | None:
    """Who has this task's id or one of its keys; from now on the task itself, if nobody."""
    keys = [("id", task.task_id)]
    if task.idempotency_key is not None:
        keys.append(("idempotency", task.idempotency_key))
    if task.unique_key is not None:
        keys.append(("unique", task.unique_key))
    for kind, key in keys:
        found = taken.get((kind, key))
        if found is None:
            row = tx.one(_HOLDER[kind], (key,))
            found = row[0] if row else None
        if found is not None:
            return found
    for pair in keys:
        taken[pair] = task.task_id
    return None


_HOLDER = {
    "id": "SELECT task_id FROM task WHERE task_id = ?",
    "idempotency": "SELECT task_id FROM task WHERE idempotency_key = ?",
    "unique": """
        SELECT task_id FROM task
         WHERE unique_key = ? AND state IN ('queued', 'waiting', 'running')
        """,
}


def _insert(tx: Transaction, items: list[tuple[Task, bytes]]) -> None:
    tx.many(_INSERT, [_row(task) for task, _ in items])
    _insert_inputs(tx, items)


def _insert_begun(tx: Transaction, claim: Claim, worker: WorkerIdentity) -> None:
    """As accepting it and claiming it would leave it."""
    task = claim.task
    tx.run(_INSERT, _row(task))
    _insert_inputs(tx, [(task, claim.input)])
    begin_attempts(tx, [(claim.token, task.task_id, task.attempts)], worker, task.state_at_ms)
    tx.count(task.function, TaskState.RUNNING, 1)


_INSERT = """
    INSERT INTO task (
        task_id, function, state, priority, due_at_ms, created_at_ms, state_at_ms, attempts,
        retries_max, timeout_ms, expires_at_ms, unique_key, tags, submitter, idempotency_key,
        parent_id, owner)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """


def _row(task: Task) -> Row:
    return (
        task.task_id, task.function, task.state, task.priority, task.due_at_ms, task.created_at_ms,
        task.state_at_ms, task.attempts, task.retries_max, task.timeout_ms, task.expires_at_ms,
        task.unique_key, tags_text(task.tags), task.submitter, task.idempotency_key,
        task.parent_id, task.owner,
    )  # fmt: skip


def _insert_inputs(tx: Transaction, items: list[tuple[Task, bytes]]) -> None:
    tx.many(
        "INSERT INTO task_input (task_id, revision, at_ms, body) VALUES (?, 1, ?, ?)",
        [(task.task_id, task.created_at_ms, body.decode()) for task, body in items],
    )
