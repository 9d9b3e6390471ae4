"""Dead letters: opened when a task dies, closed when its replay came home, edited and resolved.

A letter and its task move together: open with dead, replaying with a live task, resolved with
cancelled. The task row keeps input, attempts and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from fnr.policy.dead_letter import DeadLetter, LetterState, not_replayable
from fnr.policy.replay import EntryState
from fnr.policy.task import Task, TaskState
from fnr.policy.undo import unfinished
from fnr.policy.verdict import Action, Decision
from fnr.store import errors, ledger, replay_entries, undo
from fnr.store.rows import (
    LETTER_COLUMNS,
    LETTER_NAMES,
    letter_kind,
    letter_of,
    letter_row,
    marks,
)
from fnr.store.transaction import Transaction

# Kept with each of what may be a million letters.
REASON_CHARS_MAX = 200
NO_LETTER = "no dead letter of this id"

# Whether a function is known, and what is wrong with an input for it (None: nothing).
FunctionKnown = Callable[[str], bool]
InputProblem = Callable[[str, bytes], str | None]


def get(tx: Transaction, task_id: str) -> DeadLetter | None:
    """The letter of exactly this task."""
    row = tx.one(f"SELECT {LETTER_COLUMNS} FROM dead_letter d WHERE d.task_id = ?", (task_id,))
    return letter_of(row) if row else None


# ── moves that settle makes ──────────────────────────────────────────────────


def put(tx: Transaction, letter: DeadLetter, *, error_id: str | None) -> None:
    """A task died; if it had died before, its letter is opened again with the new reason."""
    if error_id is None:
        error_id = letter.error_id or errors.last_id(tx, letter.task_id)
    letter = replace(letter, error_id=error_id)
    before = get(tx, letter.task_id) if letter.replays else None
    if before is not None:
        replay_entries.ended(
            tx, letter.task_id, EntryState.DEAD, why=letter.reason, now_ms=letter.died_at_ms
        )
        tx.count(before.function, letter_kind(before), -1)
    add(tx, letter)


def close(tx: Transaction, task: Task, *, now_ms: int) -> None:
    """A replayed task is done (its letter goes) or cancelled (its letter is resolved)."""
    letter = get(tx, task.task_id)
    if letter is None:
        return
    end = EntryState.DONE if task.state is TaskState.DONE else EntryState.CANCELLED
    replay_entries.ended(
        tx, task.task_id, end, why="" if end is EntryState.DONE else task.reason, now_ms=now_ms
    )
    if task.state is TaskState.DONE:
        tx.run("DELETE FROM dead_letter WHERE task_id = ?", (task.task_id,))
        tx.count(letter.function, letter_kind(letter), -1)
        return
    _change(
        tx,
        letter,
        replace(
            letter,
            state=LetterState.RESOLVED,
            resolved_at_ms=now_ms,
            resolution=task.reason,
        ),
    )


def _change(tx: Transaction, before: DeadLetter, after: DeadLetter) -> None:
    tx.run(
        """
        UPDATE dead_letter SET state = ?, resolved_at_ms = ?, resolution = ? WHERE task_id = ?
        """,
        (after.state, after.resolved_at_ms, after.resolution, after.task_id),
    )
    tx.count(before.function, letter_kind(before), -1)
    tx.count(after.function, letter_kind(after), 1)


def add(tx: Transaction, letter: DeadLetter) -> None:
    """Store a letter, in the place of an earlier one of its task."""
    tx.run(
        f"""
        INSERT INTO dead_letter ({", ".join(LETTER_NAMES)}) VALUES ({marks(LETTER_NAMES)})
        ON CONFLICT (task_id) DO UPDATE
           SET cause = excluded.cause, category = excluded.category, reason = excluded.reason,
               died_at_ms = excluded.died_at_ms, state = excluded.state,
               error_id = excluded.error_id, message = excluded.message,
               attempts = excluded.attempts, replays = excluded.replays,
               resolved_at_ms = excluded.resolved_at_ms, resolution = excluded.resolution
        """,
        letter_row(letter),
    )
    tx.count(letter.function, letter_kind(letter), 1)


# ── moves that people make ───────────────────────────────────────────────────


def replay_problem(
    tx: Transaction,
    letter: DeadLetter,
    *,
    function_known: FunctionKnown,
    input_problem: InputProblem | None = None,
) -> str | None:
    """Say why a letter cannot be replayed now; None when it can."""
    known = function_known(letter.function)
    wrong = None
    if known and input_problem is not None:
        wrong = input_problem(letter.function, current_input(tx, letter.task_id))
    problem = not_replayable(letter, function_known=known, input_problem=wrong)
    problem = problem or unique_key_problem(tx, letter.task_id)
    return problem or unfinished(undo.of_task(tx, letter.task_id))


def replay(
    tx: Transaction,
    ids: Sequence[str],
    *,
    by: str,
    now_ms: int,
    function_known: FunctionKnown,
    input_problem: InputProblem | None = None,
    dry_run: bool = False,
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Put dead tasks back with a fresh budget; (id, function) of each, and id → why not."""
    back: list[tuple[str, str]] = []
    blocked: dict[str, str] = {}
    for task_id in dict.fromkeys(ids):
        letter = get(tx, task_id)
        problem: str | None = NO_LETTER
        if letter is not None:
            problem = replay_problem(
                tx, letter, function_known=function_known, input_problem=input_problem
            )
        if letter is None or problem is not None:
            blocked[task_id] = problem or NO_LETTER
            continue
        if not dry_run:
            put_back(tx, letter, by=by, now_ms=now_ms)
        back.append((task_id, letter.function))
    return back, blocked


def put_back(
    tx: Transaction, letter: DeadLetter, *, by: str, reason: str = "", now_ms: int
) -> None:
    """Make a dead task live again, with a fresh budget.

    reason: kept with the task, which may be there for longer than the replay that has it.
    """
    # The old expiry has passed or soon will: it was the submitter's, the replay is the operator's.
    tx.run(
        """
        UPDATE task
           SET state = 'queued', due_at_ms = ?, state_at_ms = ?, retries = 0, unknowns = 0,
               waits = 0, deaths = 0, replays = replays + 1, expires_at_ms = NULL,
               reason = 'replayed', degraded = ''
         WHERE task_id = ?
        """,
        (now_ms, now_ms, letter.task_id),
    )
    why = f"replayed by {by}" + (f": {reason[:REASON_CHARS_MAX]}" if reason else "")
    decision = Decision(action=Action.REPLAY, why=f"{why}; it was {letter.cause}", decided_by=by)
    ledger.add(tx, decision, at_ms=now_ms, task_id=letter.task_id)
    _change(tx, letter, replace(letter, state=LetterState.REPLAYING))
    undo.called_off(tx, letter.task_id)
    tx.count(letter.function, TaskState.DEAD, -1)
    tx.count(letter.function, TaskState.QUEUED, 1)


def unique_key_problem(tx: Transaction, task_id: str) -> str | None:
    """Why its unique key keeps a dead task from coming back; None when it does not."""
    row = tx.one(
        """
        SELECT live.task_id, live.unique_key
          FROM task dead
          JOIN task live ON live.unique_key = dead.unique_key
                        AND live.state IN ('queued', 'waiting', 'running')
         WHERE dead.task_id = ? AND dead.unique_key IS NOT NULL
        """,
        (task_id,),
    )
    return f"unique key {row[1]} is held by task {row[0]}" if row else None


def resolve(
    tx: Transaction, ids: Sequence[str], *, reason: str, by: str, now_ms: int
) -> tuple[list[str], dict[str, str]]:
    """Put open letters to rest without a replay; the ids, and id → why not."""
    rested: list[str] = []
    refused: dict[str, str] = {}
    for task_id in dict.fromkeys(ids):
        letter = get(tx, task_id)
        problem = resolve_problem(letter)
        if letter is None or problem is not None:
            refused[task_id] = problem or NO_LETTER
            continue
        why = reason or f"resolved by {by}"
        tx.run(
            """
            UPDATE task SET state = 'cancelled', state_at_ms = ?, reason = ? WHERE task_id = ?
            """,
            (now_ms, why, task_id),
        )
        decision = Decision(action=Action.RESOLVE, why=why, decided_by=by)
        ledger.add(tx, decision, at_ms=now_ms, task_id=task_id)
        _change(
            tx,
            letter,
            replace(letter, state=LetterState.RESOLVED, resolved_at_ms=now_ms, resolution=why),
        )
        tx.count(letter.function, TaskState.DEAD, -1)
        tx.count(letter.function, TaskState.CANCELLED, 1)
        rested.append(task_id)
    return rested, refused


def resolve_problem(letter: DeadLetter | None) -> str | None:
    """Say why a letter cannot be put to rest now; None when it can."""
    if letter is None:
        return NO_LETTER
    return None if letter.state is LetterState.OPEN else f"already {letter.state}"


def purge(
    tx: Transaction,
    ids: Sequence[str],
    *,
    open_too: bool = False,
    enough: Callable[[], bool] = lambda: False,
) -> tuple[list[str], dict[str, str]]:
    """Delete letters with their tasks and everything about them; the ids, and id → why not.

    enough: has it taken too long? Then those behind the last one that went are in neither answer.
    """
    gone: list[str] = []
    refused: dict[str, str] = {}
    for task_id in dict.fromkeys(ids):
        letter = get(tx, task_id)
        problem = purge_problem(tx, letter, open_too=open_too)
        if letter is None or problem is not None:
            refused[task_id] = problem or NO_LETTER
            continue
        # Who took over and was cancelled has the task; its letter is under the name asked for.
        [(function, state)] = tx.all(
            "DELETE FROM task WHERE task_id = ? RETURNING function, state", (task_id,)
        )
        tx.count(function, state, -1)
        tx.count(letter.function, letter_kind(letter), -1)
        gone.append(task_id)
        if enough():
            break
    return gone, refused


def purge_problem(tx: Transaction, letter: DeadLetter | None, *, open_too: bool) -> str | None:
    """Say why a letter cannot be deleted now; None when it can."""
    if letter is None:
        return NO_LETTER
    if letter.state is LetterState.REPLAYING:
        return "its task is live again"
    if letter.state is LetterState.OPEN and not open_too:
        return "still open: only --open purges letters that are not resolved"
    return unfinished(undo.of_task(tx, letter.task_id))


# ── inputs ───────────────────────────────────────────────────────────────────


def current_input(tx: Transaction, task_id: str) -> bytes:
    """A task's input as its next attempt will see it."""
    row = tx.one(
        """
        SELECT i.body
          FROM task t
          JOIN task_input i ON i.task_id = t.task_id AND i.revision = t.input_revision
         WHERE t.task_id = ?
        """,
        (task_id,),
    )
    assert row is not None, task_id
    return bytes(row[0], "utf-8")


def edit_input(
    tx: Transaction, task_id: str, body: bytes, *, by: str, revision: int | None = None, now_ms: int
) -> str | None:
    """Give a dead task a new input; every earlier one is kept. Why not, or None when done.

    revision: which the new one is made from; None: whichever there is.
    """
    letter = get(tx, task_id)
    if letter is None:
        return NO_LETTER
    if letter.state is not LetterState.OPEN:
        return f"the letter is {letter.state}"
    moved = tx.run(
        "UPDATE task SET input_revision = input_revision + 1 WHERE task_id = ? AND"
        " input_revision = coalesce(?, input_revision)",
        (task_id, revision),
    )
    if not moved:
        return "somebody edited it meanwhile"
    tx.run(
        """
        INSERT INTO task_input (task_id, revision, at_ms, author, body)
        SELECT task_id, input_revision, ?, ?, ? FROM task WHERE task_id = ?
        """,
        (now_ms, by, body.decode(), task_id),
    )
    decision = Decision(action=Action.EDIT, why=f"input edited by {by}", decided_by=by)
    ledger.add(tx, decision, at_ms=now_ms, task_id=task_id)
    return None
