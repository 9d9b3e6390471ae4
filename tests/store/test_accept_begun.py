"""A task that is begun as it is accepted is stored as one that was accepted and then claimed."""

from __future__ import annotations

import sqlite3

import pytest
from msgspec.structs import replace
from store_values import NOW_MS, WORKER, Book, contents, is_whole, new_task

from fnr.policy.task import Claim, Task, TaskState, WorkerIdentity
from fnr.store import tasks
from fnr.store.accepting import accept

BODY = '{"word":"ü"}'.encode()
TOKEN = "01TOKEN00000000000000000AB"


def begin(task: Task, body: bytes) -> tuple[Claim, WorkerIdentity]:
    running = replace(
        task, state=TaskState.RUNNING, state_at_ms=NOW_MS + 3, attempts=1, owner=TOKEN
    )
    return Claim(task=running, token=TOKEN, input=body), WORKER


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "priority": 9, "retries_max": 2, "timeout_ms": 500, "expires_at_ms": NOW_MS + 60_000,
            "unique_key": "u", "idempotency_key": "k", "tags": {"a": "ö"}, "submitter": "ada",
            "parent_id": "01PARENT000000000000000000",
        },
    ],
)  # fmt: skip
def test_nobody_can_tell_them_apart(fields: dict[str, object]) -> None:
    task = new_task(**fields)
    at_once, one_by_one = Book(), Book()
    assert accept(at_once.tx, [(task, BODY)], begin) == [(task.task_id, False)]
    accept(one_by_one.tx, [(task, BODY)])
    [claimed] = tasks.claim_due(
        one_by_one.tx, function="render", worker=WORKER, new_token=lambda: TOKEN, count_max=4,
        now_ms=NOW_MS + 3,
    )  # fmt: skip
    assert begin(task, BODY)[0] == claimed
    for book in (at_once, one_by_one):
        book.commit()
        assert is_whole(book.tx)
    rows = [contents(book.tx) for book in (at_once, one_by_one)]
    for found in rows:
        # A count that was written and is 0 again says the same as none.
        found["tally"] = [row for row in found["tally"] if row[-1]]
    assert rows[0] == rows[1]
    at_once.close()
    one_by_one.close()


def test_who_asks_again_begins_nothing(book: Book) -> None:
    task = new_task(idempotency_key="k")
    accept(book.tx, [(task, BODY)], begin)
    before = contents(book.tx)

    def never(_task: Task, _body: bytes) -> None:
        pytest.fail("it exists already")

    for again in (task, replace(new_task(), idempotency_key="k")):
        assert accept(book.tx, [(again, BODY)], never) == [(task.task_id, True)]
    assert contents(book.tx) == before


def test_what_cannot_be_begun_is_not_stored_either(book: Book) -> None:
    accept(book.tx, [(new_task(), BODY)], begin)
    with pytest.raises(sqlite3.IntegrityError):
        accept(book.tx, [(new_task(), BODY)], begin)  # with a token that there is already
    book.roll_back()
    assert is_whole(book.tx)
    assert tasks.queued_count(book.tx, "render") == 0
