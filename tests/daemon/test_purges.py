"""Letters are deleted and imported in steps, so that many of them keep nobody else waiting."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from msgspec import Raw

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from store_values import accept, bury, letter_of, new_task

from fnr.api.letter_requests import ImportLetters, PurgeLetters
from fnr.api.question import Changed
from fnr.api.requests import RefusedItem, SubmittedMany
from fnr.daemon.letters import STEP_MS_MAX, Letters
from fnr.daemon.reader import Reader
from fnr.store import letter_files, letters
from fnr.store.connection import Store, StoreFull, Transaction
from fnr.store.letter_files import export_one


class Desk:
    """A real store under the answers of a daemon whose clock moves on with every look at it."""

    def __init__(self, store: Store, *, ms_per_look: int) -> None:
        self.store, self.reader = store, Reader(store)
        self.looks = count(0, ms_per_look)
        clock = SimpleNamespace(now_ms=lambda: 1, boot_ms=lambda: next(self.looks))
        parts: Any = SimpleNamespace(store=store, clock=clock)
        self.letters = Letters(parts, cast("Any", None), self.reader)

    async def purge(self, **asked: Any) -> Changed:
        return await self.letters.purge(cast("Any", None), PurgeLetters(open=True, **asked))

    async def exported(self, number: int) -> list[Raw]:
        """The lines of as many letters, which are not in this store any more."""
        ids = await self.ids(number)
        lines = await self.store.write(
            lambda tx: [msgspec.json.encode(export_one(tx, letter_of(tx, one))) for one in ids]
        )
        await self.purge(task_ids=ids)
        return [Raw(line) for line in lines]

    async def take_over(self, items: list[Raw]) -> SubmittedMany:
        return await self.letters.take_over(cast("Any", None), ImportLetters(items=items))

    async def ids(self, number: int) -> list[str]:
        return await self.store.write(lambda tx: [bury(tx) for _ in range(number)])

    async def left(self) -> set[str]:
        ids = await self.store.write(lambda tx: tx.all("SELECT task_id FROM dead_letter"))
        return {task_id for (task_id,) in ids}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Every look at the clock takes as long as a step may."""
    store = await Store.open(str(tmp_path / "fnr.db"))
    made = Desk(store, ms_per_look=STEP_MS_MAX)
    yield made
    made.reader.close()
    await store.close()


@pytest.mark.parametrize("by", ["ids", "filter"])
async def test_others_are_written_for_between_the_steps_of_a_purge(
    desk: Desk, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: with each step somebody submits; the last of them must not be there at its end."""
    ids = await desk.ids(4)
    left_then: list[int] = []
    purge = letters.purge

    def and_a_task(tx: Transaction, *args: Any, **values: Any) -> Any:
        found = purge(tx, *args, **values)
        desk.store.post(_submit_and_count(left_then), lambda *_: None)
        return found

    monkeypatch.setattr(letters, "purge", and_a_task)
    which = {"where": "function:*"} if by == "filter" else {"task_ids": [*ids, ids[0]]}
    changed = await desk.purge(**which)
    assert sorted(changed.changed) == ids
    assert (changed.unchanged, changed.next) == ({}, None)
    assert await desk.left() == set()
    assert left_then == [3, 2, 1, 0]


def _submit_and_count(left_then: list[int]) -> Any:
    def unit(tx: Transaction) -> None:
        accept(tx, new_task())
        [[left]] = tx.all("SELECT count(*) FROM dead_letter")
        left_then.append(left)

    return unit


async def test_who_stays_is_said_once_and_ends_the_purge(desk: Desk) -> None:
    first, live, last = await desk.ids(3)
    await desk.store.write(
        lambda tx: tx.run("UPDATE dead_letter SET state = 'replaying' WHERE task_id = ?", (live,))
    )
    changed = await desk.purge(task_ids=[live, first, last])
    assert changed.changed == [first, last]
    assert changed.unchanged == {live: "its task is live again"}


async def test_a_purge_that_cannot_go_on_names_what_is_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await desk.ids(3)
    steps = count(1)
    purge = letters.purge

    def full_at_the_second(tx: Transaction, *args: Any, **values: Any) -> Any:
        if next(steps) == 2:
            raise StoreFull("disk is full")
        return purge(tx, *args, **values)

    monkeypatch.setattr(letters, "purge", full_at_the_second)
    changed = await desk.purge(task_ids=ids)
    assert changed.changed == ids[:1]
    assert changed.unchanged == dict.fromkeys(ids[1:], "not deleted: disk is full")
    assert await desk.left() == set(ids[1:])


async def test_a_purge_of_which_nothing_is_done_is_an_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers makes room, and asks for it once more."""
    ids = await desk.ids(1)

    def full(*_: Any, **__: Any) -> None:
        raise StoreFull("disk is full")

    monkeypatch.setattr(letters, "purge", full)
    with pytest.raises(StoreFull):
        await desk.purge(task_ids=ids)
    assert await desk.left() == set(ids)


async def test_others_are_written_for_between_the_steps_of_an_import(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = await desk.exported(3)
    there_then: list[int] = []
    import_one = letter_files.import_one

    def and_a_task(tx: Transaction, *args: Any, **values: Any) -> Any:
        desk.store.post(_submit_and_count(there_then), lambda *_: None)
        return import_one(tx, *args, **values)

    monkeypatch.setattr(letter_files, "import_one", and_a_task)
    answer = await desk.take_over([lines[0], *lines])
    assert set(answer.task_ids) == await desk.left()
    why = "a task with this id exists already"
    assert (len(answer.task_ids), answer.refused) == (3, [RefusedItem(index=1, why=why)])
    assert there_then == [1, 1, 2, 3]


async def test_an_import_that_cannot_go_on_names_what_it_has_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = await desk.exported(3)
    letters_seen, import_one = count(1), letter_files.import_one

    def full_at_the_second(*args: Any, **values: Any) -> Any:
        if next(letters_seen) == 2:
            raise StoreFull("disk is full")
        return import_one(*args, **values)

    monkeypatch.setattr(letter_files, "import_one", full_at_the_second)
    answer = await desk.take_over(lines)
    assert set(answer.task_ids) == await desk.left()
    why = "not imported: disk is full"
    assert answer.refused == [RefusedItem(index=index, why=why) for index in (1, 2)]
