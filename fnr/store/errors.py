"""Errors: one per failed attempt, with all its evidence, each in its incident."""

from __future__ import annotations

from fnr.policy.fingerprint import fingerprint
from fnr.policy.incident import Seen
from fnr.policy.record import ErrorRecord
from fnr.store import incidents, rule_counts
from fnr.store.rows import ERROR_COLUMNS, ERRORS_JOINED, error_of, json_text
from fnr.store.transaction import Transaction


def add(tx: Transaction, error: ErrorRecord, *, live: bool) -> None:
    """Store the failure of an attempt and count it in its incident; a second one for the same
    attempt is refused. live: it has happened just now."""
    evidence, found = error.evidence, error.classification
    print_ = fingerprint(evidence, found, error.function)
    seen = Seen(
        error_id=error.error_id,
        at_ms=error.at_ms,
        function=error.function,
        category=found.category,
        rule=found.rule,
        live=live,
    )
    incidents.note(tx, print_, seen)
    rule_counts.hit(tx, found.rule, at_ms=error.at_ms)
    tx.run(
        """
        INSERT INTO error (error_id, task_id, token, incident_id, function, at_ms, category,
                           strategy, rule, message, exit_code, signal, killed_by, evidence,
                           classification)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            error.error_id, error.task_id, error.token, print_.key, error.function, error.at_ms,
            found.category, found.strategy, found.rule, evidence.message or found.matched,
            evidence.exit_code, evidence.signal, evidence.killed_by,
            json_text(evidence), json_text(found),
        ),
    )  # fmt: skip


def of_task(tx: Transaction, task_id: str) -> list[ErrorRecord]:
    """A task's errors, oldest first."""
    rows = tx.all(
        f"SELECT {ERROR_COLUMNS} FROM {ERRORS_JOINED} WHERE e.task_id = ? ORDER BY e.error_id",
        (task_id,),
    )
    return [error_of(row) for row in rows]


def last_id(tx: Transaction, task_id: str) -> str | None:
    """The id of a task's latest error; None when it never failed."""
    row = tx.one(
        "SELECT error_id FROM error WHERE task_id = ? ORDER BY error_id DESC LIMIT 1", (task_id,)
    )
    return row[0] if row else None


def last(tx: Transaction, task_id: str) -> ErrorRecord | None:
    """A task's latest error."""
    error_id = last_id(tx, task_id)
    return None if error_id is None else get(tx, error_id)


def get(tx: Transaction, error_id: str) -> ErrorRecord | None:
    """The error of exactly this id."""
    row = tx.one(f"SELECT {ERROR_COLUMNS} FROM {ERRORS_JOINED} WHERE e.error_id = ?", (error_id,))
    return error_of(row) if row else None
