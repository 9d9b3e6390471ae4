"""Dead letters in and out of files, with everything about them and under the same ids."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.counted import counted
from fnr.policy.dead_letter import DeadLetter, LetterState
from fnr.policy.decision import Action
from fnr.policy.degrade import home_function
from fnr.policy.record import TaskDetail
from fnr.policy.task import INPUT_BYTES_MAX, AttemptOutcome, Task, TaskState
from fnr.policy.undo import imported, is_sound
from fnr.store import corrections, errors, letters, tasks, undo
from fnr.store.details import detail
from fnr.store.rows import ATTEMPT_NAMES, LEDGER_NAMES, TASK_NAMES, json_text, marks, task_row
from fnr.store.transaction import Transaction

SCHEMA = "fnr.letter/1"
# No store has counted so far.
NUMBER_END = 2**53
# In the year 9892: dates end with 9999, in whichever time zone.
MOMENT_END_MS = 250_000_000_000_000

# What the state of a letter says about its task; a replaying one is live elsewhere.
_TASK_STATE = {LetterState.OPEN: TaskState.DEAD, LetterState.RESOLVED: TaskState.CANCELLED}


class LetterExport(Struct, frozen=True, kw_only=True):
    """One line of an export."""

    schema: str
    letter: DeadLetter
    detail: TaskDetail


def impossible(error: BaseException) -> str | None:
    """What the store says of a value that it cannot hold; None if that is not the error."""
    if isinstance(error, sqlite3.IntegrityError | OverflowError):
        return f"it holds a value that cannot be: {error}"
    return None


def export_one(tx: Transaction, letter: DeadLetter) -> LetterExport:
    """A letter with all its details."""
    task = tasks.get(tx, letter.task_id)
    assert task is not None, letter
    return LetterExport(schema=SCHEMA, letter=letter, detail=detail(tx, task))


def import_one(
    tx: Transaction, letter: DeadLetter, exported: TaskDetail, *, schema: str = SCHEMA, now_ms: int
) -> str | None:
    """Take over an exported letter; says why not, or None when it is stored."""
    exported = _with_named_errors(exported)
    problem = _problem(tx, letter, exported, schema)
    if problem is not None:
        return problem
    task = exported.task
    names = (*TASK_NAMES, "input_revision")
    tx.run(
        f"INSERT INTO task ({', '.join(names)}) VALUES ({marks(names)})",
        (*task_row(task), exported.revisions[-1].revision),
    )
    tx.many(
        "INSERT INTO task_input (task_id, revision, at_ms, author, body) VALUES (?, ?, ?, ?, ?)",
        [
            (task.task_id, found.revision, found.at_ms, found.author, bytes(found.body).decode())
            for found in exported.revisions
        ],
    )
    tx.many(
        f"INSERT INTO attempt ({', '.join(ATTEMPT_NAMES)}) VALUES ({marks(ATTEMPT_NAMES)})",
        [tuple(getattr(attempt, name) for name in ATTEMPT_NAMES) for attempt in exported.attempts],
    )
    for error in exported.errors:
        errors.add(tx, error, live=False)
        if error.correction is not None:
            corrections.restore(tx, error)
    _insert_ledger(tx, exported)
    # Told of now: by the clock of where they come from that moment may be ahead.
    undo.keep(tx, [imported(step) for step in exported.undo], now_ms=now_ms)
    letters.add(tx, letter)
    tx.count(task.function, task.state, 1)
    return None


def _with_named_errors(exported: TaskDetail) -> TaskDetail:
    """As step 4 of the schema does: before it nobody kept which error a decision answers."""
    answered = {error.token: error.error_id for error in exported.errors}
    rows = [
        row if row.error_id is not None else replace(row, error_id=answered.get(row.token or ""))
        for row in exported.ledger
    ]
    return replace(exported, ledger=rows)


def _problem(tx: Transaction, letter: DeadLetter, exported: TaskDetail, schema: str) -> str | None:
    """Everything is looked at before anything is written."""
    task = exported.task
    if schema != SCHEMA:
        return f"written as {schema}, this fnr reads {SCHEMA}"
    if exported.letter != letter or task.task_id != letter.task_id:
        return "letter and details do not belong together"
    if _TASK_STATE.get(letter.state) is not task.state:
        return f"a letter that is {letter.state} with a task that is {task.state}"
    if (home := home_function(task.function, task.degraded)) != letter.function:
        return f"a letter of {letter.function} with a task of {home}"
    return (
        _wrong_moments(exported)
        or _wrong_parts(task, exported)
        or _wrong_inputs(exported)
        or _wrong_ends(exported)
        or _taken(tx, task, exported)
    )


def _wrong_moments(exported: TaskDetail) -> str | None:
    """One that no page could show would take the whole list with it."""
    parts: tuple[Struct | None, ...] = (
        exported.task,
        exported.letter,
        *exported.attempts,
        *exported.errors,
        *(error.correction for error in exported.errors),
        *exported.ledger,
        *exported.revisions,
        *exported.undo,
    )
    for part in parts:
        for name in part.__struct_fields__ if part is not None else ():
            value = getattr(part, name) if name.endswith("at_ms") else None
            if value is not None and not 0 <= value <= MOMENT_END_MS:
                return f"its {name} is {value}, and that is no moment"
    return None


def _wrong_parts(task: Task, exported: TaskDetail) -> str | None:
    ids = {
        *(attempt.task_id for attempt in exported.attempts),
        *(error.task_id for error in exported.errors),
        *(row.task_id for row in exported.ledger),
        *(step.task_id for step in exported.undo),
    }
    if ids - {task.task_id}:
        return f"it holds parts of other tasks: {', '.join(sorted(map(str, ids)))}"
    if task.owner is not None or task.waiting_for is not None or task.cancel_asked:
        return "its task is not at rest"
    return None


def _wrong_inputs(exported: TaskDetail) -> str | None:
    numbers = [found.revision for found in exported.revisions]
    if numbers != list(range(1, len(numbers) + 1)) or not numbers:
        return "its inputs are not revisions 1, 2, …"
    for found in exported.revisions:
        if (size := len(bytes(found.body))) > INPUT_BYTES_MAX:
            return f"input revision {found.revision} has {size} bytes, at most {INPUT_BYTES_MAX}"
        try:
            # To the bottom: a number like 1e400 somewhere in it can be read by nobody.
            msgspec.json.decode(found.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return f"input revision {found.revision} is not a JSON object: {error}"
    # Whoever edits the file edits the input that stands first in it, and it would not count.
    last = exported.revisions[-1].body
    # The bytes first: reading 10 MiB twice more would keep everybody waiting for half a second.
    if bytes(exported.input) != bytes(last) and _canonical(exported.input) != _canonical(last):
        return "its input is not that of its last revision; import it, then fnr dlq edit"
    return None


def _canonical(raw: msgspec.Raw) -> bytes | None:
    """The same for inputs that say the same. Values would not do: to Python 1, 1.0 and true are."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _wrong_ends(exported: TaskDetail) -> str | None:
    """The invariants that `fnr db check` would otherwise find broken."""
    tokens = [attempt.token for attempt in exported.attempts]
    decided = [row.token for row in exported.ledger if row.token is not None]
    failed = [one.token for one in exported.attempts if one.outcome is AttemptOutcome.FAILED]
    if any(attempt.outcome is AttemptOutcome.RUNNING for attempt in exported.attempts):
        return "one of its attempts still runs"
    if exported.task.attempts != len(tokens):
        many = counted(exported.task.attempts, "attempt")
        return f"its task counts {many}, and it holds {len(tokens)}"
    if sorted(tokens) != sorted(decided):
        return "its attempts and its decisions do not match"
    if sorted(failed) != sorted(error.token for error in exported.errors):
        return "its failed attempts and its errors do not match"
    if (wrong_error := _misjudged(exported)) is not None:
        return f"error {wrong_error} and the decision that answers it do not match"
    if exported.task.state is TaskState.DEAD and not _is_buried(exported):
        return "no decision says why it is dead"
    if wrong := [step.undo_id for step in exported.undo if not is_sound(step)]:
        return f"its undo step {wrong[0]} makes no sense"
    return None


def _misjudged(exported: TaskDetail) -> str | None:
    decided = {
        row.token: (row.error_id, row.decision.category, row.decision.strategy, row.decision.rule)
        for row in exported.ledger
    }
    for error in exported.errors:
        said = error.classification
        if decided[error.token] != (error.error_id, said.category, said.strategy, said.rule):
            return error.error_id
    return None


def _is_buried(exported: TaskDetail) -> bool:
    """Whether a decision since its last replay says why it is dead."""
    buried = False
    for row in exported.ledger:
        if row.decision.action is Action.REPLAY:
            buried = False
        elif row.decision.action in {Action.BURY, Action.EXPIRE} and row.decision.why:
            buried = True
    return buried


def _taken(tx: Transaction, task: Task, exported: TaskDetail) -> str | None:
    if tasks.get(tx, task.task_id) is not None:
        return "a task with this id exists already"
    if task.idempotency_key is not None and tx.one(
        "SELECT 1 FROM task WHERE idempotency_key = ?", (task.idempotency_key,)
    ):
        return f"a task with the idempotency key {task.idempotency_key} exists already"
    for attempt in exported.attempts:
        if tx.one("SELECT 1 FROM attempt WHERE token = ?", (attempt.token,)):
            return f"attempt {attempt.token} exists already"
    for error in exported.errors:
        if tx.one("SELECT 1 FROM error WHERE error_id = ?", (error.error_id,)):
            return f"error {error.error_id} exists already"
    return None


def _count_up(numbers: list[int]) -> bool:
    """In the order of the rows, and with room behind them: SQLite counts on from the greatest."""
    ascending = all(before < behind for before, behind in pairwise(numbers))
    return ascending and all(0 < number < NUMBER_END for number in numbers)


def _insert_ledger(tx: Transaction, exported: TaskDetail) -> None:
    """Under the same numbers when they can be had, otherwise behind everything, in order."""
    is_free = _count_up([row.seq for row in exported.ledger]) and not any(
        tx.one("SELECT 1 FROM ledger WHERE seq = ?", (row.seq,)) for row in exported.ledger
    )
    tx.many(
        f"INSERT INTO ledger ({', '.join(LEDGER_NAMES)}) VALUES ({marks(LEDGER_NAMES)})",
        [
            (
                row.seq if is_free else None, row.at_ms, row.task_id, row.token,
                row.decision.action, row.decision.why, row.decision.category,
                row.decision.strategy, row.decision.rule, row.decision.delay_ms,
                row.decision.decided_by, row.error_id, json_text(row.decision.numbers),
            )
            for row in exported.ledger
        ],
    )  # fmt: skip
