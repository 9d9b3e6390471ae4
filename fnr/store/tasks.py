"""Accept tasks, hand due ones to workers, and find them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from fnr.policy.degrade import applied
from fnr.policy.task import (
    LIVE_STATES,
    PRIORITY_MAX,
    PRIORITY_MIN,
    Attempt,
    Claim,
    Task,
    TaskState,
    WorkerIdentity,
)
from fnr.policy.verdict import Action, Decision
from fnr.store import checkpoints, ledger, letters, undo
from fnr.store.ids import ID_CHARS, IDS_SHOWN, AmbiguousId, NoSuchId
from fnr.store.rows import (
    ATTEMPT_COLUMNS,
    TASK_COLUMNS,
    TASK_WIDTH,
    attempt_of,
    tags_text,
    task_of,
)
from fnr.store.tally import functions
from fnr.store.transaction import Row, Transaction

# ── accept ───────────────────────────────────────────────────────────────────


def accept(tx: Transaction, items: Sequence[tuple[Task, bytes]]) -> list[tuple[str, bool]]:
    """Store new tasks with their inputs; per item its id, and whether it existed already.

    A live task with the same unique key, or a remembered one with the same id or idempotency key,
    is the answer instead of a second one; that holds within the batch too.
    """
    answers: list[tuple[str, bool]] = []
    fresh: list[tuple[Task, bytes]] = []
    taken: dict[tuple[str, str], str] = {}
    per_function: dict[str, int] = {}
    for item in items:
        task = item[0]
        assert task.state is TaskState.QUEUED, task
        holder = _holder(tx, task, taken)
        if holder is not None:
            answers.append((holder, True))
            continue
        answers.append((task.task_id, False))
        fresh.append(item)
        per_function[task.function] = per_function.get(task.function, 0) + 1
    _insert(tx, fresh)
    for function, count in per_function.items():
        tx.count(function, TaskState.QUEUED, count)
    return answers


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
    taken.update((key, task.task_id) for key in keys)
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
    tx.many(
        """
        INSERT INTO task (
            task_id, function, state, priority, due_at_ms, created_at_ms, state_at_ms,
            retries_max, timeout_ms, expires_at_ms, unique_key, tags, submitter,
            idempotency_key, parent_id)
        VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            (
                task.task_id, task.function, task.priority, task.due_at_ms, task.created_at_ms,
                task.state_at_ms, task.retries_max, task.timeout_ms, task.expires_at_ms,
                task.unique_key, tags_text(task.tags), task.submitter, task.idempotency_key,
                task.parent_id,
            )
            for task, _ in items
        ],
    )  # fmt: skip
    tx.many(
        "INSERT INTO task_input (task_id, revision, at_ms, body) VALUES (?, 1, ?, ?)",
        [(task.task_id, task.created_at_ms, body.decode()) for task, body in items],
    )


# ── claim ────────────────────────────────────────────────────────────────────

_LEVELS = range(PRIORITY_MAX, PRIORITY_MIN - 1, -1)

_NEXT_DUE = (
    "SELECT min(due_at_ms) FROM ("
    + "\nUNION ALL\n".join(
        f"""
        SELECT min(due_at_ms) AS due_at_ms FROM task
         WHERE state = 'queued' AND function = :function AND priority = {level}
        """
        for level in _LEVELS
    )
    + ") AS level"
)


def claim_due(
    tx: Transaction,
    *,
    function: str,
    worker: WorkerIdentity,
    new_token: Callable[[], str],
    count_max: int,
    now_ms: int,
) -> list[Claim]:
    """Give up to count_max due tasks to a worker: highest priority, then due, then oldest.

    A claim counts as an attempt even if the worker dies before its first instruction; otherwise
    a task that kills its worker would be tried forever.
    """
    rows = _due(tx, function, now_ms=now_ms, count_max=count_max)
    if not rows:
        return []
    pairs = [(row, new_token()) for row in rows]
    tx.many(
        """
        UPDATE task
           SET state = 'running', owner = ?, attempts = attempts + 1, state_at_ms = ?, reason = ''
         WHERE task_id = ?
        """,
        [(token, now_ms, row[0]) for row, token in pairs],
    )
    who = (worker.worker_id, worker.boot_id, worker.pid, worker.pid_start, now_ms)
    tx.many(
        """
        INSERT INTO attempt
            (token, task_id, number, worker_id, boot_id, pid, pid_start, started_at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [(token, row[0], row[_ATTEMPTS] + 1, *who) for row, token in pairs],
    )
    tx.count(function, TaskState.QUEUED, -len(pairs))
    tx.count(function, TaskState.RUNNING, len(pairs))
    return [_claim(tx, row, token, now_ms) for row, token in pairs]


def _due(tx: Transaction, function: str, *, now_ms: int, count_max: int) -> list[Row]:
    """Due tasks with their inputs, one priority level after the other.

    Per level one seek, so that tasks of a higher level that are not due yet cost nothing.
    """
    found: list[Row] = []
    level: int | None = PRIORITY_MAX + 1
    while len(found) < count_max:
        row = tx.one(
            """
            SELECT max(priority) FROM task
             WHERE state = 'queued' AND function = ? AND priority < ?
            """,
            (function, level),
        )
        level = row[0] if row else None
        if level is None:
            break
        found += tx.all(
            f"""
            SELECT {TASK_COLUMNS}, i.body
              FROM task t
              JOIN task_input i ON i.task_id = t.task_id AND i.revision = t.input_revision
             WHERE t.state = 'queued' AND t.function = ? AND t.priority = ? AND t.due_at_ms <= ?
             ORDER BY t.due_at_ms, t.task_id
             LIMIT ?
            """,
            (function, level, now_ms, count_max - len(found)),
        )
    return found


_STATE, _STATE_AT, _ATTEMPTS, _OWNER, _REASON = 2, 6, 7, 22, 24


def _claim(tx: Transaction, row: Row, token: str, now_ms: int) -> Claim:
    """The claim as its UPDATE left the task."""
    values = list(row)
    values[_STATE] = "running"
    values[_STATE_AT] = now_ms
    values[_ATTEMPTS] += 1
    values[_OWNER] = token
    values[_REASON] = ""
    task, body = task_of(tuple(values)), row[TASK_WIDTH].encode()
    if task.degraded:
        body = applied(body, task.degraded)
    if task.attempts == 1:
        return Claim(task=task, token=token, input=body)
    kept = checkpoints.of_task(tx, task.task_id)
    return Claim(task=task, token=token, input=body, checkpoint=kept)


def next_due_at_ms(tx: Transaction, *, function: str) -> int | None:
    """When the function's next queued task is due, possibly in the past; None without one."""
    row = tx.one(_NEXT_DUE, {"function": function})
    assert row is not None
    due_at_ms: int | None = row[0]
    return due_at_ms


def queued_count(tx: Transaction, function: str) -> int:
    """How many tasks of a function are queued, due or not."""
    return tx.tally(function, TaskState.QUEUED)


# ── waiting and expiring ─────────────────────────────────────────────────────


def wake_waiting(tx: Transaction, *, now_ms: int, count_max: int) -> set[str]:
    """Put tasks whose wait is over back into the queue; the functions they belong to."""
    rows = tx.all(
        """
        UPDATE task
           SET state = 'queued', waiting_for = NULL, state_at_ms = :now_ms
         WHERE task_id IN (
               SELECT task_id FROM task
                WHERE state = 'waiting' AND due_at_ms <= :now_ms AND waiting_for <> 'undo'
                ORDER BY due_at_ms
                LIMIT :count_max)
        RETURNING function
        """,
        {"now_ms": now_ms, "count_max": count_max},
    )
    for (function,) in rows:
        tx.count(function, TaskState.WAITING, -1)
        tx.count(function, TaskState.QUEUED, 1)
    return {function for (function,) in rows}


def next_wake_at_ms(tx: Transaction) -> int | None:
    """When the next wait is over; None when nothing waits."""
    row = tx.one(
        "SELECT min(due_at_ms) FROM task WHERE state = 'waiting' AND waiting_for <> 'undo'"
    )
    return row[0] if row else None


def overdue(tx: Transaction, *, now_ms: int, count_max: int) -> list[Task]:
    """Tasks that expired before they could start, the longest overdue first."""
    rows = tx.all(
        f"""
        SELECT {TASK_COLUMNS} FROM task t
         WHERE t.expires_at_ms <= :now_ms AND t.state IN ('queued', 'waiting')
         ORDER BY t.expires_at_ms
         LIMIT :count_max
        """,
        {"now_ms": now_ms, "count_max": count_max},
    )
    return [task_of(row) for row in rows]


def next_expiry_at_ms(tx: Transaction) -> int | None:
    """When the next task that is not running expires; None when none does."""
    row = tx.one(
        """
        SELECT expires_at_ms FROM task
         WHERE expires_at_ms IS NOT NULL AND state IN ('queued', 'waiting')
         ORDER BY expires_at_ms
         LIMIT 1
        """
    )
    return row[0] if row else None


# ── cancel ───────────────────────────────────────────────────────────────────


def ask_cancel(tx: Transaction, task_id: str, *, reason: str, by: str, now_ms: int) -> str:
    """Cancel a task that is not running, ask a running one to stop.

    Returns "cancelled", "stopping" (its attempt is to be stopped now), or why neither.
    """
    task = get(tx, task_id)
    if task is None:
        return "no such task"
    if task.state is TaskState.RUNNING:
        why = f"cancel asked by {by}" + (f": {reason}" if reason else "")
        tx.run("UPDATE task SET cancel_asked = 1, reason = ? WHERE task_id = ?", (why, task_id))
        return "stopping"
    if task.state not in LIVE_STATES:
        return _WHY_NOT_CANCELLED[task.state]
    why = reason or f"cancelled by {by}"
    tx.run(
        """
        UPDATE task SET state = 'cancelled', state_at_ms = ?, waiting_for = NULL, reason = ?
         WHERE task_id = ?
        """,
        (now_ms, why, task_id),
    )
    decision = Decision(action=Action.CANCEL, why=why, decided_by=by)
    ledger.add(tx, decision, at_ms=now_ms, task_id=task_id)
    if task.replays:
        letters.close(tx, replace(task, state=TaskState.CANCELLED, reason=why), now_ms=now_ms)
    tx.count(task.function, task.state, -1)
    tx.count(task.function, TaskState.CANCELLED, 1)
    undo.begin(tx, task_id, now_ms=now_ms)
    return "cancelled"


_WHY_NOT_CANCELLED = {
    TaskState.DONE: "already done",
    TaskState.CANCELLED: "already cancelled",
    TaskState.DEAD: "already dead: its letter can be replayed or resolved",
}


# ── find ─────────────────────────────────────────────────────────────────────


def get(tx: Transaction, task_id: str) -> Task | None:
    """The task of exactly this id."""
    row = tx.one(f"SELECT {TASK_COLUMNS} FROM task t WHERE t.task_id = ?", (task_id,))
    return task_of(row) if row else None


def state_of(tx: Transaction, task_id: str) -> str | None:
    """The state of the task of exactly this id."""
    row = tx.one("SELECT state FROM task WHERE task_id = ?", (task_id,))
    return row[0] if row else None


def find_id(tx: Transaction, prefix: str) -> str:
    """The one task whose id begins so; letters may be small. Raises NoSuchId, AmbiguousId."""
    start = prefix.upper()
    if not start.isalnum() or not start.isascii() or len(start) > ID_CHARS:
        raise NoSuchId(prefix)
    # "~" sorts behind everything that an id can hold.
    rows = tx.all(
        "SELECT task_id FROM task WHERE task_id >= ? AND task_id < ? ORDER BY task_id LIMIT ?",
        (start, start + "~", IDS_SHOWN),
    )
    if not rows:
        raise NoSuchId(prefix)
    if len(rows) > 1:
        raise AmbiguousId(prefix, [task_id for (task_id,) in rows])
    found: str = rows[0][0]
    return found


def owned(tx: Transaction, token: str) -> Task | None:
    """The task that this attempt owns; None when it no longer owns one."""
    row = tx.one(
        f"""
        SELECT {TASK_COLUMNS}
          FROM attempt a
          JOIN task t ON t.task_id = a.task_id AND t.owner = a.token
         WHERE a.token = ?
        """,
        (token,),
    )
    return task_of(row) if row else None


def running(tx: Transaction) -> list[tuple[Task, Attempt]]:
    """Every running task with the attempt that owns it."""
    rows: list[Row] = []
    for function in functions(tx):
        rows += tx.all(
            f"""
            SELECT {TASK_COLUMNS}, {ATTEMPT_COLUMNS}
              FROM task t
              JOIN attempt a ON a.token = t.owner
             WHERE t.function = ? AND t.state = 'running'
            """,
            (function,),
        )
    return [(task_of(row), attempt_of(row[TASK_WIDTH:])) for row in rows]
