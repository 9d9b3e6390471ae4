"""The story of a task: what led to what stands in this order, also within one millisecond."""

from __future__ import annotations

import re

import pytest
from msgspec import Raw

from fnr.client.instants import now_ms
from fnr.client.task_history import story
from fnr.client.task_story import why
from fnr.policy.decision import Action, Decision
from fnr.policy.record import LedgerRow, TaskDetail
from fnr.policy.task import Attempt, AttemptOutcome, Task, TaskState

ID = "01JD0000000000000000000001"


def attempt(number: int, from_ms: int, to_ms: int | None, outcome: AttemptOutcome) -> Attempt:
    """One in a worker that is not looked at."""
    return Attempt(
        token=f"token-{number}", task_id=ID, number=number, worker_id="w", boot_id="b", pid=1,
        pid_start=1, started_at_ms=from_ms, ended_at_ms=to_ms, outcome=outcome,
    )  # fmt: skip


def row(seq: int, at_ms: int, action: Action, token: str | None, why: str) -> LedgerRow:
    """One decision about it."""
    decision = Decision(action=action, why=why)
    return LedgerRow(seq=seq, at_ms=at_ms, task_id=ID, token=token, decision=decision)


def told(attempts: list[Attempt], ledger: list[LedgerRow]) -> list[str]:
    """The first words of every moment, behind its times."""
    task = Task(task_id=ID, function="f", state=TaskState.RUNNING, created_at_ms=10)
    detail = TaskDetail(task=task, input=Raw(b"{}"), attempts=attempts, ledger=ledger)
    return [line[31:] for line in story(detail) if line[0] == "1"]


def test_an_attempt_ends_before_the_next_begins_in_the_same_millisecond() -> None:
    """The slot that is free is used in the commit that frees it."""
    attempts = [
        attempt(1, 10, 20, AttemptOutcome.INTERRUPTED),
        attempt(2, 20, 20, AttemptOutcome.INTERRUPTED),
        attempt(3, 20, None, AttemptOutcome.RUNNING),
    ]
    ledger = [
        row(1, 20, Action.PUT_BACK, "token-1", "drained"),
        row(2, 20, Action.PUT_BACK, "token-2", "drained"),
    ]
    assert [line[:15] for line in told(attempts, ledger)] == [
        "submitted by un",
        "attempt 1 began",
        "attempt 1 was i",
        "attempt 2 began",
        "attempt 2 was i",
        "attempt 3 began",
    ]


def test_a_replay_stands_before_the_attempt_that_it_has_led_to() -> None:
    attempts = [
        attempt(1, 10, 20, AttemptOutcome.FAILED),
        attempt(2, 30, None, AttemptOutcome.RUNNING),
    ]
    ledger = [
        row(1, 20, Action.BURY, "token-1", "retrying cannot help"),
        row(2, 30, Action.REPLAY, None, "the disk is back"),
    ]
    lines = told(attempts, ledger)
    assert "the disk is back" in lines[-2]
    assert lines[-1].startswith("attempt 2 began")


@pytest.mark.parametrize("state", [TaskState.QUEUED, TaskState.WAITING])
def test_a_try_that_is_due_and_has_not_begun_is_not_one_of_the_past(state: TaskState) -> None:
    """As while no daemon is there, or while the function is paused."""
    waiting_for = "memory" if state is TaskState.WAITING else None
    task = Task(
        task_id=ID, function="f", state=state, waiting_for=waiting_for, attempts=1,
        due_at_ms=now_ms() - 60_000, reason="no route",
    )  # fmt: skip
    assert re.search(r"(^|, )due again since 1m\S*: no route$", why(task)), why(task)
