"""Waiting tasks are found by what they wait for and woken in order; what is given is rows."""

from __future__ import annotations

import sqlite3

import pytest
from store_values import (
    NOW_MS,
    WORKER,
    Book,
    accept,
    claim,
    classified,
    end,
    failure,
    is_whole,
    new_task,
)
from test_store_check import give

from fnr.policy.decision import Verdict
from fnr.policy.failure import Around
from fnr.policy.rules import Category, Strategy
from fnr.policy.task import Task, TaskState
from fnr.policy.verdict import conclude
from fnr.store import allocations, ledger, retry_budgets, tasks, undo, waits, workers
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

VRAM = "vram:8GiB"
BROKEN = (Category.TRANSIENT, Strategy.RETRY_WITH_BACKOFF)


def waiting(
    tx: Transaction, *, since_ms: int = NOW_MS, text: str = VRAM, waits_so_far: int = 1, **more: int
) -> str:
    """A task that waits."""
    [task_id] = accept(tx, new_task(**more))
    tx.run(
        """
        UPDATE task SET state = 'waiting', waiting_for = ?, waits = ?, state_at_ms = ?,
                        due_at_ms = ?
         WHERE task_id = ?
        """,
        (text, waits_so_far, since_ms, since_ms + 300_000, task_id),
    )
    tx.count("render", TaskState.QUEUED, -1)
    tx.count("render", TaskState.WAITING, 1)
    return task_id


def next_ids(
    tx: Transaction, *, missed_at_ms: int = 0, now_ms: int = NOW_MS, count_max: int = 9
) -> list[str]:
    """Who would be woken."""
    found = waits.next_waiters(
        tx, VRAM, missed_at_ms=missed_at_ms, now_ms=now_ms, count_max=count_max
    )
    return [one.task_id for one in found]


def test_what_is_waited_for_is_found_once_each(tx: Transaction) -> None:
    for text in ("port:80", VRAM, VRAM, "resource"):
        waiting(tx, text=text)
    assert waits.texts(tx, count_max=9) == ["port:80", "resource", VRAM]
    assert len(waits.texts(tx, count_max=2)) == 2
    assert waits.count(tx, VRAM) == 2
    assert waits.is_waited_for(tx, "port:80")
    assert not waits.is_waited_for(tx, "port:81")


def test_the_most_urgent_and_then_the_oldest_is_woken_first(tx: Transaction) -> None:
    old, urgent, young = (waiting(tx, priority=level) for level in (5, 9, 5))
    assert next_ids(tx, missed_at_ms=NOW_MS) == [urgent, old, young]
    assert next_ids(tx, missed_at_ms=NOW_MS, count_max=2) == [urgent, old]


def test_functions_that_cannot_start_are_passed_over(tx: Transaction) -> None:
    waiting(tx, priority=9)
    found = waits.next_waiters(
        tx, VRAM, missed_at_ms=NOW_MS, now_ms=NOW_MS, count_max=9, without={"render", "train"}
    )
    assert found == []


def test_who_failed_while_it_seemed_free_rests_longer_each_time(tx: Transaction) -> None:
    for waits_so_far, rest_ms in (
        (0, 1_000),
        (1, 1_000),
        (2, 4_000),
        (4, 64_000),
        (99, 16_384_000),
    ):
        task_id = waiting(tx, waits_so_far=waits_so_far)
        assert task_id not in next_ids(tx, now_ms=NOW_MS + rest_ms - 1)
        assert task_id in next_ids(tx, now_ms=NOW_MS + rest_ms)
        assert task_id in next_ids(tx, missed_at_ms=NOW_MS)


def test_waking_is_a_move_with_its_reason_on_record(book: Book) -> None:
    tx = book.tx
    task_id = waiting(tx)
    found = waits.next_waiters(tx, VRAM, missed_at_ms=NOW_MS, now_ms=NOW_MS, count_max=1)
    for _ in range(2):
        waits.wake(tx, found, why="9GiB are free", now_ms=NOW_MS + 5)
    task = tasks.get(tx, task_id)
    assert task is not None
    assert (task.state, task.due_at_ms, task.waiting_for) == (TaskState.QUEUED, NOW_MS + 5, None)
    [row] = ledger.of_task(tx, task_id)
    assert (row.decision.action, row.decision.why) == ("wake", "9GiB are free")
    book.commit()
    assert is_whole(tx)


def test_what_is_earned_early_does_not_come_early_also_behind_its_undo(tx: Transaction) -> None:
    accept(tx, new_task())
    poor = Around(balance_ms=0, expected_ms=1_000)
    verdict = failure(claim(tx), classified(*BROKEN), around=poor)
    end(tx, verdict)
    assert (verdict.task.waiting_for, verdict.decision.delay_ms) == ("budget", 1_000)
    undo.note(tx, verdict.task.task_id, "nothing is left to be undone", now_ms=NOW_MS + 9)
    due_at_ms = verdict.task.state_at_ms + 1_000
    assert retry_budgets.wake(tx, "render", count_max=9, now_ms=NOW_MS + 9) == [due_at_ms]


def test_the_most_urgent_due_task_of_a_function(tx: Transaction) -> None:
    assert waits.most_urgent(tx, "render", now_ms=NOW_MS) is None
    [low] = accept(tx, new_task(priority=2))
    accept(tx, new_task(priority=9, due_at_ms=NOW_MS + 60_000))
    [high] = accept(tx, new_task(priority=7))
    accept(tx, new_task(priority=7))
    found = waits.most_urgent(tx, "render", now_ms=NOW_MS)
    assert found is not None
    assert (found.task_id, found.priority) == (high, 7)
    tx.run(
        """
        UPDATE task SET state = 'cancelled'
         WHERE state = 'queued' AND function = 'render' AND priority = 7
        """
    )
    assert waits.most_urgent(tx, "render", now_ms=NOW_MS) == waits.Waiter(low, "render", 2)


# ── what is given ────────────────────────────────────────────────────────────


def succeed(task: Task, token: str) -> Verdict:
    """The end of an attempt."""
    return conclude(task, token=token, now_ms=NOW_MS)


def test_what_is_given_is_found_and_taken_back(tx: Transaction) -> None:
    give(tx, "a", "w", kind="cpus", device="", amount=2, capacity=4)
    give(tx, "a", "w", kind="memory", device="", amount=64, capacity=100)
    give(tx, "b", "w", kind="cpus", device="", amount=1, capacity=4)
    given = sorted((one.owner, one.kind) for one in allocations.all_given(tx))
    assert given == [("a", "cpus"), ("a", "memory"), ("b", "cpus")]
    assert allocations.release(tx, "a") == 2
    assert allocations.release(tx, "a") == 0
    assert [one.owner for one in READS["ListAllocations"](tx)] == ["b"]


def test_a_whole_gpu_is_given_once(tx: Transaction) -> None:
    give(tx, "a", "w", kind="gpu", device="GPU-1", amount=1, capacity=1)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        give(tx, "b", "w", kind="gpu", device="GPU-1", amount=1, capacity=1)


def test_a_worker_that_ends_gives_back_what_it_kept(tx: Transaction) -> None:
    give(tx, "w", "w", kind="gpu", device="GPU-1", amount=1, capacity=1)
    workers.end(tx, "w", at_ms=NOW_MS, end="gone")
    assert allocations.all_given(tx) == []


def test_what_nobody_can_have_any_more_is_taken_back(tx: Transaction) -> None:
    """A running attempt and a living worker keep theirs; one that ended, and a stranger, do not."""
    accept(tx, new_task(), new_task())
    running, ended = claim(tx), claim(tx)
    for owner in (running.token, ended.token, "nobody", WORKER.worker_id, "dead"):
        give(tx, owner, owner, kind="cpus", device="", amount=1, capacity=9)
    end(tx, succeed(ended.task, ended.token))
    for worker_id, ended_at_ms in ((WORKER.worker_id, None), ("dead", 1)):
        tx.run(
            """
            INSERT INTO worker (worker_id, function, boot_id, pid, pid_start, started_at_ms, secret,
                                ended_at_ms)
            VALUES (?, 'render', 'b', 1, 1, 1, 's', ?)
            """,
            (worker_id, ended_at_ms),
        )
    assert allocations.reconcile(tx) == 3
    left = {one.owner for one in allocations.all_given(tx)}
    assert left == {running.token, WORKER.worker_id}
