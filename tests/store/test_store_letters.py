"""Dead letters: replay, edit, resolve, purge; and out of a store into another one, exactly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from store_values import (
    BOOM,
    IDS,
    NOW_MS,
    RESOURCE,
    TRANSIENT,
    VALIDATION,
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

from fnr.policy.dead_letter import LetterState
from fnr.policy.decision import Action
from fnr.policy.degrade import Degradation
from fnr.policy.evidence import Evidence
from fnr.policy.record import TaskDetail
from fnr.policy.retry import RetryPolicy
from fnr.policy.task import INPUT_BYTES_MAX, AttemptOutcome, TaskState
from fnr.store import details, ledger, letters, tally, task_input, tasks
from fnr.store.handovers import hand_over
from fnr.store.letter_files import LetterExport, export_one, import_one
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

BY_CPU = Degradation(function="render", rung=0, why="breaker:gpu", to="render_cpu")

# ── replay ───────────────────────────────────────────────────────────────────


def test_a_replayed_task_has_a_fresh_budget(book: Book) -> None:
    tx = book.tx
    task_id = bury(tx, TRANSIENT, evidence=Evidence(worker_died=True), expires_at_ms=NOW_MS + 1)
    assert replay(tx, task_id) == {}
    task = tasks.get(tx, task_id)
    assert task is not None
    assert (task.state, task.due_at_ms) == (TaskState.QUEUED, NOW_MS + 100)
    assert (task.retries, task.unknowns, task.waits, task.deaths) == (0, 0, 0, 0)
    assert (task.attempts, task.replays, task.expires_at_ms) == (1, 1, None)
    assert letter_of(tx, task_id).state is LetterState.REPLAYING
    assert ledger.of_task(tx, task_id)[-1].decision.decided_by == "tester"
    book.commit()
    assert is_whole(tx)


def test_a_replayed_task_begins_with_its_first_function_and_input(book: Book) -> None:
    """Whatever smaller way it had been tried in before it died."""
    tx = book.tx
    [task_id] = accept(tx, new_task())
    hand_over(tx, "render", lambda _: BY_CPU, after=None, count_max=9, now_ms=NOW_MS)
    end(tx, failure(claim(tx, function="render_cpu")))
    assert letter_of(tx, task_id).function == "render"
    assert replay(tx, task_id) == {}
    task = tasks.get(tx, task_id)
    assert task is not None
    assert (task.function, task.degraded) == ("render", ())
    book.commit()
    assert is_whole(tx)


def test_a_replayed_task_has_had_no_try_within_its_window(tx: Transaction) -> None:
    """What was granted before it died is not held against it."""
    [task_id] = accept(tx, new_task())
    end(tx, failure(claim(tx), TRANSIENT, now_ms=NOW_MS + 1))
    end(tx, failure(claim(tx, now_ms=NOW_MS + 60_000), TRANSIENT, now_ms=NOW_MS + 60_001))
    assert ledger.recoveries(tx, task_id, since_ms=0) == (NOW_MS + 1, NOW_MS + 60_001)
    assert ledger.recoveries(tx, task_id, since_ms=NOW_MS + 1) == (NOW_MS + 60_001,)
    end(tx, failure(claim(tx, now_ms=NOW_MS + 600_000), now_ms=NOW_MS + 600_001))
    assert replay(tx, task_id, now_ms=NOW_MS + 600_002) == {}
    assert ledger.recoveries(tx, task_id, since_ms=0) == ()
    again = claim(tx, now_ms=NOW_MS + 600_003)
    end(tx, failure(again, TRANSIENT, now_ms=NOW_MS + 600_004))
    assert ledger.recoveries(tx, task_id, since_ms=0) == (NOW_MS + 600_004,)


def test_a_replay_says_why_not(tx: Transaction) -> None:
    task_id, gone = bury(tx), IDS.new()
    assert "not in fnr.toml" in replay(tx, task_id, function_known=lambda _: False)[task_id]
    assert replay(tx, task_id, input_problem=lambda *_: "frame is missing")[task_id] == (
        "frame is missing"
    )
    assert replay(tx, task_id, gone) == {gone: letters.NO_LETTER}
    assert replay(tx, task_id)[task_id] == "already replaying"


def test_a_replay_does_not_take_a_unique_key_from_a_live_task(tx: Transaction) -> None:
    task_id = bury(tx, unique_key="daily")
    [live] = accept(tx, new_task(unique_key="daily"))
    assert live in replay(tx, task_id)[task_id]
    tasks.ask_cancel(tx, live, reason="", by="t", now_ms=NOW_MS)
    assert replay(tx, task_id) == {}


def test_two_letters_with_one_unique_key_are_not_both_replayed(tx: Transaction) -> None:
    first, second = bury(tx, unique_key="daily"), bury(tx, unique_key="daily")
    assert list(replay(tx, first, second)) == [second]


def test_a_dry_run_changes_nothing(tx: Transaction) -> None:
    task_id = bury(tx)
    before = contents(tx)
    assert replay(tx, task_id, dry_run=True) == {}
    assert contents(tx) == before


def test_an_id_given_twice_is_replayed_once(tx: Transaction) -> None:
    task_id = bury(tx)
    assert replay(tx, task_id, task_id) == {}
    task = tasks.get(tx, task_id)
    assert task is not None and task.replays == 1


def test_a_letter_whose_replay_another_function_took_over_is_whole_to_its_end(book: Book) -> None:
    """Cancelled there, its task stays where it was; its letter is under the name asked for."""
    tx = book.tx
    ids = [bury(tx), bury(tx)]
    for task_id in ids:
        replay(tx, task_id)
    hand_over(tx, "render", lambda _: BY_CPU, after=None, count_max=9, now_ms=NOW_MS + 200)
    book.commit()
    assert is_whole(tx)
    tasks.ask_cancel(tx, ids[0], reason="", by="t", now_ms=NOW_MS + 300)
    book.commit()
    assert is_whole(tx)
    letter = letter_of(tx, ids[0])
    assert (letter.state, letter.function) == (LetterState.RESOLVED, "render")
    exported = export_one(tx, letter)
    assert letters.purge(tx, [ids[0]]) == ([ids[0]], {})
    book.commit()
    assert is_whole(tx)
    assert tally.counts(tx) == {"render_cpu": {"queued": 1}}
    assert import_one(tx, exported.letter, exported.detail, now_ms=NOW_MS) is None
    book.commit()
    assert is_whole(tx)
    assert tally.counts(tx) == {"render_cpu": {"cancelled": 1, "queued": 1}}


# ── resolve, purge, edit ─────────────────────────────────────────────────────


def resolve(tx: Transaction, *ids: str) -> tuple[list[str], dict[str, str]]:
    """Put letters to rest."""
    return letters.resolve(tx, ids, reason="not worth it", by="uid 7", now_ms=NOW_MS + 50)


def test_a_resolved_letter_rests_with_its_reason(book: Book) -> None:
    tx = book.tx
    task_id = bury(tx)
    assert resolve(tx, task_id) == ([task_id], {})
    book.commit()
    letter = letter_of(tx, task_id)
    assert (letter.state, letter.resolution) == (LetterState.RESOLVED, "not worth it")
    assert is_whole(tx)
    assert resolve(tx, task_id, "0" * 26) == (
        [],
        {task_id: "already resolved", "0" * 26: letters.NO_LETTER},
    )
    assert "not worth it" in replay(tx, task_id)[task_id]


@pytest.mark.parametrize("open_too", [False, True])
def test_a_preview_of_a_purge_says_what_it_would_do(tx: Transaction, *, open_too: bool) -> None:
    """Method: the preview is compared with the purge itself."""
    ids = [bury(tx), bury(tx, function="copy"), bury(tx), bury(tx)]
    resolve(tx, ids[1], ids[2])
    replay(tx, ids[3])
    fields = {"where": "", "open": open_too, "after": None, "limit": 500}
    found = READS["PreviewPurge"](tx, task_ids=ids, **fields)
    gone, kept = letters.purge(tx, ids, open_too=open_too)
    assert found.eligible == len(gone) == sum(found.functions.values())
    assert found.functions == ({"render": 2, "copy": 1} if open_too else {"render": 1, "copy": 1})
    assert found.blocked == dict(Counter(kept.values()))
    assert found.examples == {why: [task_id] for task_id, why in kept.items()}


def test_a_preview_of_a_resolve_says_what_it_would_do(tx: Transaction) -> None:
    """Method: the preview is compared with what is done then."""
    ids = [bury(tx), bury(tx, function="copy"), bury(tx), bury(tx)]
    resolve(tx, ids[2])
    replay(tx, ids[3])
    fields = {"where": "", "after": None, "limit": 500}
    found = READS["PreviewResolve"](tx, task_ids=ids, **fields)
    rested, kept = resolve(tx, *ids)
    assert (found.eligible, found.functions) == (len(rested), {"render": 1, "copy": 1})
    assert found.blocked == dict(Counter(kept.values()))
    assert found.examples == {why: [task_id] for task_id, why in kept.items()}


def test_a_preview_of_what_a_filter_finds_goes_on_behind_its_chunk(tx: Transaction) -> None:
    ids = [bury(tx) for _ in range(3)]
    fields = {"task_ids": [], "where": "function:render", "open": True}
    first = READS["PreviewPurge"](tx, after=None, limit=2, **fields)
    rest = READS["PreviewPurge"](tx, after=first.next, limit=2, **fields)
    assert (first.eligible, rest.eligible, rest.next) == (2, 1, None)
    assert letters.get(tx, ids[0]) is not None


def test_a_purge_that_took_long_enough_leaves_the_others(tx: Transaction) -> None:
    ids = [bury(tx) for _ in range(3)]
    assert letters.purge(tx, ids, open_too=True, enough=lambda: True) == (ids[:1], {})
    assert letters.get(tx, ids[1]) is not None


def test_purging_removes_everything_about_resolved_letters(book: Book) -> None:
    tx = book.tx
    empty = contents(tx)
    resting, waiting, alive = bury(tx), bury(tx), bury(tx)
    resolve(tx, resting)
    replay(tx, alive)
    gone, kept = letters.purge(tx, [resting, waiting, alive, "0" * 26])
    assert gone == [resting]
    assert list(kept) == [waiting, alive, "0" * 26]
    assert kept[waiting] == "still open: only --open purges letters that are not resolved"
    assert letters.purge(tx, [waiting], open_too=True) == ([waiting], {})
    tasks.ask_cancel(tx, alive, reason="", by="t", now_ms=NOW_MS + 200)
    assert letters.purge(tx, [alive]) == ([alive], {})
    book.commit()
    left = contents(tx)
    # The incident and its rule remember that it happened, and nothing of the input.
    kept_on = {"outbox", "tally", "incident", "rule_count"}
    assert {name: rows for name, rows in left.items() if name not in kept_on} == {
        name: rows for name, rows in empty.items() if name not in kept_on
    }
    assert is_whole(tx)


def test_an_edited_input_is_a_new_revision_and_the_old_ones_stay(book: Book) -> None:
    tx = book.tx
    task_id = bury(tx)
    assert letters.edit_input(tx, task_id, b'{"frame":2}', by="uid 7", now_ms=NOW_MS + 9) is None
    assert letters.edit_input(tx, task_id, b'{"frame":3}', by="uid 8", now_ms=NOW_MS + 10) is None
    bodies = [bytes(found.body) for found in details.revisions_of(tx, task_id)]
    assert bodies == [b'{"frame":1}', b'{"frame":2}', b'{"frame":3}']
    assert letters.current_input(tx, task_id) == b'{"frame":3}'
    book.commit()
    assert is_whole(tx)
    replay(tx, task_id)
    assert claim(tx, now_ms=NOW_MS + 200).input == b'{"frame":3}'


def test_only_what_rests_open_is_edited(tx: Transaction) -> None:
    task_id = bury(tx)
    replay(tx, task_id)
    assert letters.edit_input(tx, task_id, b"{}", by="t", now_ms=NOW_MS) == (
        "the letter is replaying"
    )
    assert letters.edit_input(tx, "0" * 26, b"{}", by="t", now_ms=NOW_MS) == letters.NO_LETTER


# ── out and in ───────────────────────────────────────────────────────────────


def with_a_story(tx: Transaction) -> str:
    """A letter with everything: retries, an edit, a replay, tags, odd text, two deaths."""
    accept(tx, new_task(tags={"who": "ü"}, unique_key="k", priority=7))
    end(tx, failure(claim(tx), TRANSIENT, policy=RetryPolicy(delay_base_ms=0, delay_max_ms=0)))
    claimed = claim(tx, now_ms=NOW_MS + 50)
    end(tx, failure(claimed, RESOURCE, policy=RetryPolicy(waits_max=0), now_ms=NOW_MS + 60))
    task_id = claimed.task.task_id
    letters.edit_input(tx, task_id, b'{ "text" : "\\u0000 x" }', by="me", now_ms=NOW_MS + 70)
    replay(tx, task_id)
    end(tx, failure(claim(tx, now_ms=NOW_MS + 200), VALIDATION, now_ms=NOW_MS + 210))
    return task_id


def wire(exported: LetterExport) -> LetterExport:
    """Through JSON and back, as a file does."""
    return msgspec.json.decode(msgspec.json.encode(exported), type=LetterExport)


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """A second store."""
    opened = Book(tmp_path / "other.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("resolved", [False, True])
def test_export_and_import_are_exact(book: Book, other: Book, resolved: bool) -> None:
    """Every row of every table about the task, in another store, the decisions' numbers too."""
    letters.purge(book.tx, [bury(book.tx, function="earlier")], open_too=True)
    book.tx.run("INSERT INTO ledger (seq, at_ms, action, why) VALUES (40, 1, 'retry', 'x')")
    task_id = with_a_story(book.tx)
    book.tx.run("DELETE FROM ledger WHERE seq = 40")
    if resolved:
        resolve(book.tx, task_id)
    book.commit()
    exported = export_one(book.tx, letter_of(book.tx, task_id))
    read = wire(exported)
    assert import_one(other.tx, read.letter, read.detail, schema=read.schema, now_ms=NOW_MS) is None
    other.commit()
    here, there = contents(book.tx), contents(other.tx)
    for name in ("task", "task_input", "attempt", "error", "ledger", "dead_letter"):
        assert there[name] == here[name], name
    assert export_one(other.tx, letter_of(other.tx, task_id)) == exported
    assert is_whole(other.tx)


def test_a_letter_of_a_version_that_named_no_errors_in_its_decisions_is_taken(
    book: Book, other: Book
) -> None:
    """Its store would have been given them by the same rule."""
    task_id = with_a_story(book.tx)
    exported = wire(export_one(book.tx, letter_of(book.tx, task_id)))
    nameless = msgspec.structs.replace(
        exported.detail,
        ledger=[msgspec.structs.replace(row, error_id=None) for row in exported.detail.ledger],
    )
    assert import_one(other.tx, exported.letter, nameless, now_ms=NOW_MS) is None
    other.commit()
    assert export_one(other.tx, letter_of(other.tx, task_id)) == exported
    assert is_whole(other.tx)


def test_an_imported_letter_can_be_replayed(book: Book, other: Book) -> None:
    task_id = with_a_story(book.tx)
    exported = wire(export_one(book.tx, letter_of(book.tx, task_id)))
    import_one(other.tx, exported.letter, exported.detail, now_ms=NOW_MS)
    assert replay(other.tx, task_id, now_ms=NOW_MS + 300) == {}
    assert claim(other.tx, now_ms=NOW_MS + 300).input == b'{ "text" : "\\u0000 x" }'


def test_decisions_get_new_numbers_where_theirs_are_taken(book: Book, other: Book) -> None:
    bury(other.tx)
    task_id = with_a_story(book.tx)
    exported = export_one(book.tx, letter_of(book.tx, task_id))
    assert import_one(other.tx, exported.letter, exported.detail, now_ms=NOW_MS) is None
    other.commit()
    imported = ledger.of_task(other.tx, task_id)
    assert [row.decision for row in imported] == [row.decision for row in exported.detail.ledger]
    assert is_whole(other.tx)


@pytest.mark.parametrize("numbers", [(-2, -1), (7, 6), (2**63 - 2, 2**63 - 1)])
def test_decisions_under_numbers_that_no_store_gives_get_others(
    book: Book, other: Book, numbers: tuple[int, int]
) -> None:
    """In their order, which says what came last; and behind the greatest number none is left."""
    task_id = with_a_story(book.tx)
    exported = export_one(book.tx, letter_of(book.tx, task_id)).detail
    rows = [
        msgspec.structs.replace(row, seq=number)
        for row, number in zip(exported.ledger, (*numbers, *range(50, 90)), strict=False)
    ]
    assert exported.letter is not None
    assert (
        import_one(other.tx, exported.letter, changed(exported, ledger=rows), now_ms=NOW_MS) is None
    )
    found = ledger.of_task(other.tx, task_id)
    assert [row.decision for row in found] == [row.decision for row in exported.ledger]
    bury(other.tx)
    other.commit()
    assert is_whole(other.tx)


def changed(detail: TaskDetail, **fields: Any) -> TaskDetail:
    """The detail with some fields different."""
    return msgspec.structs.replace(detail, **fields)


def with_input(exported: LetterExport, body: bytes) -> LetterExport:
    raw = msgspec.Raw(body)
    first = msgspec.structs.replace(exported.detail.revisions[0], body=raw)
    return msgspec.structs.replace(
        exported, detail=changed(exported.detail, input=raw, revisions=[first])
    )


REFUSED = {
    "exists already": lambda exported: exported,
    "reads": lambda exported: msgspec.structs.replace(exported, schema="fnr.letter/9"),
    "do not belong together": lambda exported: msgspec.structs.replace(
        exported, letter=msgspec.structs.replace(exported.letter, reason="another")
    ),
    "not revisions": lambda exported: msgspec.structs.replace(
        exported, detail=changed(exported.detail, revisions=[])
    ),
    "not a JSON object": lambda exported: with_input(exported, b"[1]"),
    "bytes, at most 10485760": lambda exported: with_input(
        exported, b'{"n":"%s"}' % (b"x" * INPUT_BYTES_MAX)
    ),
    "Number out of range": lambda exported: with_input(exported, b'{"n":1e400}'),
    "not that of its last revision": lambda exported: msgspec.structs.replace(
        with_input(exported, b'{"n":1}'),
        detail=changed(with_input(exported, b'{"n":1}').detail, input=msgspec.Raw(b'{"n":true}')),
    ),
    "counts 99 attempts": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail, task=msgspec.structs.replace(exported.detail.task, attempts=99)
        ),
    ),
    "decision that answers it": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            ledger=[
                msgspec.structs.replace(row, error_id="another") for row in exported.detail.ledger
            ],
        ),
    ),
    "error  and the decision": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            errors=[msgspec.structs.replace(one, error_id="") for one in exported.detail.errors],
        ),
    ),
    "says why it is dead": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            ledger=[
                msgspec.structs.replace(
                    row, decision=msgspec.structs.replace(row.decision, action=Action.PUT_BACK)
                )
                for row in exported.detail.ledger
            ],
        ),
    ),
    "decisions do not match": lambda exported: msgspec.structs.replace(
        exported, detail=changed(exported.detail, ledger=[])
    ),
    "errors do not match": lambda exported: msgspec.structs.replace(
        exported, detail=changed(exported.detail, errors=[])
    ),
    "with a task of render": lambda exported: msgspec.structs.replace(
        exported,
        letter=(other := msgspec.structs.replace(exported.letter, function="upload")),
        detail=changed(exported.detail, letter=other),
    ),
    "with a task that is": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            task=msgspec.structs.replace(exported.detail.task, state=TaskState.QUEUED),
        ),
    ),
    "not at rest": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail, task=msgspec.structs.replace(exported.detail.task, owner="x")
        ),
    ),
    "and that is no moment": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail, task=msgspec.structs.replace(exported.detail.task, created_at_ms=2**62)
        ),
    ),
    "its at_ms is -1": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            errors=[msgspec.structs.replace(one, at_ms=-1) for one in exported.detail.errors],
        ),
    ),
    "still runs": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            attempts=[
                msgspec.structs.replace(one, outcome=AttemptOutcome.RUNNING, ended_at_ms=None)
                for one in exported.detail.attempts
            ],
        ),
    ),
    "parts of other tasks": lambda exported: msgspec.structs.replace(
        exported,
        detail=changed(
            exported.detail,
            attempts=[
                msgspec.structs.replace(one, task_id="0" * 26) for one in exported.detail.attempts
            ],
        ),
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_bad_letter_is_refused_before_anything_is_written(
    book: Book, other: Book, why: str
) -> None:
    task_id = with_a_story(book.tx)
    spoiled = REFUSED[why](export_one(book.tx, letter_of(book.tx, task_id)))
    target = book if why == "exists already" else other
    before = contents(target.tx)
    refusal = import_one(
        target.tx, spoiled.letter, spoiled.detail, schema=spoiled.schema, now_ms=NOW_MS
    )
    assert refusal is not None and why in refusal
    assert contents(target.tx) == before


def test_keys_and_ids_of_other_tasks_are_not_taken(book: Book, other: Book) -> None:
    task_id = bury(book.tx, idempotency_key="once")
    exported = export_one(book.tx, letter_of(book.tx, task_id))
    [taker] = accept(other.tx, new_task(idempotency_key="once"))
    assert "idempotency key" in str(
        import_one(other.tx, exported.letter, exported.detail, now_ms=NOW_MS)
    )
    other.tx.run("UPDATE task SET idempotency_key = NULL WHERE task_id = ?", (taker,))
    claimed = claim(other.tx)
    token = exported.detail.attempts[0].token
    other.tx.run("UPDATE attempt SET token = ? WHERE token = ?", (token, claimed.token))
    assert token in str(import_one(other.tx, exported.letter, exported.detail, now_ms=NOW_MS))


def test_an_input_that_cannot_be_read_keeps_no_attempt_from_being_settled(tx: Transaction) -> None:
    """Earlier versions took over exports in which somebody had written a number like 1e400."""
    task_id = bury(tx)
    tx.run("UPDATE task_input SET body = ? WHERE task_id = ?", ('{"n":1e400}', task_id))
    assert task_input.with_input(tx, task_id, BOOM) == BOOM
