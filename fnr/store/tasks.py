"""Hand due tasks to workers, and find them again."""

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
    task_of,
)
from fnr.store.tally import functions
from fnr.store.transaction import Row, Transaction

# ── claim ────────────────────────────────────────────────────────────────────

_LEVELS = range(PRIORITY_MAX, PRIORITY_MIN - 1, -1)

# Most functions have nothing queued most of the time, which one seek says instead of ten.
_NEXT_DUE = (
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM task WHERE state = 'queued' AND function = :function)"
    " THEN (SELECT min(due_at_ms) FROM ("
    + "\nUNION ALL\n".join(
        f"""
        SELECT min(due_at_ms) AS due_at_ms FROM task
         WHERE state = 'queued' AND function = :function AND priority = {level}
        """
        for level in _LEVELS
    )
    + ") AS level) END"
)

_TOP = "SELECT max(priority) FROM task WHERE state = 'queued' AND function = :function"
_NEXT_LEVEL = f"{_TOP} AND priority < :level"


def _due_at(level: str) -> str:
    """Each row ends with its input, and the level below that has tasks; None: there is none."""
    return f"""
        SELECT {TASK_COLUMNS}, i.body, ({_TOP} AND priority < {level})
          FROM task t
          JOIN task_input i ON i.task_id = t.task_id AND i.revision = t.input_revision
         WHERE t.state = 'queued' AND t.function = :function AND t.priority = {level}
           AND t.due_at_ms <= :now_ms
         ORDER BY t.due_at_ms, t.task_id
         LIMIT :count_max
        """


_DUE_AT_TOP = _due_at(f"({_TOP})")
_DUE_AT_LEVEL = _due_at(":level")


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
    a task that kills its worker would be tried forever. What has expired is left to its burial,
    and may take places here until then: to look further could be to look at all that is queued.
    """
    found = _due(tx, function, now_ms=now_ms, count_max=count_max)
    rows = [row for row in found if row[_EXPIRES_AT] is None or row[_EXPIRES_AT] > now_ms]
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
    begin_attempts(
        tx, [(token, row[0], row[_ATTEMPTS] + 1) for row, token in pairs], worker, now_ms
    )
    tx.count(function, TaskState.QUEUED, -len(pairs))
    tx.count(function, TaskState.RUNNING, len(pairs))
    return [_claim(tx, row, token, now_ms) for row, token in pairs]


def begin_attempts(
    tx: Transaction,
    attempts: Sequence[tuple[str, str, int]],
    worker: WorkerIdentity,
    now_ms: int,
) -> None:
    """Write down that a worker is given attempts: of each its token, its task and its number."""
    who = (worker.worker_id, worker.boot_id, worker.pid, worker.pid_start, now_ms)
    tx.many(
        """
        INSERT INTO attempt
            (token, task_id, number, worker_id, boot_id, pid, pid_start, started_at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [(*attempt, *who) for attempt in attempts],
    )


def _due(tx: Transaction, function: str, *, now_ms: int, count_max: int) -> list[Row]:
    """Due tasks with their inputs, one priority level after the other.

    Per level one seek, so that tasks of a higher level that are not due yet cost nothing.
    """
    asked = {"function": function, "now_ms": now_ms}
    found = rows = tx.all(_DUE_AT_TOP, asked | {"count_max": count_max})
    level: int | None = PRIORITY_MAX + 1
    while len(found) < count_max:
        if rows:
            level = rows[0][-1]
        else:
            [level] = tx.one(_NEXT_LEVEL, {"function": function, "level": level}) or (None,)
        if level is None:
            break
        rows = tx.all(_DUE_AT_LEVEL, asked | {"level": level, "count_max": count_max - len(found)})
        found += rows
    return found


_STATE, _STATE_AT, _ATTEMPTS, _EXPIRES_AT, _OWNER, _REASON = 2, 6, 7, 16, 22, 24


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
    problem = cancel_problem(task)
    if task is None or problem is not None:
        return problem or NO_TASK
    if task.state is TaskState.RUNNING:
        why = f"cancel asked by {by}" + (f": {reason}" if reason else "")
        tx.run("UPDATE task SET cancel_asked = 1, reason = ? WHERE task_id = ?", (why, task_id))
        return "stopping"
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


def cancel_problem(task: Task | None) -> str | None:
    """Say why a task cannot be cancelled now; None when it can."""
    if task is None:
        return NO_TASK
    return None if task.state in LIVE_STATES else _WHY_NOT_CANCELLED[task.state]


NO_TASK = "no such task"
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
