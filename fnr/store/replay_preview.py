"""What a replay would do: which letters can go, and why the others cannot; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from fnr.policy.dead_letter import SHARED_KEY
from fnr.store import letters, replay_entries
from fnr.store.letters import NO_LETTER, FunctionKnown, InputProblem
from fnr.store.transaction import Transaction


class Preview(Struct, frozen=True, kw_only=True):
    """eligible: task → function. blocked: task → why not. keys: unique key → whose it would be."""

    eligible: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def preview(
    tx: Transaction,
    ids: Sequence[str],
    *,
    function_known: FunctionKnown,
    input_problem: InputProblem,
) -> Preview:
    """Look at letters as a turn would that came now."""
    found = Preview()
    for task_id in dict.fromkeys(ids):
        letter = letters.get(tx, task_id)
        if letter is None:
            found.blocked[task_id] = NO_LETTER
            continue
        problem = letters.replay_problem(
            tx, letter, function_known=function_known, input_problem=input_problem
        )
        if problem is None and (other := replay_entries.other_plan(tx, None, letter)):
            problem = f"it waits in replay {other}"
        if problem is None and (key := _unique_key(tx, task_id)) is not None:
            problem = SHARED_KEY if key in found.keys else None
            found.keys.setdefault(key, task_id)
        if problem is None:
            found.eligible[task_id] = letter.function
        else:
            found.blocked[task_id] = problem
    return found


def _unique_key(tx: Transaction, task_id: str) -> str | None:
    row = tx.one("SELECT unique_key FROM task WHERE task_id = ?", (task_id,))
    return row[0] if row else None
