"""Breakers in the store: their rows come back as they were, their moves are a bounded history."""

from __future__ import annotations

import re

import pytest
from store_values import NOW_MS, Book, accept, claim, new_task, open_and_test, saved_at

from fnr.policy.breaker import (
    Breaker,
    BreakerMove,
    BreakerSettings,
    BreakerState,
    Forced,
    failed,
    force,
)
from fnr.policy.breaker_counts import Counts
from fnr.store import breakers, check, migrate
from fnr.store.ids import NoSuchId
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

BREAKERS = [
    Breaker(name="closed"),
    Breaker(
        name="open",
        own=BreakerState.OPEN,
        generation=7,
        counts=Counts(streak=2, total=4.6, recent=(False, True, True), failed_at_ms=-5),
        reopen_ms=99,
        openings=3,
        closed_ms=-4,
        probe_fails=True,
        samples=("render: no", "copy: \x1b[31mno\n"),
    ),
    Breaker(
        name="forced",
        own=BreakerState.HALF_OPEN,
        forced=Forced(state=BreakerState.SHADOW, until_ms=5, by="ann", reason="looks"),
        good_trials=1,
    ),
]


@pytest.mark.parametrize("breaker", BREAKERS, ids=lambda breaker: breaker.name)
def test_a_breaker_comes_back_as_it_was(tx: Transaction, breaker: Breaker) -> None:
    breakers.keep(tx, Breaker(name=breaker.name), now=saved_at())
    breakers.keep(tx, breaker, now=saved_at(boot_ms=5))
    assert breakers.stored(tx) == [(breaker, saved_at(boot_ms=5))]


def test_only_breakers_without_a_row_get_one(tx: Transaction) -> None:
    kept = open_and_test(tx, "storage")
    assert breakers.add_missing(tx, ["comfyui", "storage"], now=saved_at()) == ["comfyui"]
    stored = {breaker.name: breaker for breaker, _ in breakers.stored(tx)}
    assert stored["storage"] == kept
    assert stored["comfyui"].state == "closed"


def test_what_people_read_is_on_the_wall_clock(tx: Transaction) -> None:
    now = saved_at(boot_ms=70_000, at_ms=NOW_MS)
    opened = Breaker(name="storage", own=BreakerState.OPEN, reopen_ms=91_000)
    breakers.keep(tx, opened, now=now)
    [status] = READS["ListBreakers"](tx)
    assert status.until_at_ms == NOW_MS + 21_000


def test_a_breaker_and_its_moves_are_one_answer(tx: Transaction) -> None:
    open_and_test(tx, "storage")
    detail = READS["GetBreaker"](tx, name="storage")
    assert detail.breaker.state == "half_open"
    assert [(move.before, move.after) for move in detail.moves] == [
        ("open", "half_open"),
        ("closed", "open"),
    ]
    assert detail.breaker.why == detail.moves[0].why
    assert READS["ListBreakerMoves"](tx, name=None, limit=10) == detail.moves
    assert READS["ListBreakerMoves"](tx, name="storage", limit=1) == detail.moves[:1]
    for read in ("GetBreaker", "ListBreakerMoves"):
        with pytest.raises(NoSuchId, match="no breaker 'sorage'"):
            READS[read](tx, name="sorage", **({"limit": 1} if read != "GetBreaker" else {}))


def test_a_service_that_flaps_does_not_fill_the_disk(tx: Transaction) -> None:
    breaker = Breaker(name="storage")
    breakers.keep(tx, breaker, now=saved_at())
    for second in range(breakers.MOVES_KEPT + 50):
        forced = Forced(state=BreakerState.FORCED_OPEN, until_ms=second, by="ann", reason="x")
        step = force(breaker, forced)
        breaker = step.breaker
        breakers.keep(tx, breaker, now=saved_at())
        assert isinstance(step.move, BreakerMove)
        breakers.record(tx, step.move, now_ms=NOW_MS + second)
    kept = breakers.moves(tx, name="storage", limit=10_000)
    assert len(kept) == breakers.MOVES_KEPT
    assert kept[0].generation == breaker.generation


def test_in_which_generation_an_attempt_of_an_earlier_daemon_began(book: Book) -> None:
    tx = book.tx
    accept(tx, new_task())
    token = claim(tx).token
    assert breakers.attempt_begun_in(tx, "storage", token) == 0
    open_and_test(tx, "storage")
    started = tx.one("SELECT started_at_ms FROM attempt WHERE token = ?", (token,))
    assert started is not None
    tx.run(
        "UPDATE breaker_move SET at_ms = ? WHERE name = 'storage' AND generation = 1",
        (started[0] - 1,),
    )
    tx.run(
        "UPDATE breaker_move SET at_ms = ? WHERE name = 'storage' AND generation = 2",
        (started[0] + 1,),
    )
    assert breakers.attempt_begun_in(tx, "storage", token) == 1


def test_a_rolled_back_move_is_told_to_whoever_keeps_a_copy(book: Book) -> None:
    heard: list[str] = []
    tx = Transaction(book.connection, [lambda: heard.append("undone")])
    tx.forget_counts()
    tx.forget_all_counts()
    assert heard == ["undone", "undone"]


def test_the_schema_knows_every_state() -> None:
    schema = "\n".join(sql for _, sql in migrate.schema_steps())
    checks = re.findall(r"CHECK \(state IN \(([^)]*)\)\)", schema.partition("breaker (")[2])
    assert set(re.findall(r"'(\w+)'", checks[0])) == {str(state) for state in BreakerState}


def test_a_store_with_breakers_is_whole(book: Book) -> None:
    breaker = open_and_test(book.tx, "storage")
    breakers.add_missing(book.tx, ["comfyui"], now=saved_at())
    late = failed(breaker, BreakerSettings(name="storage"), generation=0, now_ms=1)
    assert late.move is None
    book.commit()
    assert check.check(book.tx) == []
