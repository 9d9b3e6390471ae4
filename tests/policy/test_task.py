"""States and moves: the table is complete, and the schema knows the same words."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import product
from pathlib import Path

import pytest

from fnr.policy.dead_letter import DeathCause, LetterState
from fnr.policy.rules import Category, Strategy
from fnr.policy.task import (
    LEGAL_MOVES,
    LIVE_STATES,
    AttemptOutcome,
    IllegalMove,
    TaskState,
    check_move,
)

SCHEMA = Path(__file__).parents[2] / "fnr" / "store" / "schema" / "0001_initial.sql"


def reachable(start: TaskState) -> set[TaskState]:
    found, border = {start}, [start]
    while border:
        here = border.pop()
        new = {to for origin, to in LEGAL_MOVES if origin is here} - found
        found |= new
        border += new
    return found


def test_every_state_can_be_reached_from_a_submit() -> None:
    assert reachable(TaskState.QUEUED) == set(TaskState)


def test_only_done_and_cancelled_are_final() -> None:
    final = {state for state in TaskState if not any(origin is state for origin, _ in LEGAL_MOVES)}
    assert final == {TaskState.DONE, TaskState.CANCELLED}


@pytest.mark.parametrize("state", sorted(set(TaskState) - {TaskState.DONE, TaskState.CANCELLED}))
def test_from_everywhere_else_a_task_can_still_be_done(state: TaskState) -> None:
    assert TaskState.DONE in reachable(state)


def test_only_running_work_is_done_and_only_the_queue_runs() -> None:
    assert [origin for origin, to in LEGAL_MOVES if to is TaskState.DONE] == [TaskState.RUNNING]
    assert [origin for origin, to in LEGAL_MOVES if to is TaskState.RUNNING] == [TaskState.QUEUED]


def test_any_live_task_can_be_cancelled() -> None:
    assert all((state, TaskState.CANCELLED) in LEGAL_MOVES for state in LIVE_STATES)


@pytest.mark.parametrize(("before", "after"), list(product(TaskState, TaskState)))
def test_a_move_is_in_the_table_or_refused(before: TaskState, after: TaskState) -> None:
    if (before, after) in LEGAL_MOVES:
        check_move("t", before, after)
        assert LEGAL_MOVES[before, after]
    else:
        with pytest.raises(IllegalMove, match=f"no legal move from {before} to {after}"):
            check_move("t", before, after)


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("task", "state", TaskState),
        ("attempt", "outcome", AttemptOutcome),
        ("error", "category", Category),
        ("error", "strategy", Strategy),
        ("dead_letter", "cause", DeathCause),
        ("dead_letter", "category", Category),
        ("dead_letter", "state", LetterState),
    ],
)
def test_the_schema_knows_the_same_words(table: str, column: str, words: type[StrEnum]) -> None:
    [body] = re.findall(rf"CREATE TABLE {table} \((.*?)\n\) STRICT", SCHEMA.read_text(), re.DOTALL)
    [listed] = re.findall(rf"CHECK \({column} IN \(([^)]*)\)\)", body)
    assert set(re.findall(r"'(\w+)'", listed)) == set(map(str, words))
