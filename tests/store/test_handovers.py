"""Queued tasks that another function takes over: moved with their counts, and on record."""

from __future__ import annotations

from store_values import NOW_MS, TRANSIENT, Book, accept, claim, end, failure, is_whole, new_task

from fnr.policy.degrade import Degradation
from fnr.policy.task import Task
from fnr.store import checkpoints, handovers, ledger, tally, tasks
from fnr.store.transaction import Transaction

STEP = Degradation(function="render", rung=0, why="breaker:gpu", to="render_cpu", set={"n": 1})


def step_for(task: Task) -> Degradation | None:
    """A way out for each that has not taken it."""
    return None if task.degraded else STEP


def test_due_tasks_move_and_the_others_stay(book: Book) -> None:
    tx = book.tx
    due, running = new_task(function="render"), new_task(function="render")
    later = new_task(function="render", due_at_ms=NOW_MS + 60_000)
    accept(tx, running)
    claim(tx, function="render")
    accept(tx, due, later, new_task(function="other"))
    went, more = handovers.hand_over(tx, "render", step_for, after=None, count_max=9, now_ms=NOW_MS)
    assert (went, more) == ({"render_cpu": 1}, None)
    book.commit()
    assert tally.counts(tx) == {
        "other": {"queued": 1},
        "render": {"queued": 1, "running": 1},
        "render_cpu": {"queued": 1},
    }
    moved = tasks.get(tx, due.task_id)
    assert moved is not None
    assert (moved.function, moved.degraded) == ("render_cpu", (STEP,))
    [row] = ledger.of_task(tx, due.task_id)
    assert row.decision.action == "degrade"
    assert "step 1: breaker:gpu" in row.decision.why
    claimed = claim(tx, function="render_cpu")
    assert b'"n":1' in claimed.input
    book.commit()
    assert is_whole(tx)


def test_who_takes_over_does_not_go_on_from_where_the_other_got(book: Book) -> None:
    """What one function keeps says nothing to another; the first one finds it again."""
    tx = book.tx
    accept(tx, new_task(function="render"))
    first = claim(tx, function="render")
    assert checkpoints.keep(tx, first.token, b'{"frame":7}', now_ms=NOW_MS)
    end(tx, failure(first, TRANSIENT))
    later_ms = NOW_MS + 600_000
    handovers.hand_over(tx, "render", step_for, after=None, count_max=9, now_ms=later_ms)
    second = claim(tx, function="render_cpu", now_ms=later_ms)
    assert second.checkpoint is None
    tx.run("UPDATE task SET function = 'render' WHERE task_id = ?", (first.task.task_id,))
    assert checkpoints.of_task(tx, first.task.task_id) == b'{"frame":7}'


def test_many_are_moved_in_bounded_steps(book: Book) -> None:
    accept(book.tx, *(new_task(function="render") for _ in range(5)))
    total, after, steps = 0, None, 0
    while steps == 0 or after is not None:
        went, after = handovers.hand_over(
            book.tx, "render", step_for, after=after, count_max=2, now_ms=NOW_MS
        )
        total += sum(went.values())
        steps += 1
    assert (total, steps) == (5, 3)


def test_what_is_not_due_is_not_even_read(tx: Transaction) -> None:
    """While a breaker is open that happens every second, however many wait for tonight."""
    later = [new_task(function="render", due_at_ms=NOW_MS + 60_000) for _ in range(9)]
    accept(tx, *later, new_task(function="render", priority=1))
    accept(tx, *(new_task(function="render", priority=level) for level in (9, 9)))
    looked: list[int] = []

    def look(task: Task) -> None:
        looked.append(task.priority)

    after = None
    for _ in range(2):
        went, after = handovers.hand_over(
            tx, "render", look, after=after, count_max=2, now_ms=NOW_MS
        )
        assert went == {}
    assert (looked, after) == ([9, 9, 1], None)
