"""What the input of a task says of its error."""

from __future__ import annotations

from typing import Any

import msgspec

from fnr.policy.evidence import Evidence
from fnr.policy.named_input import with_named_input
from fnr.store.transaction import Transaction

# A longer one would cost more to read than the whole error.
INPUT_CHARS_MAX = 64 * 1024
_object = msgspec.json.Decoder(dict[str, Any])


class _Run(msgspec.Struct):
    """What there is in an input of `fnr run`, as far as it matters here."""

    env: dict[str, str] | None = None


_runs = msgspec.json.Decoder(_Run)


def environment_in(tx: Transaction, task_id: str) -> dict[str, str]:
    """The variables that the latest input of an `fnr run` names."""
    row = tx.one(
        "SELECT body FROM task_input WHERE task_id = ? ORDER BY revision DESC LIMIT 1", (task_id,)
    )
    try:
        return (_runs.decode(row[0]).env or {}) if row else {}
    except msgspec.DecodeError:  # its worker has refused it
        return {}


def with_input(tx: Transaction, task_id: str, evidence: Evidence) -> Evidence:
    """The evidence that says which values of the task's latest input it names."""
    row = tx.one(
        """
        SELECT body FROM task_input
         WHERE task_id = ? AND length(body) <= ? ORDER BY revision DESC LIMIT 1
        """,
        (task_id, INPUT_CHARS_MAX),
    )
    try:
        return with_named_input(evidence, _object.decode(row[0])) if row else evidence
    except msgspec.DecodeError:  # earlier versions took over exports with numbers like 1e400
        return evidence
