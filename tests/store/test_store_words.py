"""The ids that completion offers: the latest of each kind, found without a walk through a table."""

from __future__ import annotations

from store_values import VALIDATION, Book, accept, bury, new_task

from fnr.store.words import IDS_MAX, latest_ids


def test_the_latest_come_first_each_with_what_it_is(book: Book) -> None:
    tx = book.tx
    first = bury(tx, VALIDATION)
    [last] = accept(tx, new_task())
    found = latest_ids(tx)
    assert [task_id for task_id, _ in found["tasks"]] == [last, first]
    assert [about.split()[-1] for _, about in found["tasks"]] == ["queued", "dead"]
    assert [task_id for task_id, _ in found["letters"]] == [first]
    assert found["letters"][0][1].endswith(" validation")
    assert len(found["errors"]) == 1
    assert found["incidents"][0][1].endswith(" new")
    assert found["replays"] == []


def test_there_are_never_more_than_a_person_reads(book: Book) -> None:
    accept(book.tx, *(new_task() for _ in range(IDS_MAX + 3)))
    assert len(latest_ids(book.tx)["tasks"]) == IDS_MAX
