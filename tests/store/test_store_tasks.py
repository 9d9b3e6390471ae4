"""Accepting, claiming, waking, cancelling and finding tasks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_values import (
    ENDS,
    IDS,
    NOW_MS,
    WORKER,
    Book,
    accept,
    bury,
    claim,
    end,
    is_whole,
    new_task,
)

from fnr.policy.task import AttemptOutcome, TaskState
from fnr.policy.verdict import conclude
from fnr.store import accepting, asked_before, details, ledger, tasks
from fnr.store.reads import READS
from fnr.store.transaction import Transaction


def claim_ids(tx: Transaction, count: int, *, now_ms: int = NOW_MS) -> list[str]:
    """Claim up to so many; their ids in the order they came."""
    found = tasks.claim_due(
        tx, function="render", worker=WORKER, new_token=IDS.new, count_max=count, now_ms=now_ms
    )
    return [one.task.task_id for one in found]


# ── accept ───────────────────────────────────────────────────────────────────


def test_a_task_is_read_back_as_it_was_accepted(tx: Transaction) -> None:
    task = new_task(
        priority=9, retries_max=2, timeout_ms=500, expires_at_ms=NOW_MS + 9, unique_key="k",
        tags={"who": "me", "ü": '"quoted"'}, submitter="uid 1000", idempotency_key="i",
        parent_id=IDS.new(),
    )  # fmt: skip
    accept(tx, task, body='{"text":"\u00e4\U0001f600"}'.encode())
    assert tasks.get(tx, task.task_id) == task
    [revision] = details.revisions_of(tx, task.task_id)
    assert bytes(revision.body).decode() == '{"text":"\u00e4\U0001f600"}'


def test_inputs_keep_their_very_bytes(tx: Transaction) -> None:
    """Escapes, spaces and number formats are the submitter's business."""
    body = b'{ "a" : 1.0e3, "b":"\\u0000\\ud83d\\ude00", "c":"\\/" }'
    accept(tx, new_task(), body=body)
    assert claim(tx).input == body


def test_a_live_task_with_the_same_unique_key_is_the_answer(tx: Transaction) -> None:
    first, second = new_task(unique_key="daily"), new_task(unique_key="daily")
    assert accepting.accept(tx, [(first, b"{}"), (second, b"{}")]) == [
        (first.task_id, False),
        (first.task_id, True),
    ]
    claimed = claim(tx)
    assert accepting.accept(tx, [(second, b"{}")]) == [(first.task_id, True)]
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=NOW_MS))
    assert accepting.accept(tx, [(second, b"{}")]) == [(second.task_id, False)]


def test_an_idempotency_key_answers_even_when_the_task_has_ended(tx: Transaction) -> None:
    first, again = new_task(idempotency_key="req-1"), new_task(idempotency_key="req-1")
    accept(tx, first)
    claimed = claim(tx)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=NOW_MS))
    assert accepting.accept(tx, [(again, b"{}")]) == [(first.task_id, True)]


def test_a_batch_that_is_sent_again_is_known_by_its_idempotency_keys(tx: Transaction) -> None:
    """Under new ids, as by a program that makes its tasks anew."""
    keys = ["row-1", "row-2"]
    first = [(new_task(idempotency_key=key), b"{}") for key in keys]
    again = [(new_task(idempotency_key=key), b"{}") for key in (*keys, "row-3")]
    accepting.accept(tx, first)
    answers = accepting.accept(tx, again)
    assert answers[:2] == [(task.task_id, True) for task, _ in first]
    assert answers[2] == (again[2][0].task_id, False)


def test_an_id_that_is_known_is_the_same_task_whatever_became_of_it(tx: Transaction) -> None:
    task = new_task()
    assert accepting.accept(tx, [(task, b"{}"), (task, b"{}")]) == [
        (task.task_id, False),
        (task.task_id, True),
    ]
    claimed = claim(tx)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=NOW_MS))
    assert accepting.accept(tx, [(task, b"{}")]) == [(task.task_id, True)]


def test_what_was_accepted_before_is_found_by_id_and_by_key(tx: Transaction) -> None:
    first, second = new_task(), new_task(idempotency_key="i")
    accepting.accept(tx, [(first, b"{}"), (second, b"{}")])
    assert asked_before.known(tx, first.task_id, None) == first.task_id
    assert asked_before.known(tx, IDS.new(), "i") == second.task_id
    assert asked_before.known(tx, None, None) is None
    names = [(first.task_id, None), (None, "i")]
    assert asked_before.all_known(tx, names) == [first.task_id, second.task_id]
    assert asked_before.all_known(tx, [*names, (IDS.new(), "j")]) is None


def test_a_duplicate_is_counted_once(book: Book) -> None:
    accepting.accept(book.tx, [(new_task(unique_key="k"), b"{}") for _ in range(5)])
    book.commit()
    assert book.tx.tally("render", "queued") == 1
    assert is_whole(book.tx)


NUMBERED = st.tuples(st.integers(1, 20), st.sampled_from([None, None, "a", "b"]))


@settings(max_examples=40)
@given(before=st.lists(st.integers(1, 12), unique=True), asked=st.lists(NUMBERED, max_size=6))
def test_a_batch_is_accepted_as_its_tasks_one_by_one(
    before: list[int], asked: list[tuple[int, str | None]]
) -> None:
    """Also one whose ids are all newer than any, which is looked up in one go."""
    known = [new_task(task_id=f"{number:026d}") for number in before]
    batch = [(new_task(task_id=f"{number:026d}", unique_key=key), b"{}") for number, key in asked]
    at_once, by_one = Book(), Book()
    for book in (at_once, by_one):
        accept(book.tx, *known)
    answers = [answer for item in batch for answer in accepting.accept(by_one.tx, [item])]
    assert accepting.accept(at_once.tx, batch) == answers
    assert at_once.tx.tally("render", "queued") == by_one.tx.tally("render", "queued")


# ── claim ────────────────────────────────────────────────────────────────────

QUEUED = st.lists(st.tuples(st.integers(1, 10), st.integers(-3, 3)), min_size=1, max_size=12)


@given(queued=QUEUED, count=st.integers(1, 14))
def test_claims_come_by_priority_then_due_then_age(
    queued: list[tuple[int, int]], count: int
) -> None:
    """Against a sort of everything that is due."""
    book = Book()
    made = [new_task(priority=priority, due_at_ms=NOW_MS + late_ms) for priority, late_ms in queued]
    accept(book.tx, *made)
    due = [task for task in made if task.due_at_ms <= NOW_MS]
    due.sort(key=lambda task: (-task.priority, task.due_at_ms, task.task_id))
    assert claim_ids(book.tx, count) == [task.task_id for task in due[:count]]
    later = [task.due_at_ms for task in made if task not in due[:count]]
    assert tasks.next_due_at_ms(book.tx, function="render") == min(later, default=None)
    book.commit()
    assert is_whole(book.tx)
    book.close()


def test_a_claim_is_the_task_as_it_is_stored(tx: Transaction) -> None:
    accept(tx, new_task(tags={"a": "b"}))
    claimed = claim(tx)
    assert claimed.task == tasks.get(tx, claimed.task.task_id)
    assert claimed.task.state is TaskState.RUNNING
    assert claimed.task.attempts == 1
    [attempt] = details.attempts_of(tx, claimed.task.task_id)
    assert (attempt.token, attempt.outcome, attempt.number) == (
        claimed.token,
        AttemptOutcome.RUNNING,
        1,
    )
    assert (attempt.worker_id, attempt.boot_id, attempt.pid, attempt.pid_start) == (
        WORKER.worker_id,
        WORKER.boot_id,
        WORKER.pid,
        WORKER.pid_start,
    )


def test_nobody_claims_what_is_not_due_or_not_theirs(tx: Transaction) -> None:
    accept(tx, new_task(due_at_ms=NOW_MS + 1), new_task(function="other"))
    assert claim_ids(tx, 5) == []
    assert claim_ids(tx, 0) == []
    assert len(claim_ids(tx, 5, now_ms=NOW_MS + 1)) == 1


def test_urgent_tasks_that_are_not_due_do_not_hide_others(tx: Transaction) -> None:
    urgent, plain = new_task(priority=10, due_at_ms=NOW_MS + 50), new_task(priority=1)
    accept(tx, urgent, plain)
    assert claim_ids(tx, 1) == [plain.task_id]
    assert tasks.next_due_at_ms(tx, function="render") == NOW_MS + 50


def test_an_attempt_owns_its_task_until_it_ends(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    assert tasks.owned(tx, claimed.token) == claimed.task
    end(tx, ENDS["interrupted"](tx, claimed))
    assert tasks.owned(tx, claimed.token) is None


def test_running_tasks_are_found_with_their_attempts(book: Book) -> None:
    tx = book.tx
    accept(tx, *(new_task() for _ in range(4)))
    claimed = [claim(tx) for _ in range(3)]
    end(tx, ENDS["done"](tx, claimed[0]))
    book.commit()
    assert {(task.task_id, attempt.token) for task, attempt in tasks.running(tx)} == {
        (one.task.task_id, one.token) for one in claimed[1:]
    }


# ── time passes ──────────────────────────────────────────────────────────────


def test_waiting_tasks_wake_when_their_time_has_come(book: Book) -> None:
    tx = book.tx
    accept(tx, new_task(), new_task(function="other"))
    end(tx, ENDS["wait"](tx, claim(tx)))
    end(tx, ENDS["wait"](tx, claim(tx, function="other")))
    at_ms = tasks.next_wake_at_ms(tx)
    assert at_ms is not None
    assert tasks.wake_waiting(tx, now_ms=at_ms - 1, count_max=10) == set()
    assert tasks.wake_waiting(tx, now_ms=at_ms, count_max=1) <= {"render", "other"}
    assert tasks.wake_waiting(tx, now_ms=at_ms, count_max=10)
    assert tasks.next_wake_at_ms(tx) is None
    assert claim(tx, now_ms=at_ms).task.waits == 1
    book.commit()
    assert is_whole(tx)


def test_tasks_that_expired_before_they_began_are_found(tx: Transaction) -> None:
    late, later, never = (
        new_task(expires_at_ms=NOW_MS + 5),
        new_task(expires_at_ms=NOW_MS + 9, priority=1),
        new_task(priority=10),
    )
    accept(tx, late, later, never)
    assert tasks.next_expiry_at_ms(tx) == NOW_MS + 5
    assert tasks.overdue(tx, now_ms=NOW_MS + 7, count_max=10) == [late]
    assert tasks.overdue(tx, now_ms=NOW_MS + 9, count_max=10) == [late, later]
    assert claim_ids(tx, 3) == [never.task_id, late.task_id, later.task_id]
    assert tasks.overdue(tx, now_ms=NOW_MS + 99, count_max=10) == []
    assert tasks.next_expiry_at_ms(tx) is None


def test_a_task_that_has_expired_is_not_begun_although_nobody_buried_it_yet(
    tx: Transaction,
) -> None:
    """After a weekend without a daemon there may be more of them than are buried in a moment."""
    expired = [new_task(expires_at_ms=NOW_MS + 5) for _ in range(3)]
    behind = new_task(expires_at_ms=NOW_MS + 9)
    accept(tx, *expired, behind)
    assert claim_ids(tx, 2, now_ms=NOW_MS + 5) == []
    assert claim_ids(tx, 4, now_ms=NOW_MS + 5) == [behind.task_id]
    assert tasks.overdue(tx, now_ms=NOW_MS + 5, count_max=10) == expired


# ── cancel ───────────────────────────────────────────────────────────────────


def cancel(tx: Transaction, task_id: str) -> str:
    """Ask for the end of a task."""
    return tasks.ask_cancel(tx, task_id, reason="no longer", by="uid 7", now_ms=NOW_MS + 3)


def test_a_preview_of_a_cancel_says_what_it_would_do(tx: Transaction) -> None:
    [running] = accept(tx, new_task(function="render"))
    claim(tx)
    [queued] = accept(tx, new_task(function="copy"))
    [gone] = accept(tx, new_task())
    cancel(tx, gone)
    ids = [running, queued, gone, "nobody"]
    found = READS["PreviewCancel"](tx, task_ids=ids, where="", after=None, limit=500)
    assert (found.eligible, found.functions) == (2, {"render": 1, "copy": 1})
    assert found.examples == {"already cancelled": [gone], tasks.NO_TASK: ["nobody"]}
    by_filter = READS["PreviewCancel"](tx, task_ids=[], where="function:*", after=None, limit=1)
    assert (by_filter.eligible, by_filter.blocked) == (1, {})
    assert by_filter.next is not None
    assert [tasks.state_of(tx, one) for one in ids] == ["running", "queued", "cancelled", None]


def test_a_queued_task_is_cancelled_at_once_and_on_record(book: Book) -> None:
    tx = book.tx
    [task_id] = accept(tx, new_task())
    assert cancel(tx, task_id) == "cancelled"
    book.commit()
    task = tasks.get(tx, task_id)
    assert task is not None
    assert (task.state, task.reason) == (TaskState.CANCELLED, "no longer")
    [row] = ledger.of_task(tx, task_id)
    assert (row.decision.action, row.decision.decided_by) == ("cancel", "uid 7")
    assert is_whole(tx)
    assert cancel(tx, task_id) == "already cancelled"


def test_a_waiting_task_is_cancelled_at_once(book: Book) -> None:
    accept(book.tx, new_task())
    claimed = claim(book.tx)
    end(book.tx, ENDS["wait"](book.tx, claimed))
    assert cancel(book.tx, claimed.task.task_id) == "cancelled"
    book.commit()
    assert is_whole(book.tx)


def test_a_running_task_is_asked_to_stop(book: Book) -> None:
    accept(book.tx, new_task())
    claimed = claim(book.tx)
    assert cancel(book.tx, claimed.task.task_id) == "stopping"
    task = tasks.get(book.tx, claimed.task.task_id)
    assert task is not None and task.cancel_asked
    book.commit()
    assert is_whole(book.tx)


def test_what_has_ended_is_not_cancelled(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    end(tx, ENDS["done"](tx, claimed))
    assert cancel(tx, claimed.task.task_id) == "already done"
    assert "letter" in cancel(tx, bury(tx))
    assert cancel(tx, IDS.new()) == "no such task"


# ── find ─────────────────────────────────────────────────────────────────────


def test_a_unique_beginning_finds_the_id(tx: Transaction) -> None:
    first = new_task(created_at_ms=NOW_MS)
    second = new_task(created_at_ms=NOW_MS + 86_400_000)
    accept(tx, first, second)
    assert tasks.find_id(tx, first.task_id) == first.task_id
    assert tasks.find_id(tx, second.task_id[:8].lower()) == second.task_id
    with pytest.raises(tasks.AmbiguousId) as several:
        tasks.find_id(tx, first.task_id[:3])
    assert several.value.ids == [first.task_id, second.task_id]


@pytest.mark.parametrize("prefix", ["", "ZZZZ", "%", "~", "0'--", "Ü", "0" * 27])
def test_what_is_no_beginning_of_an_id_finds_nothing(tx: Transaction, prefix: str) -> None:
    accept(tx, new_task())
    with pytest.raises(tasks.NoSuchId):
        tasks.find_id(tx, prefix)


def test_a_task_without_its_input_is_not_handed_out(tx: Transaction) -> None:
    """It is damage, which `db check` names; the queue behind it goes on."""
    broken, good = new_task(), new_task()
    accept(tx, broken, good)
    tx.run("DELETE FROM task_input WHERE task_id = ?", (broken.task_id,))
    assert claim_ids(tx, 2) == [good.task_id]
