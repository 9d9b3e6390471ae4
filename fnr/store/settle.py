"""Make a Verdict true: task, attempt, error, ledger, dead letter, result and outbox at once.

Four statements settle a success. Whoever calls holds the transaction, so a crash after any of
them leaves the claim as it was.
"""

from __future__ import annotations

from typing import Any

from fnr.policy.record import ErrorRecord
from fnr.policy.task import AttemptOutcome, Task, TaskState
from fnr.policy.verdict import Verdict
from fnr.store import errors, ledger, letters, outbox, results, retry_budgets, undo
from fnr.store.rows import degraded_text
from fnr.store.transaction import Transaction


class ClaimLost(Exception):
    """The attempt outlived its claim; the task is someone else's now, or has ended."""

    def __init__(self, task_id: str, token: str | None) -> None:
        who = f"attempt {token} no longer owns it" if token else "it moved on meanwhile"
        super().__init__(f"task {task_id}: {who}")
        self.task_id = task_id
        self.token = token


def settle(
    tx: Transaction,
    verdict: Verdict,
    *,
    now_ms: int,
    error_id: str | None,
    result: bytes | None,
    output: dict[str, Any] | None,
    left: undo.Left = undo.NOTHING,
    ended_at_ms: int | None = None,
) -> None:
    """Store everything that follows from the end of one attempt. Raises ClaimLost.

    error_id: for the error of a failed attempt. result: JSON of a success, None is null.
    output:   log_path, log_from, log_to, cpu_ms and peak_mib of the attempt, as far as known.
    left:     what the attempt left to be undone.
    ended_at_ms: when the attempt ended, where that was before now: settling may have to wait.
    """
    task, function = verdict.task, verdict.before.function
    if task.state is TaskState.DONE:
        moved = _finish_task(tx, task, verdict.token)
    else:
        moved = _move_task(tx, verdict)
    if not moved:
        raise ClaimLost(task.task_id, verdict.token)
    if verdict.token is not None:
        ended_at_ms = now_ms if ended_at_ms is None else ended_at_ms
        _end_attempt(tx, verdict, output or {}, ended_at_ms=ended_at_ms)
    if verdict.outcome is AttemptOutcome.FAILED:
        _store_error(tx, verdict, error_id, now_ms=now_ms)
    ledger.add(
        tx,
        verdict.decision,
        at_ms=now_ms,
        task_id=task.task_id,
        token=verdict.token,
        error_id=error_id if verdict.outcome is AttemptOutcome.FAILED else None,
    )
    if verdict.balance_ms is not None:
        retry_budgets.put(tx, task.function, verdict.balance_ms, now_ms=now_ms)
    if task.state is TaskState.DONE:
        assert verdict.token is not None, verdict
        results.add(tx, task.task_id, token=verdict.token, body=result or b"null")
    if verdict.letter is not None:
        letters.put(tx, verdict.letter, error_id=error_id)
    elif task.replays and task.state in {TaskState.DONE, TaskState.CANCELLED}:
        letters.close(tx, task, now_ms=now_ms)
    undo.settled(tx, task, left, now_ms=now_ms)
    for effect in verdict.effects:
        outbox.add(tx, effect, now_ms=now_ms)
    tx.count(function, verdict.before.state, -1)
    tx.count(task.function, task.state, 1)


def _finish_task(tx: Transaction, task: Task, token: str | None) -> int:
    """A success changes few columns, and SQLite rechecks only what is written."""
    return tx.run(
        """
        UPDATE task
           SET state = 'done', state_at_ms = ?, owner = NULL, reason = '', cancel_asked = 0
         WHERE task_id = ? AND owner = ?
        """,
        (task.state_at_ms, task.task_id, token),
    )


def _move_task(tx: Transaction, verdict: Verdict) -> int:
    """Only from the state that the verdict was made for, and only by its owner."""
    task = verdict.task
    return tx.run(
        """
        UPDATE task
           SET state = ?, due_at_ms = ?, state_at_ms = ?, retries = ?, unknowns = ?, waits = ?,
               deaths = ?, interruptions = ?, owner = ?, waiting_for = ?, reason = ?,
               cancel_asked = 0, function = ?, degraded = ?
         WHERE task_id = ? AND state = ? AND (owner = ? OR (owner IS NULL AND ? IS NULL))
        """,
        (
            task.state, task.due_at_ms, task.state_at_ms, task.retries, task.unknowns, task.waits,
            task.deaths, task.interruptions, task.owner, task.waiting_for, task.reason,
            task.function, degraded_text(task.degraded), task.task_id, verdict.before.state,
            verdict.token, verdict.token,
        ),
    )  # fmt: skip


def _end_attempt(
    tx: Transaction, verdict: Verdict, output: dict[str, Any], *, ended_at_ms: int
) -> None:
    ended = tx.run(
        """
        UPDATE attempt
           SET outcome = ?, ended_at_ms = ?, cpu_ms = ?, peak_mib = ?, log_path = ?, log_from = ?,
               log_to = ?
         WHERE token = ? AND outcome = 'running'
        """,
        (
            verdict.outcome, ended_at_ms, output.get("cpu_ms"), output.get("peak_mib"),
            output.get("log_path"), output.get("log_from"), output.get("log_to"), verdict.token,
        ),
    )  # fmt: skip
    if not ended:
        raise ClaimLost(verdict.task.task_id, verdict.token)
    if verdict.outcome is not AttemptOutcome.DONE:
        tx.run("DELETE FROM kill_note WHERE token = ?", (verdict.token,))


def _store_error(tx: Transaction, verdict: Verdict, error_id: str | None, *, now_ms: int) -> None:
    assert error_id is not None and verdict.token is not None, verdict
    assert verdict.evidence is not None and verdict.classification is not None, verdict
    error = ErrorRecord(
        error_id=error_id,
        task_id=verdict.task.task_id,
        token=verdict.token,
        function=verdict.before.function,
        at_ms=now_ms,
        evidence=verdict.evidence,
        classification=verdict.classification,
    )
    errors.add(tx, error, live=True)
