"""Everything about one error: its task, its attempt, its incident, what was decided."""

from __future__ import annotations

from fnr.policy.fingerprint import fingerprint
from fnr.policy.record import ErrorDetail
from fnr.store import errors, incidents, ledger, tasks
from fnr.store.ids import ID_CHARS, IDS_SHOWN, AmbiguousId, NoSuchId
from fnr.store.rows import ATTEMPT_COLUMNS, attempt_of
from fnr.store.transaction import Transaction


def find_id(tx: Transaction, prefix: str) -> str:
    """The one error whose id begins so, or the latest error of the one task whose id does.

    Raises NoSuchId, AmbiguousId.
    """
    start = prefix.upper()
    if not start.isalnum() or not start.isascii() or len(start) > ID_CHARS:
        raise NoSuchId(prefix, "error")
    rows = tx.all(
        "SELECT error_id FROM error WHERE error_id >= ? AND error_id < ? ORDER BY error_id LIMIT ?",
        (start, start + "~", IDS_SHOWN),
    )
    if len(rows) == 1:
        found: str = rows[0][0]
        return found
    try:
        of_a_task = errors.last_id(tx, tasks.find_id(tx, prefix))
    except (NoSuchId, AmbiguousId):
        of_a_task = None
    if of_a_task is not None and not rows:
        return of_a_task
    if not rows:
        raise NoSuchId(prefix, "error")
    raise AmbiguousId(prefix, [error_id for (error_id,) in rows], "error")


def find(tx: Transaction, prefix: str) -> ErrorDetail:
    """Everything about the error whose id begins so. Raises NoSuchId, AmbiguousId."""
    error_id = find_id(tx, prefix)
    error = errors.get(tx, error_id)
    assert error is not None, error_id
    task = tasks.get(tx, error.task_id)
    assert task is not None, error
    row = tx.one(f"SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE a.token = ?", (error.token,))
    return ErrorDetail(
        error=error,
        task=task,
        fingerprint=fingerprint(error.evidence, error.classification, error.function),
        attempt=attempt_of(row) if row else None,
        incident=incidents.get(tx, error.incident_id),
        decisions=[
            row
            for row in ledger.of_task(tx, error.task_id)
            if row.token == error.token or error_id in row.decision.why
        ],
    )
