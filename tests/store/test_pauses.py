"""Pauses when the wall clock is set: as long as they were meant to be, and nothing else moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay_values import new_plan
from store_values import (
    ENDS,
    NOW_MS,
    TRANSIENT,
    Book,
    accept,
    bury,
    claim,
    end,
    failure,
    new_task,
)

from fnr.policy.failure import Around
from fnr.policy.incident import Incident, snoozed
from fnr.store import incidents, outbox, pauses, replay_plans, retry_budgets, tasks, undo, waits
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

HOUR_MS = 3_600_000


def paused(tx: Transaction) -> dict[str, int]:
    """One task of each kind, and when it is due: two that pause, two that do not."""
    due = {}
    for name in ("retry", "wait"):
        accept(tx, new_task(function=name))
        claimed = claim(tx, function=name)
        end(tx, ENDS[name](tx, claimed))
        due[name] = _due(tx, claimed.task.task_id)
    later = new_task(function="later", due_at_ms=NOW_MS + HOUR_MS)
    accept(tx, later, new_task(function="now"))
    return due


def _due(tx: Transaction, task_id: str) -> int:
    task = tasks.get(tx, task_id)
    assert task is not None
    return task.due_at_ms


def dues(tx: Transaction) -> dict[str, int]:
    return dict(tx._connection.execute("SELECT function, due_at_ms FROM task"))


def rested(tx: Transaction, *, now_ms: int) -> list[str]:
    """Whose tasks wait for a resource and have rested for long enough to be believed again."""
    found = waits.next_waiters(tx, "resource", missed_at_ms=0, now_ms=now_ms, count_max=9)
    return [one.function for one in found]


def test_a_clock_set_back_keeps_pauses_as_long_as_they_were(tx: Transaction) -> None:
    due = paused(tx)
    before = dues(tx)
    assert pauses.shift(tx, by_ms=-HOUR_MS, old_now_ms=NOW_MS) == 2
    after = dues(tx)
    assert {name: after[name] for name in due} == {k: v - HOUR_MS for k, v in due.items()}
    # Who said when it is due meant the wall clock; what was due already is due.
    assert (after["later"], after["now"]) == (before["later"], before["now"] - HOUR_MS)


def test_a_clock_set_ahead_makes_no_pause_shorter(tx: Transaction) -> None:
    due = paused(tx)
    pauses.shift(tx, by_ms=HOUR_MS, old_now_ms=NOW_MS)
    assert {name: dues(tx)[name] - HOUR_MS for name in due} == due


def test_what_waits_for_a_worker_does_not_wait_for_the_old_hour(tx: Transaction) -> None:
    """Tried or not: it was due, so it is due, and nothing of what is not due comes sooner."""
    paused(tx)
    before = dues(tx)
    latest = max(before[name] for name in ("retry", "wait", "now"))
    pauses.shift(tx, by_ms=-HOUR_MS, old_now_ms=latest)
    after = dues(tx)
    assert {after[name] for name in ("retry", "wait", "now")} == {latest - HOUR_MS}
    assert after["later"] == before["later"]


@pytest.mark.parametrize("by_ms", [-HOUR_MS, HOUR_MS])
def test_what_comes_before_its_time_is_over_does_not_wait_for_the_old_hour(
    tx: Transaction, by_ms: int
) -> None:
    """Free, or earned: since when it waits is a moment of the clock that was set, too."""
    paused(tx)
    accept(tx, new_task(function="parked"))
    verdict = failure(claim(tx, function="parked"), TRANSIENT, around=Around(balance_ms=0))
    end(tx, verdict)
    pauses.shift(tx, by_ms=by_ms, old_now_ms=NOW_MS + 100)
    now_ms = NOW_MS + 2_000 + by_ms
    assert rested(tx, now_ms=now_ms - 1_500) == []
    assert rested(tx, now_ms=now_ms) == ["wait"]
    assert retry_budgets.wake(tx, "parked", count_max=9, now_ms=now_ms) == [now_ms]


@pytest.mark.parametrize("by_ms", [-24 * HOUR_MS, 24 * HOUR_MS])
def test_a_snooze_is_as_long_as_was_said(tx: Transaction, by_ms: int) -> None:
    bury(tx)
    [incident] = READS["ListIncidents"](tx, where="", after=None, limit=9).items
    until_ms = NOW_MS + 2 * HOUR_MS

    def asleep(one: Incident) -> Incident | str:
        return snoozed(one, until_ms=until_ms, by="ann", reason="", now_ms=NOW_MS)

    incidents.change(tx, [incident.incident_id], asleep)
    pauses.shift(tx, by_ms=by_ms, old_now_ms=NOW_MS)
    assert incidents.age(tx, now_ms=until_ms + by_ms - 1, count_max=9) == []
    # Over is over, whatever the clock says after that.
    pauses.shift(tx, by_ms=-HOUR_MS, old_now_ms=until_ms + by_ms)
    assert len(incidents.age(tx, now_ms=until_ms + by_ms - HOUR_MS, count_max=9)) == 1


def test_effects_and_undo_go_on_and_a_ramp_stays_where_it_was(tx: Transaction) -> None:
    task_id = bury(tx)
    assert outbox.due(tx, now_ms=NOW_MS + HOUR_MS, count_max=9)
    tx.run(
        "INSERT INTO undo_run (task_id, purpose, at_ms, due_at_ms) VALUES (?, 'end', 1, ?)",
        (task_id, NOW_MS + 5_000),
    )
    seq = new_plan(tx, bury(tx))
    running = replay_plans.get(tx, seq)
    assert running is not None and running.plan.running_at_ms is not None
    pauses.shift(tx, by_ms=-HOUR_MS, old_now_ms=NOW_MS + 1_000)
    new_now_ms = NOW_MS + 1_000 - HOUR_MS
    assert len(outbox.due(tx, now_ms=new_now_ms, count_max=9)) == 2
    assert undo.due(tx, now_ms=new_now_ms, count_max=9) == []
    assert undo.next_due_at_ms(tx, after_ms=new_now_ms) == new_now_ms + 4_000
    pauses.shift(tx, by_ms=-HOUR_MS, old_now_ms=new_now_ms + 4_000)
    assert undo.due(tx, now_ms=new_now_ms + 4_000 - HOUR_MS, count_max=9) == [task_id]
    shifted = replay_plans.get(tx, seq)
    assert shifted is not None
    assert shifted.plan.running_at_ms == running.plan.running_at_ms - 2 * HOUR_MS


def test_the_clock_is_known_again_within_its_boot(tx: Transaction) -> None:
    assert pauses.note_clock(tx, boot_id="one", offset_ms=5) is None
    assert pauses.note_clock(tx, boot_id="one", offset_ms=7) == 5
    assert pauses.note_clock(tx, boot_id="one", offset_ms=7) == 7
    assert pauses.note_clock(tx, boot_id="two", offset_ms=7) is None


def test_what_is_due_already_stays_due(tx: Transaction) -> None:
    paused(tx)
    before = dues(tx)
    assert pauses.shift(tx, by_ms=-HOUR_MS, old_now_ms=NOW_MS + 2 * HOUR_MS) == 0
    assert dues(tx) == before


def test_pauses_that_no_setting_allows_are_shortened(tx: Transaction) -> None:
    """The clock was a day ahead when they began, and nobody watched it go back."""
    due = paused(tx)
    assert pauses.bound(tx, now_ms=NOW_MS, latest_at_ms=NOW_MS + 1) == 2
    assert {name: dues(tx)[name] for name in due} == dict.fromkeys(due, NOW_MS + 1)
    assert dues(tx)["later"] == NOW_MS + HOUR_MS


def test_nothing_of_a_day_that_never_came_is_waited_for_behind_a_reboot(tx: Transaction) -> None:
    """What waits, and what is to be undone and told of: written by a clock that ran far ahead."""
    paused(tx)
    task_id = bury(tx)
    due_at_ms = NOW_MS + 5_000
    tx.run(
        "INSERT INTO undo_run (task_id, purpose, at_ms, due_at_ms) VALUES (?, 'end', 1, ?)",
        (task_id, due_at_ms),
    )
    now_ms = NOW_MS - 9_000 * HOUR_MS
    pauses.bound(tx, now_ms=now_ms, latest_at_ms=now_ms + 24 * HOUR_MS)
    assert outbox.due(tx, now_ms=now_ms, count_max=9)
    assert undo.next_due_at_ms(tx, after_ms=now_ms) == now_ms + 24 * HOUR_MS
    assert rested(tx, now_ms=now_ms + 1_000) == ["wait"]


@given(by_ms=st.integers(-(10**13), 10**13))
def test_no_shift_breaks_a_row(by_ms: int) -> None:
    book = Book(":memory:")
    paused(book.tx)
    pauses.shift(book.tx, by_ms=by_ms, old_now_ms=NOW_MS)
    assert min(dues(book.tx).values()) >= 0
    book.close()
