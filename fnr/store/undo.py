"""Steps of undo: kept when an attempt ends, carried out when its task does, or before a retry.

What `settled` writes belongs to the transaction of the verdict. `undo_run` is the effect: a task
is in it exactly as long as steps of it are to be carried out.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from fnr.policy.task import Task, TaskState
from fnr.policy.undo import (
    WAITING_FOR,
    Outcome,
    Step,
    StepState,
    UndoPolicy,
    begun,
    is_cut_off,
    next_step,
    tried,
)
from fnr.policy.undo_alert import alert
from fnr.policy.verdict import Action, Decision
from fnr.store import ledger, outbox
from fnr.store.ids import AmbiguousId, NoSuchId
from fnr.store.rows import json_text, marks
from fnr.store.transaction import Row, Transaction

STEP_NAMES = (
    "undo_id", "task_id", "token", "number", "function", "kind", "data", "recorded_at_ms", "state",
    "state_at_ms", "tries", "receipt", "state_by", "reason",
)  # fmt: skip
STEP_COLUMNS = ", ".join(f"u.{name}" for name in STEP_NAMES)
_STATES = {str(state): state for state in StepState}


class Left(Struct, frozen=True, kw_only=True):
    """What an attempt left to be undone.

    then_wait: what its task waits for once that is done, when it has to be done before a retry.
    """

    steps: tuple[Step, ...] = ()
    then_wait: str | None = None


NOTHING = Left()


def step_of(row: Row) -> Step:
    """A step from STEP_COLUMNS."""
    return Step(
        undo_id=row[0],
        task_id=row[1],
        token=row[2],
        number=row[3],
        function=row[4],
        kind=row[5],
        data=msgspec.json.decode(row[6]),
        recorded_at_ms=row[7],
        state=_STATES[row[8]],
        state_at_ms=row[9],
        tries=row[10],
        receipt=None if row[11] is None else msgspec.json.decode(row[11]),
        state_by=row[12],
        reason=row[13],
    )


# ── in the transaction of a verdict ──────────────────────────────────────────


def settled(tx: Transaction, task: Task, left: Left, *, now_ms: int) -> None:
    """An attempt has ended, or its task without one: keep its steps, and say what becomes of them.

    task: as it is from now on.
    """
    if left.steps:
        keep(tx, left.steps, now_ms=now_ms)
    if task.state is TaskState.DONE:
        # A first attempt that succeeded has left nothing in the store.
        if task.attempts > 1 or left.steps:
            drop(tx, task.task_id, why="its task succeeded", now_ms=now_ms)
    elif task.state in {TaskState.DEAD, TaskState.CANCELLED}:
        begin(tx, task.task_id, now_ms=now_ms)
    elif task.waiting_for == WAITING_FOR:
        tx.run(
            """
            INSERT INTO undo_run (task_id, purpose, then_wait, at_ms, due_at_ms)
            VALUES (?, 'retry', ?, ?, ?)
            """,
            (task.task_id, left.then_wait, now_ms, now_ms),
        )


def keep(tx: Transaction, steps: Sequence[Step], *, now_ms: int) -> int:
    """Store steps; those that are stored already stay as they are. How many there are to undo."""
    for step in steps:
        if step.state is StepState.NEEDS_OPERATOR and not _is_kept(tx, step):
            outbox.add(tx, alert(step), now_ms=now_ms)
    tx.many(
        f"""
        INSERT INTO undo_step ({", ".join(STEP_NAMES)}) VALUES ({marks(STEP_NAMES)})
        ON CONFLICT (undo_id) DO NOTHING
        """,
        [_row(step) for step in steps],
    )
    return sum(step.state is StepState.RECORDED for step in steps)


def _is_kept(tx: Transaction, step: Step) -> bool:
    return tx.one("SELECT 1 FROM undo_step WHERE undo_id = ?", (step.undo_id,)) is not None


def drop(tx: Transaction, task_id: str, *, why: str, now_ms: int) -> None:
    """What was done counts: nothing of it is to be undone any more."""
    tx.run(
        """
        UPDATE undo_step SET state = 'dropped', state_at_ms = ?, reason = ?
         WHERE task_id = ? AND state = 'recorded'
        """,
        (now_ms, why, task_id),
    )


def begin(tx: Transaction, task_id: str, *, now_ms: int) -> bool:
    """The task will not be tried again: undo what it left, if it left anything."""
    begun = tx.run(
        """
        INSERT INTO undo_run (task_id, purpose, at_ms, due_at_ms)
        SELECT :task_id, 'end', :now_ms, :now_ms
         WHERE EXISTS (SELECT 1 FROM undo_step
                        WHERE task_id = :task_id AND state IN ('recorded', 'undoing'))
        ON CONFLICT (task_id) DO UPDATE
           SET purpose = 'end', then_wait = NULL, due_at_ms = excluded.due_at_ms
        """,
        {"task_id": task_id, "now_ms": now_ms},
    )
    if not begun:
        # It waited for an operator before its retry; there is no retry to wait for any more.
        tx.run("DELETE FROM undo_run WHERE task_id = ?", (task_id,))
    return bool(begun)


def called_off(tx: Transaction, task_id: str) -> None:
    """The task lives again, and nothing of it is left to undo.

    A run that had no turn yet would undo what the task does from now on.
    """
    tx.run("DELETE FROM undo_run WHERE task_id = ?", (task_id,))


def _row(step: Step) -> Row:
    return (
        step.undo_id, step.task_id, step.token, step.number, step.function, step.kind,
        json_text(step.data), step.recorded_at_ms, step.state, step.state_at_ms, step.tries,
        None if step.receipt is None else json_text(step.receipt), step.state_by, step.reason,
    )  # fmt: skip


# ── carrying them out ────────────────────────────────────────────────────────


def due(tx: Transaction, *, now_ms: int, count_max: int) -> list[str]:
    """Tasks whose undo is to go on now."""
    rows = tx.all(
        """
        SELECT task_id FROM undo_run
         WHERE due_at_ms IS NOT NULL AND due_at_ms <= ? ORDER BY due_at_ms LIMIT ?
        """,
        (now_ms, count_max),
    )
    return [task_id for (task_id,) in rows]


def next_due_at_ms(tx: Transaction, *, after_ms: int) -> int | None:
    """When the next undo goes on."""
    row = tx.one("SELECT min(due_at_ms) FROM undo_run WHERE due_at_ms > ?", (after_ms,))
    return row[0] if row else None


def of_task(tx: Transaction, task_id: str) -> list[Step]:
    """A task's steps, oldest first."""
    rows = tx.all(
        f"""
        SELECT {STEP_COLUMNS} FROM undo_step u
         WHERE u.task_id = ? ORDER BY u.task_id, u.token, u.number
        """,
        (task_id,),
    )
    return [step_of(row) for row in rows]


def put(tx: Transaction, step: Step) -> None:
    """Store where a step stands."""
    tx.run(
        """
        UPDATE undo_step
           SET state = ?, state_at_ms = ?, tries = ?, state_by = ?, reason = ?
         WHERE undo_id = ?
        """,
        (step.state, step.state_at_ms, step.tries, step.state_by, step.reason, step.undo_id),
    )


class Turn(Struct, frozen=True, kw_only=True):
    """What to do next for a task.

    step:     the step to try, marked as being tried; None when there is none.
    cut_off:  its last try was begun and never settled: something of it may be left.
    finished: no step of it is to be tried any more. woken: its function, if it may be tried again.
    """

    step: Step | None = None
    cut_off: bool = False
    finished: bool = False
    woken: str | None = None


def next_turn(tx: Transaction, task_id: str, *, now_ms: int) -> Turn:
    """Mark the step to try now; the run ends when there is none.

    A retry does not begin on top of what could not be undone: it waits for the operator.
    """
    run = tx.one("SELECT purpose, then_wait FROM undo_run WHERE task_id = ?", (task_id,))
    if run is None:
        return Turn()
    steps = of_task(tx, task_id)
    step = next_step(steps)
    if step is not None:
        cut_off = is_cut_off(step)
        if cut_off:
            note(
                tx,
                task_id,
                f"{_name(step)} was cut off: what came of it is not known",
                now_ms=now_ms,
            )
        step = begun(step, now_ms=now_ms)
        put(tx, step)
        return Turn(step=step, cut_off=cut_off)
    purpose, then_wait = run
    if purpose == "retry" and any(step.state is StepState.NEEDS_OPERATOR for step in steps):
        tx.run("UPDATE undo_run SET due_at_ms = NULL WHERE task_id = ?", (task_id,))
        return Turn(finished=True)
    tx.run("DELETE FROM undo_run WHERE task_id = ?", (task_id,))
    woken = _wake(tx, task_id, then_wait, now_ms=now_ms) if purpose == "retry" else None
    return Turn(finished=True, woken=woken)


def settle_try(
    tx: Transaction,
    step: Step,
    outcome: Outcome,
    *,
    policy: UndoPolicy,
    now_ms: int,
    fraction: float,
) -> tuple[Step, int]:
    """Store what came of a try; the step, and in how many ms its task's undo goes on."""
    after, wait_ms = tried(step, outcome, policy=policy, now_ms=now_ms, fraction=fraction)
    put(tx, after)
    if after.state is StepState.NEEDS_OPERATOR:
        outbox.add(tx, alert(after), now_ms=now_ms)
    note(tx, step.task_id, _words(after, wait_ms), now_ms=now_ms)
    if wait_ms:
        tx.run(
            "UPDATE undo_run SET due_at_ms = ? WHERE task_id = ?",
            (now_ms + wait_ms, step.task_id),
        )
    return after, wait_ms


def _words(step: Step, wait_ms: int) -> str:
    what = _name(step)
    if step.state is StepState.UNDONE:
        return f"undid {what}: {step.reason}" if step.reason else f"undid {what}"
    if step.state is StepState.NEEDS_OPERATOR:
        return f"could not undo {what}, an operator has to: {step.reason}"
    return f"could not undo {what}, next try in {wait_ms} ms: {step.reason}"


def _name(step: Step) -> str:
    return f"{step.kind} ({step.undo_id}, try {step.tries})"


def _wake(tx: Transaction, task_id: str, then_wait: str | None, *, now_ms: int) -> str | None:
    state = TaskState.QUEUED if then_wait is None else TaskState.WAITING
    row = tx.one(
        """
        UPDATE task SET state = ?, waiting_for = ?, state_at_ms = ?
         WHERE task_id = ? AND state = 'waiting' AND waiting_for = ?
        RETURNING function
        """,
        (state, then_wait, now_ms, task_id, WAITING_FOR),
    )
    if row is None:
        return None
    function = str(row[0])
    tx.count(function, TaskState.WAITING, -1)
    tx.count(function, state, 1)
    note(tx, task_id, "nothing is left to be undone: it may be tried again", now_ms=now_ms)
    return function


def note(tx: Transaction, task_id: str, why: str, *, now_ms: int, by: str = "fnr") -> None:
    """Put an act of undo on record."""
    decision = Decision(action=Action.UNDO, why=why, decided_by=by)
    ledger.add(tx, decision, at_ms=now_ms, task_id=task_id)


# ── operators ────────────────────────────────────────────────────────────────


def resume(tx: Transaction, task_id: str, *, now_ms: int) -> None:
    """An operator has moved a step: go on, with a new run if the old one has ended."""
    tx.run(
        """
        INSERT INTO undo_run (task_id, purpose, at_ms, due_at_ms) VALUES (?, 'end', ?, ?)
        ON CONFLICT (task_id) DO UPDATE SET due_at_ms = excluded.due_at_ms
        """,
        (task_id, now_ms, now_ms),
    )


def get(tx: Transaction, prefix: str) -> Step:
    """The one step whose id begins so. Raises NoSuchId, AmbiguousId."""
    start = prefix.upper()
    if not start:
        raise NoSuchId(prefix, "undo step")
    rows = tx.all(
        f"""
        SELECT {STEP_COLUMNS} FROM undo_step u
         WHERE u.undo_id >= ? AND u.undo_id < ? ORDER BY u.undo_id LIMIT 3
        """,
        (start, start + "~"),
    )
    if not rows:
        raise NoSuchId(prefix, "undo step")
    if len(rows) > 1 and rows[0][0] != start:
        raise AmbiguousId(prefix, [row[0] for row in rows], "undo step")
    return step_of(rows[0])


def chosen(tx: Transaction, word: str) -> list[Step]:
    """The step that an id means, or of a task all that need an operator. Raises NoSuchId."""
    try:
        return [get(tx, word)]
    except (NoSuchId, AmbiguousId):
        steps = of_task(tx, word.upper())
        if not steps:
            raise
    stuck = [step for step in steps if step.state is StepState.NEEDS_OPERATOR]
    return stuck or steps[-1:]


def needs_operator(tx: Transaction) -> int:
    """How many steps wait for an operator."""
    row = tx.one("SELECT count(*) FROM undo_step WHERE state = 'needs_operator'")
    assert row is not None
    return int(row[0])
