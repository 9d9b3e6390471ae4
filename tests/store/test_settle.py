"""Settling makes all of a verdict true or nothing, and only for the attempt that owns the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from store_values import (
    BOOM,
    ENDS,
    IDS,
    NOW_MS,
    TRANSIENT,
    Book,
    accept,
    bury,
    claim,
    contents,
    end,
    failure,
    is_whole,
    letter_of,
    new_task,
    replay,
)

from fnr.policy.dead_letter import DeathCause, LetterState
from fnr.policy.evidence import KilledBy
from fnr.policy.rules import Category
from fnr.policy.task import AttemptOutcome, TaskState
from fnr.policy.verdict import bury_expired, conclude
from fnr.store import details, errors, kills, ledger, letters, outbox, results, tasks
from fnr.store.connection import Store
from fnr.store.settle import ClaimLost, settle
from fnr.store.transaction import Transaction


class Crash(BaseException):
    """Stands for kill -9: no handler may catch it by accident."""


class Dying(Transaction):
    """A transaction whose process dies after so many statements that change something."""

    __slots__ = ("survives",)

    def __init__(self, tx: Transaction, survives: int) -> None:
        super().__init__(tx._connection)
        self.survives = survives

    def run(self, sql: str, params: Any = ()) -> int:
        """Run, and die when it was the last."""
        changed = super().run(sql, params)
        self.survives -= 1
        if self.survives == 0:
            raise Crash
        return changed


def settle_dying(tx: Transaction, book: Book, name: str, survives: int) -> bool:
    """Prepare an end, settle it on a dying transaction; whether it died."""
    accept(tx, new_task(expires_at_ms=NOW_MS + 60_000 if name == "expired" else None))
    verdict = ENDS[name](tx, claim(tx))
    book.commit()
    before = contents(tx)
    dying = Dying(tx, survives)
    try:
        settle(
            dying, verdict, now_ms=NOW_MS + 5,
            error_id=IDS.new() if verdict.outcome is AttemptOutcome.FAILED else None,
            result=b"1", output=None,
        )  # fmt: skip
    except Crash:
        book.roll_back()
        assert contents(tx) == before
        assert is_whole(tx)
        return True
    return False


@pytest.mark.parametrize("name", ENDS)
def test_a_crash_while_settling_leaves_the_claim_as_it_was(book: Book, name: str) -> None:
    """Method: settle the same verdict again and again, dying one statement later each time."""
    for survives in range(1, 20):
        if not settle_dying(book.tx, book, name, survives):
            assert survives > 3, "a verdict is at least task, attempt or letter, and ledger"
            return
        # The survivor of the last round is in the way of the next claim.
        book.connection.execute("DELETE FROM task")
        book.connection.execute("DELETE FROM tally")
        book.commit()
    pytest.fail("settling never came to its end")


@pytest.mark.parametrize("name", ENDS)
async def test_a_crash_in_a_unit_reaches_the_caller_and_changes_nothing(
    store: Store, name: str
) -> None:
    """Method: let the unit die after its settle, in the writer that the daemon uses."""

    def prepare(tx: Transaction) -> object:
        accept(tx, new_task(expires_at_ms=NOW_MS + 60_000 if name == "expired" else None))
        return ENDS[name](tx, claim(tx))

    verdict: Any = await store.write(prepare)
    before = await store.write(contents)

    def die(tx: Transaction) -> None:
        end(tx, verdict)
        raise Crash

    with pytest.raises(Crash):
        await store.write(die)
    assert await store.write(contents) == before


@pytest.mark.parametrize("name", ENDS)
def test_every_end_leaves_a_whole_store(book: Book, name: str) -> None:
    tx = book.tx
    accept(tx, new_task(expires_at_ms=NOW_MS + 60_000 if name == "expired" else None))
    verdict = ENDS[name](tx, claim(tx))
    end(tx, verdict)
    book.commit()
    assert is_whole(tx)
    assert tasks.get(tx, verdict.task.task_id) == verdict.task
    assert tx.tally("render", verdict.task.state) == 1


def test_the_letter_of_who_expired_after_a_failure_names_the_failure(tx: Transaction) -> None:
    """Nothing failed when it expired, and what had failed before is why it did."""
    accept(tx, new_task(expires_at_ms=NOW_MS + 60_000))
    retried = failure(claim(tx), TRANSIENT)
    end(tx, retried)
    [error] = details.find(tx, retried.task.task_id).errors
    end(tx, bury_expired(retried.task, now_ms=NOW_MS + 60_000))
    letter = letter_of(tx, retried.task.task_id)
    assert (letter.cause, letter.error_id) == (DeathCause.EXPIRED, error.error_id)


def test_who_succeeds_before_the_wish_to_cancel_reaches_him_is_done(book: Book) -> None:
    """The wish is on disk by then, and no end may keep it."""
    tx = book.tx
    accept(tx, new_task())
    claimed = claim(tx)
    by = {"reason": "", "by": "op", "now_ms": NOW_MS + 1}
    assert tasks.ask_cancel(tx, claimed.task.task_id, **by) == "stopping"
    verdict = conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + 2)
    end(tx, verdict)
    book.commit()
    assert tasks.get(tx, claimed.task.task_id) == verdict.task
    assert is_whole(tx)


def test_an_attempt_that_waited_to_be_settled_ended_before(tx: Transaction) -> None:
    """The store was locked, say: what the attempt took is not what settling it took."""
    accept(tx, new_task())
    verdict = failure(claim(tx), now_ms=NOW_MS + 5_000)
    settle(
        tx, verdict, now_ms=NOW_MS + 5_000, error_id=IDS.new(), result=None, output=None,
        ended_at_ms=NOW_MS + 3,
    )  # fmt: skip
    detail = details.find(tx, verdict.task.task_id)
    assert [attempt.ended_at_ms for attempt in detail.attempts] == [NOW_MS + 3]
    assert [error.at_ms for error in detail.errors] == [NOW_MS + 5_000]


def test_a_success_keeps_result_output_and_decision(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + 5), b'{"frames":3}')
    [attempt] = details.attempts_of(tx, claimed.task.task_id)
    assert (attempt.outcome, attempt.ended_at_ms) == (AttemptOutcome.DONE, NOW_MS + 5)
    assert (attempt.log_path, attempt.log_to, attempt.peak_mib) == ("/logs/w", 9, 30)
    assert results.body(tx, claimed.task.task_id) == b'{"frames":3}'
    [row] = ledger.of_task(tx, claimed.task.task_id)
    assert (row.decision.action, row.token) == ("complete", claimed.token)


def test_a_success_without_a_result_is_null(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + 5))
    assert results.body(tx, claimed.task.task_id) == b"null"


def test_a_success_is_four_statements(tx: Transaction) -> None:
    """The number that the drain rate stands on."""
    accept(tx, new_task())
    claimed = claim(tx)
    counting = Dying(tx, 1_000)
    verdict = conclude(claimed.task, token=claimed.token, now_ms=NOW_MS)
    settle(counting, verdict, now_ms=NOW_MS, error_id=None, result=None, output=None)
    assert 1_000 - counting.survives == 4


def test_a_failure_keeps_all_its_evidence(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    verdict = failure(claimed)
    end(tx, verdict)
    error = errors.last(tx, claimed.task.task_id)
    assert error is not None
    assert error.evidence == BOOM
    assert error.classification == verdict.classification
    letter = letter_of(tx, claimed.task.task_id)
    assert (letter.state, letter.cause) == (LetterState.OPEN, DeathCause.PERMANENT)
    assert letter.error_id == error.error_id


def test_an_alert_is_in_the_outbox_with_its_letter(tx: Transaction) -> None:
    task_id = bury(tx)
    [effect] = outbox.due(tx, now_ms=NOW_MS + 10, count_max=5)
    assert effect.data["task_id"] == task_id
    assert effect.kind == "notify"


def test_a_late_result_is_refused_and_changes_nothing(tx: Transaction) -> None:
    """An attempt that was taken for lost comes back after another one has begun."""
    accept(tx, new_task())
    first = claim(tx)
    end(tx, ENDS["interrupted"](tx, first))
    second = claim(tx)
    before = contents(tx)
    with pytest.raises(ClaimLost, match=first.token):
        end(tx, conclude(first.task, token=first.token, now_ms=NOW_MS + 9))
    assert contents(tx) == before
    end(tx, conclude(second.task, token=second.token, now_ms=NOW_MS + 9))


def test_the_same_end_settles_once(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    verdict = conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + 5)
    end(tx, verdict)
    with pytest.raises(ClaimLost):
        end(tx, verdict)
    assert len(ledger.of_task(tx, claimed.task.task_id)) == 1


def test_a_task_that_was_claimed_meanwhile_does_not_expire(tx: Transaction) -> None:
    accept(tx, new_task(expires_at_ms=NOW_MS + 60_000))
    verdict = ENDS["expired"](tx, claim(tx))
    claim(tx)
    with pytest.raises(ClaimLost, match="moved on"):
        end(tx, verdict)


def test_a_task_that_was_cancelled_meanwhile_does_not_expire(tx: Transaction) -> None:
    accept(tx, new_task(expires_at_ms=NOW_MS + 60_000))
    verdict = ENDS["expired"](tx, claim(tx))
    tasks.ask_cancel(tx, verdict.task.task_id, reason="", by="t", now_ms=NOW_MS)
    with pytest.raises(ClaimLost, match="moved on"):
        end(tx, verdict)


def test_what_we_noted_of_a_kill_goes_with_the_attempt(tx: Transaction) -> None:
    accept(tx, new_task())
    claimed = claim(tx)
    kills.note(tx, claimed.token, reason=KilledBy.TIMEOUT, why="10 s of 10 s", now_ms=NOW_MS)
    assert kills.find(tx, claimed.token) == (KilledBy.TIMEOUT, "10 s of 10 s")
    end(tx, failure(claimed))
    assert kills.find(tx, claimed.token) is None


# ── replayed tasks ───────────────────────────────────────────────────────────


def replayed(tx: Transaction) -> str:
    """A task that died and is queued again."""
    task_id = bury(tx)
    assert replay(tx, task_id) == {}
    return task_id


def test_a_replayed_task_that_succeeds_has_no_letter_and_keeps_its_story(book: Book) -> None:
    tx = book.tx
    task_id = replayed(tx)
    claimed = claim(tx, now_ms=NOW_MS + 200)
    end(tx, conclude(claimed.task, token=claimed.token, now_ms=NOW_MS + 300))
    book.commit()
    assert letters.get(tx, task_id) is None
    actions = [row.decision.action for row in ledger.of_task(tx, task_id)]
    assert actions == ["bury", "replay", "complete"]
    assert is_whole(tx)


def test_a_replayed_task_that_dies_again_opens_its_letter_anew(book: Book) -> None:
    tx = book.tx
    task_id = replayed(tx)
    claimed = claim(tx, now_ms=NOW_MS + 200)
    end(tx, ENDS["validation"](tx, claimed))
    book.commit()
    letter = letter_of(tx, task_id)
    assert (letter.state, letter.cause, letter.replays) == (
        LetterState.OPEN,
        DeathCause.VALIDATION,
        1,
    )
    assert letter.category is Category.VALIDATION
    assert letter.attempts == 2
    assert is_whole(tx)


def test_a_replayed_task_that_is_retried_stays_replaying(book: Book) -> None:
    tx = book.tx
    task_id = replayed(tx)
    end(tx, ENDS["retry"](tx, claim(tx, now_ms=NOW_MS + 200)))
    book.commit()
    assert letter_of(tx, task_id).state is LetterState.REPLAYING
    assert is_whole(tx)


@pytest.mark.parametrize("while_running", [True, False])
def test_a_replayed_task_that_is_cancelled_resolves_its_letter(
    book: Book, while_running: bool
) -> None:
    tx = book.tx
    task_id = replayed(tx)
    if while_running:
        end(tx, ENDS["cancelled"](tx, claim(tx, now_ms=NOW_MS + 200)))
    else:
        tasks.ask_cancel(tx, task_id, reason="no longer", by="tester", now_ms=NOW_MS + 200)
    book.commit()
    letter = letter_of(tx, task_id)
    assert letter.state is LetterState.RESOLVED
    assert letter.resolution
    task = tasks.get(tx, task_id)
    assert task is not None and task.state is TaskState.CANCELLED
    assert is_whole(tx)


def test_evidence_with_hostile_text_is_read_back_as_it_was(tx: Transaction) -> None:
    hostile = "\x00\x1b[31m'; DROP TABLE task; --\u2028 \U0001f4a5"
    evidence = msgspec.structs.replace(BOOM, message=hostile, stderr_tail=hostile)
    accept(tx, new_task())
    claimed = claim(tx)
    end(tx, failure(claimed, evidence=evidence))
    error = errors.last(tx, claimed.task.task_id)
    assert error is not None and error.evidence == evidence


def test_a_store_on_disk_survives_its_reopening(store_file: Path) -> None:
    first = Book(store_file)
    task_id = bury(first.tx)
    first.commit()
    first.close()
    again = Book(store_file)
    assert letter_of(again.tx, task_id).reason
    assert is_whole(again.tx)
    again.close()
