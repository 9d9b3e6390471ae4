"""What rules are made from and how they are counted: with an index, in bounded pages."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from store_values import (
    BOOM,
    IDS,
    NOW_MS,
    PERMANENT,
    Book,
    accept,
    claim,
    end,
    failure,
    is_whole,
    new_task,
)

from fnr.policy.filter import FilterError
from fnr.policy.rules import Category, Strategy
from fnr.store import corrections, error_pages
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

UNMATCHED = replace(
    PERMANENT, rule="unmatched", category=Category.UNKNOWN, strategy=Strategy.RETRY_ONCE
)


def fail(
    tx: Transaction, how: Any = UNMATCHED, *, at_ms: int = NOW_MS, evidence: Any = BOOM
) -> str:
    """Let a task fail; the id of its error."""
    [task_id] = accept(tx, new_task(function=f"f{IDS.new()}"))
    row = tx.one("SELECT function FROM task WHERE task_id = ?", (task_id,))
    assert row is not None
    end(tx, failure(claim(tx, function=row[0]), how, evidence, now_ms=at_ms))
    found = tx.one("SELECT error_id FROM error WHERE task_id = ?", (task_id,))
    assert found is not None
    return str(found[0])


def correct(tx: Transaction, error_id: str, category: Category, *, at_ms: int = NOW_MS) -> None:
    """A person says what it is."""
    _, why_not = corrections.reclassify(tx, error_id, category, why="", by="ann", now_ms=at_ms)
    assert why_not is None


def counts(tx: Transaction) -> dict[str, tuple[int, int]]:
    """Rule → hits, corrected."""
    return {one.rule: (one.hits, one.corrected) for one in READS["ListRuleCounts"](tx)}


def test_every_error_counts_for_its_rule(book: Book) -> None:
    tx = book.tx
    fail(tx, at_ms=NOW_MS + 50)
    fail(tx, at_ms=NOW_MS + 20)
    fail(tx, PERMANENT)
    assert counts(tx) == {"unmatched": (2, 0), "of-the-test": (1, 0)}
    [_, unmatched] = READS["ListRuleCounts"](tx)
    assert (unmatched.first_at_ms, unmatched.last_at_ms) == (NOW_MS + 20, NOW_MS + 50)
    book.commit()
    assert is_whole(tx)


def test_a_correction_counts_once_and_can_be_taken_back(tx: Transaction) -> None:
    error_id = fail(tx)
    correct(tx, error_id, Category.TRANSIENT)
    correct(tx, error_id, Category.RESOURCE)
    assert counts(tx) == {"unmatched": (1, 1)}
    correct(tx, error_id, Category.UNKNOWN)
    assert counts(tx) == {"unmatched": (1, 0)}


def test_only_what_no_rule_named_is_read(tx: Transaction) -> None:
    named = [fail(tx, PERMANENT) for _ in range(3)]
    guessed = fail(tx, replace(PERMANENT, rule="text-model"))
    nameless = fail(tx)
    read = READS["ListErrorRecords"]
    found = read(tx, since_ms=0, nameless=True, after=None, limit=10)
    assert [error.error_id for error in found.items] == [nameless, guessed]
    every = read(tx, since_ms=0, nameless=False, after=None, limit=10)
    assert [error.error_id for error in every.items] == [nameless, guessed, *reversed(named)]


def test_nameless_errors_are_found_by_their_own_index(tx: Transaction) -> None:
    plan = tx._connection.execute(
        "EXPLAIN QUERY PLAN SELECT e.error_id FROM error e"
        f" WHERE e.error_id < 'x' {error_pages._NAMELESS} ORDER BY e.error_id DESC LIMIT 1"
    ).fetchall()
    assert "error_nameless" in plan[0][3]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_hold_every_error_once(tx: Transaction, limit: int) -> None:
    ids = [fail(tx) for _ in range(7)]
    found: list[str] = []
    after = None
    while True:
        page = READS["ListErrorRecords"](tx, since_ms=0, nameless=True, after=after, limit=limit)
        assert len(page.items) <= limit
        found += [error.error_id for error in page.items]
        after = page.next
        if after is None:
            break
    assert found == ids[::-1]


def test_a_page_ends_early_when_its_errors_are_large(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_pages, "PAGE_BYTES_MAX", 10_000)
    large = replace(BOOM, stderr_tail="x" * 6_000)
    ids = [fail(tx, evidence=large) for _ in range(5)]
    read = READS["ListErrorRecords"]
    first = read(tx, since_ms=0, nameless=False, after=None, limit=100)
    assert [error.error_id for error in first.items] == [ids[4], ids[3]]
    rest = read(tx, since_ms=0, nameless=False, after=first.next, limit=100)
    assert [error.error_id for error in rest.items] == [ids[2], ids[1]]


def test_older_errors_are_left_out(tx: Transaction) -> None:
    fail(tx, at_ms=NOW_MS)
    late = fail(tx, at_ms=NOW_MS + 10_000)
    page = READS["ListErrorRecords"](
        tx, since_ms=NOW_MS + 5_000, nameless=False, after=None, limit=10
    )
    assert [error.error_id for error in page.items] == [late]


def test_corrections_come_latest_first_with_their_evidence(tx: Transaction) -> None:
    ids = [fail(tx) for _ in range(3)]
    for number, error_id in enumerate(ids):
        correct(tx, error_id, Category.PERMANENT, at_ms=NOW_MS + number)
    read = READS["ListCorrections"]
    first = read(tx, since_ms=NOW_MS + 1, after=None, limit=1)
    [newest] = first.items
    assert (newest.error_id, newest.evidence, newest.correction.author) == (ids[2], BOOM, "ann")
    rest = read(tx, since_ms=NOW_MS + 1, after=first.next, limit=10)
    assert [one.error_id for one in rest.items] == [ids[1]]
    assert rest.next is None
    with pytest.raises(FilterError, match="does not continue"):
        read(tx, since_ms=0, after="yesterday", limit=1)
