"""What a replay would do: which letters can go, and why the others cannot; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from fnr.policy.dead_letter import SHARED_KEY, KeyTaker
from fnr.policy.replay import ReplayOrder
from fnr.store import letters, replay_entries
from fnr.store.letters import NO_LETTER, FunctionKnown, InputProblem
from fnr.store.replay_planning import rank_of
from fnr.store.transaction import Transaction


class Preview(Struct, frozen=True, kw_only=True):
    """eligible: task → function. blocked: task → why not. takers: unique key → who would go."""

    eligible: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    takers: dict[str, KeyTaker] = field(default_factory=dict)


def preview(
    tx: Transaction,
    ids: Sequence[str],
    *,
    order: ReplayOrder,
    function_known: FunctionKnown,
    input_problem: InputProblem,
) -> Preview:
    """Look at letters as turns would that came now, in their order."""
    found = Preview()
    ranked: list[tuple[int, str]] = []
    for task_id in dict.fromkeys(ids):
        if (rank := rank_of(tx, order, task_id)) is None:
            found.blocked[task_id] = NO_LETTER
        else:
            ranked.append((rank, task_id))
    for rank, task_id in sorted(ranked):
        letter = letters.get(tx, task_id)
        assert letter is not None, task_id
        problem = letters.replay_problem(
            tx, letter, function_known=function_known, input_problem=input_problem
        )
        if problem is None and (other := replay_entries.other_plan(tx, None, letter)):
            problem = f"it waits in replay {other}"
        if problem is None and (key := _unique_key(tx, task_id)) is not None:
            taker = KeyTaker(rank=rank, task_id=task_id, function=letter.function)
            problem = SHARED_KEY if found.takers.setdefault(key, taker) is not taker else None
        if problem is None:
            found.eligible[task_id] = letter.function
        else:
            found.blocked[task_id] = problem
    return found


def _unique_key(tx: Transaction, task_id: str) -> str | None:
    row = tx.one("SELECT unique_key FROM task WHERE task_id = ?", (task_id,))
    return row[0] if row else None
