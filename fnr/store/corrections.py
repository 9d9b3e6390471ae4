"""Corrections: what people say an error is, beside what it was classified as."""

from __future__ import annotations

from fnr.policy.record import Correction, ErrorRecord
from fnr.policy.rules import Category
from fnr.policy.verdict import Action, Decision
from fnr.store import error_details, errors, ledger, rule_counts
from fnr.store.ids import IDS_SHOWN, AmbiguousId, NoSuchId
from fnr.store.rows import classification_of
from fnr.store.transaction import Transaction

# More than that teach nothing new; the oldest go first.
KEPT_MAX = 10_000
FORGOTTEN_MAX = 100


def reclassify(
    tx: Transaction, prefix: str, category: Category, *, why: str, by: str, now_ms: int
) -> tuple[str, str | None]:
    """Say what an error is; its id, and why nothing changed. Raises NoSuchId, AmbiguousId.

    The classification it was given stays as it is; giving that one back takes the correction away.
    """
    try:
        error_id = error_details.find_id(tx, prefix)
    except NoSuchId:
        if (known := _forgotten(tx, prefix)) is None:
            raise
        return known, _say_again(tx, known, category, why=why, by=by, now_ms=now_ms)
    error = errors.get(tx, error_id)
    assert error is not None, error_id
    named = error.classification.category
    before = named if error.correction is None else error.correction.category
    if before is category:
        return error_id, f"it is {category} already"
    if category is named:
        tx.run("DELETE FROM correction WHERE error_id = ?", (error_id,))
        rule_counts.correct(tx, error.classification.rule, delta=-1)
    else:
        if error.correction is None:
            rule_counts.correct(tx, error.classification.rule, delta=1)
        _put(tx, error_id, Correction(category=category, at_ms=now_ms, author=by, why=why))
    told = f"error {error_id} reclassified from {before} to {category}" + (
        f": {why}" if why else ""
    )
    decision = Decision(
        action=Action.RECLASSIFY,
        why=told,
        category=category,
        rule=error.classification.rule,
        decided_by=by,
    )
    ledger.add(tx, decision, at_ms=now_ms, task_id=error.task_id)
    return error_id, None


def _forgotten(tx: Transaction, prefix: str) -> str | None:
    """The error that is not kept any more, of which what people said still teaches."""
    start = prefix.upper()
    if not start:
        return None
    rows = tx.all(
        """
        SELECT error_id FROM correction WHERE error_id >= ? AND error_id < ?
         ORDER BY error_id LIMIT ?
        """,
        (start, start + "~", IDS_SHOWN),
    )
    if len(rows) > 1:
        raise AmbiguousId(prefix, [error_id for (error_id,) in rows], "error")
    return rows[0][0] if rows else None


def _say_again(
    tx: Transaction, error_id: str, category: Category, *, why: str, by: str, now_ms: int
) -> str | None:
    """Change or take back what was said; no ledger has it, for that went with the task."""
    row = tx.one("SELECT category, classification FROM correction WHERE error_id = ?", (error_id,))
    assert row is not None, error_id
    before, classification = Category(row[0]), classification_of(row[1])
    if before is category:
        return f"it is {category} already"
    if category is classification.category:
        tx.run("DELETE FROM correction WHERE error_id = ?", (error_id,))
        rule_counts.correct(tx, classification.rule, delta=-1)
        return None
    tx.run(
        "UPDATE correction SET category = ?, at_ms = ?, author = ?, why = ? WHERE error_id = ?",
        (category, now_ms, by, why, error_id),
    )
    return None


def _put(tx: Transaction, error_id: str, correction: Correction) -> None:
    tx.run(
        """
        INSERT INTO correction (error_id, task_id, function, category, at_ms, author, why,
                                evidence, classification)
        SELECT error_id, task_id, function, ?, ?, ?, ?, evidence, classification
          FROM error WHERE error_id = ?
        ON CONFLICT (error_id) DO UPDATE
           SET category = excluded.category, at_ms = excluded.at_ms, author = excluded.author,
               why = excluded.why
        """,
        (correction.category, correction.at_ms, correction.author, correction.why, error_id),
    )
    tx.run(
        """
        DELETE FROM correction
         WHERE error_id IN (SELECT error_id FROM correction
                             ORDER BY at_ms DESC, error_id DESC LIMIT ? OFFSET ?)
        """,
        (FORGOTTEN_MAX, KEPT_MAX),
    )


def restore(tx: Transaction, error: ErrorRecord) -> None:
    """Put back the correction of an imported error."""
    assert error.correction is not None, error
    _put(tx, error.error_id, error.correction)
    rule_counts.correct(tx, error.classification.rule, delta=1)
