"""`db check` finds each broken invariant and names the rows; it finds nothing when all is well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from replay_values import held_replay
from store_values import (
    ENDS,
    NOW_MS,
    Book,
    accept,
    bury,
    claim,
    end,
    is_whole,
    new_task,
    open_and_test,
    replay,
    undone,
)

from fnr.policy.admission import Share
from fnr.store.allocations import grant
from fnr.store.check import IDS_SHOWN_MAX, INVARIANTS, check
from fnr.store.connection import read_only
from fnr.store.transaction import Transaction


def busy_store(tx: Transaction) -> None:
    """One task of every kind."""
    accept(tx, new_task(function="idle"))
    for name in ENDS:
        accept(tx, new_task(function=name, expires_at_ms=NOW_MS + 60_000))
        end(tx, ENDS[name](tx, claim(tx, function=name)))
    accept(tx, new_task(function="busy"))
    token = claim(tx, function="busy").token
    give(tx, token, "w", kind="cpus", device="", amount=2, capacity=4)
    give(tx, token, "w", kind="vram", device="GPU-1", amount=2, capacity=8)
    tx.run(
        "INSERT INTO worker (worker_id, function, boot_id, pid, pid_start, started_at_ms, secret)"
        " VALUES ('seated', 'busy', 'b', 1, 1, 1, 's')"
    )
    give(tx, "seated", "seated", kind="vram", device="GPU-1", amount=3, capacity=8)
    replay(tx, bury(tx, function="again"))
    open_and_test(tx, "storage")
    held_replay(tx)
    undone(tx, bury(tx, function="undone"))


def give(tx: Transaction, owner: str, worker_id: str, **share: Any) -> None:
    """One share."""
    shares = [Share(**share)]
    grant(tx, shares, owner=owner, worker_id=worker_id, function="busy", now_ms=NOW_MS)


def one(tx: Transaction, sql: str) -> str:
    """The first value a query finds."""
    found = tx._connection.execute(sql).fetchone()
    return str(found[0])


Break = Callable[[Transaction], str | None]


def _run(sql: str, finds: str = "") -> Break:
    def breaks(tx: Transaction) -> str | None:
        found = one(tx, finds) if finds else None
        tx._connection.execute(sql.replace(":id", f"'{found}'"))
        return found

    return breaks


DONE = "SELECT task_id FROM task WHERE state = 'done'"
DEAD = "SELECT task_id FROM task WHERE state = 'dead'"
RUNNING = "SELECT task_id FROM task WHERE state = 'running'"
SEATED = "SELECT worker_id FROM worker"
ERROR = "SELECT error_id FROM error"
PLAN = "SELECT plan_id FROM replay_plan"
STEP = "SELECT undo_id FROM undo_step"
SEEN = "SELECT incident_id FROM error"
BREAKER = "SELECT name FROM breaker"
CHAIN = "SELECT name || ' 2' FROM breaker"
ENDED = "SELECT token FROM attempt WHERE outcome = 'failed'"

# Invariant → ways to break it; each answers with the id that must be named.
BREAKS: dict[str, list[Break]] = {
    "task-state": [
        _run("UPDATE task SET state = 'lost' WHERE task_id = :id", DONE),
        _run("UPDATE task SET owner = 'x' WHERE task_id = :id", DEAD),
        _run("UPDATE task SET owner = NULL WHERE task_id = :id", RUNNING),
        _run("UPDATE task SET waiting_for = 'x' WHERE task_id = :id", DONE),
        _run("UPDATE task SET cancel_asked = 1 WHERE task_id = :id", DONE),
    ],
    "running-task-has-attempt": [
        _run("UPDATE task SET owner = 'another' WHERE task_id = :id", RUNNING),
    ],
    "running-attempt-owns-task": [
        _run("UPDATE attempt SET outcome = 'running', ended_at_ms = NULL WHERE token = :id", ENDED),
    ],
    "attempts-counted": [_run("UPDATE task SET attempts = 9 WHERE task_id = :id", DONE)],
    "ended-attempt-has-decision": [
        _run("DELETE FROM ledger WHERE token = :id", ENDED),
        _run(
            "INSERT INTO ledger (at_ms, task_id, token, action, why)"
            " SELECT 1, task_id, token, 'retry', 'x' FROM attempt WHERE token = :id",
            "SELECT token FROM attempt WHERE outcome = 'running'",
        ),
    ],
    "decision-has-attempt": [
        _run(
            "INSERT INTO ledger (at_ms, task_id, token, action, why)"
            " SELECT 1, task_id, 'nobody', 'retry', 'x' FROM task LIMIT 1"
        ),
    ],
    "failed-attempt-has-error": [
        _run("DELETE FROM error WHERE token = :id", ENDED),
        _run(
            "UPDATE attempt SET outcome = 'failed' WHERE token = :id",
            "SELECT token FROM attempt WHERE outcome = 'done'",
        ),
    ],
    "error-has-incident": [
        _run("UPDATE error SET incident_id = '1:x' WHERE error_id = :id", ERROR),
        _run("UPDATE error SET at_ms = 1 WHERE error_id = :id", ERROR),
    ],
    "incident-counts-errors": [
        _run("UPDATE incident SET count = 0 WHERE incident_id = :id", SEEN),
    ],
    "rule-counts-errors": [
        _run("DELETE FROM rule_count WHERE rule = :id", "SELECT rule FROM error"),
    ],
    "incident-state": [
        _run("UPDATE incident SET state = 'resolved' WHERE incident_id = :id", SEEN),
    ],
    "dead-task-has-letter": [_run("DELETE FROM dead_letter WHERE task_id = :id", DEAD)],
    "letter-fits-task": [
        _run(
            "UPDATE task SET state = 'queued' WHERE task_id = :id",
            DEAD,
        ),
        _run(
            "UPDATE dead_letter SET state = 'open' WHERE task_id = :id",
            "SELECT task_id FROM dead_letter WHERE state = 'replaying'",
        ),
        _run("UPDATE dead_letter SET function = 'x' WHERE task_id = :id", DEAD),
    ],
    "task-has-input": [
        _run("DELETE FROM task_input WHERE task_id = :id", DEAD),
        _run("UPDATE task SET input_revision = 2 WHERE task_id = :id", DONE),
        _run("UPDATE task_input SET revision = 2 WHERE task_id = :id", DONE),
    ],
    "input-is-an-object": [
        _run("UPDATE task_input SET body = '{\"a\":' WHERE task_id = :id", DEAD),
        _run("UPDATE task_input SET body = '[1]' WHERE task_id = :id", DEAD),
    ],
    "done-task-has-result": [_run("DELETE FROM task_result WHERE task_id = :id", DONE)],
    "result-is-of-a-done-task": [
        _run("UPDATE task_result SET body = 'nonsense' WHERE task_id = :id", DONE),
        _run("INSERT INTO task_result (task_id, token, body) VALUES (:id, 'x', '1')", DEAD),
    ],
    "tally-is-true": [
        _run("UPDATE tally SET count = count + 1 WHERE state = 'done'"),
        _run("DELETE FROM tally WHERE state LIKE 'open/%'"),
        _run("INSERT INTO tally VALUES ('ghost', 'queued', 3)"),
    ],
    "breaker-is-its-last-move": [
        _run("UPDATE breaker SET generation = 3 WHERE name = :id", BREAKER),
        _run(
            "UPDATE breaker_move SET after = 'closed' WHERE generation = 2 AND name = :id", BREAKER
        ),
        _run("DELETE FROM breaker_move WHERE name = :id", BREAKER),
    ],
    "breaker-moves-are-a-chain": [
        _run("UPDATE breaker_move SET after = 'shadow' WHERE generation = 1", CHAIN),
    ],
    "allocation-has-owner": [
        _run("UPDATE allocation SET owner = 'nobody' WHERE kind = 'cpus'"),
        _run("UPDATE worker SET ended_at_ms = 1 WHERE worker_id = :id", SEATED),
    ],
    "allocations-fit": [
        _run("UPDATE allocation SET amount = 9 WHERE kind = 'cpus'"),
        _run("UPDATE allocation SET kind = 'gpu' WHERE device = 'GPU-1' AND owner <> worker_id"),
    ],
    "undo-is-under-way": [
        _run("UPDATE undo_step SET state = 'recorded' WHERE undo_id = :id", STEP),
        _run("UPDATE undo_step SET state = 'undoing' WHERE undo_id = :id", STEP),
    ],
    "undo-of-done-task": [
        _run(
            "UPDATE undo_step SET state = 'needs_operator', task_id ="
            " (SELECT task_id FROM task WHERE state = 'done') WHERE undo_id = :id",
            STEP,
        )
    ],
    "undo-before-retry": [
        _run("UPDATE task SET state = 'waiting', waiting_for = 'undo' WHERE task_id = :id", DEAD),
        _run("INSERT INTO undo_run VALUES (:id, 'retry', NULL, 1, 1)", DEAD),
        _run("INSERT INTO undo_run VALUES (:id, 'end', NULL, 1, 1)", RUNNING),
    ],
    "outbox-keys-are-unique": [],
    "replay-counts-entries": [
        _run("UPDATE replay_plan SET live = 0 WHERE plan_id = :id", PLAN),
        _run("UPDATE replay_plan SET total = total + 1 WHERE plan_id = :id", PLAN),
        _run("DELETE FROM replay_entry WHERE state = 'live'"),
    ],
    "replay-moves-lead-to-its-state": [
        _run("UPDATE replay_plan SET why = 'another' WHERE plan_id = :id", PLAN),
        _run(
            "DELETE FROM replay_move WHERE plan ="
            " (SELECT seq FROM replay_plan WHERE plan_id = :id)",
            PLAN,
        ),
    ],
    "pending-entry-lies-ahead": [
        _run(
            "UPDATE replay_pending SET rank = rank - 1000 WHERE plan ="
            " (SELECT seq FROM replay_plan WHERE plan_id = :id)",
            PLAN,
        ),
    ],
    "live-entry-is-replaying": [
        _run(
            "UPDATE dead_letter SET state = 'open' WHERE task_id = :id",
            "SELECT task_id FROM replay_entry WHERE state = 'live'",
        ),
    ],
    "held-entry-waits-for-another": [
        _run(
            "UPDATE replay_entry SET key = 'another' WHERE task_id = :id",
            "SELECT task_id FROM replay_entry WHERE state = 'held'",
        ),
    ],
    "done-replay-has-nothing-left": [
        _run("UPDATE replay_plan SET state = 'done' WHERE plan_id = :id", PLAN),
    ],
    "decision-fits-outcome": [
        _run("UPDATE ledger SET action = 'complete' WHERE token = :id", ENDED),
        _run(
            "UPDATE ledger SET action = 'retry' WHERE token = :id",
            "SELECT token FROM attempt WHERE outcome = 'done'",
        ),
    ],
    "decision-names-its-failure": [
        _run("UPDATE ledger SET error_id = NULL WHERE error_id = :id", ERROR),
        _run("UPDATE ledger SET rule = 'another' WHERE error_id = :id", ERROR),
        _run("UPDATE error SET category = 'unknown' WHERE error_id = :id", ERROR),
    ],
    "death-was-decided": [
        _run("UPDATE ledger SET action = 'edit' WHERE task_id = :id", DEAD),
        _run("UPDATE ledger SET why = '' WHERE task_id = :id", DEAD),
    ],
    "json-can-be-read": [
        _run("UPDATE task SET tags = 'x' WHERE task_id = :id", DONE),
        _run("UPDATE task SET tags = '[]' WHERE task_id = :id", DEAD),
        _run("UPDATE task SET degraded = '[' WHERE task_id = :id", DONE),
        _run("UPDATE error SET evidence = '{\"phase\":' WHERE error_id = :id", ERROR),
        _run("UPDATE error SET classification = '' WHERE error_id = :id", ERROR),
        _run("UPDATE incident SET functions = '[]' WHERE incident_id = :id", SEEN),
        _run("UPDATE ledger SET numbers = 'x' WHERE error_id = (SELECT error_id FROM error)"),
        _run("UPDATE breaker SET samples = '{}' WHERE name = :id", BREAKER),
        _run("UPDATE undo_step SET data = '' WHERE undo_id = :id", STEP),
        _run("UPDATE replay_plan SET options = '1' WHERE plan_id = :id", PLAN),
    ],
    "foreign-key": [_run("DELETE FROM task WHERE task_id = :id", DEAD)],
}
CASES = [(name, number) for name, breaks in BREAKS.items() for number in range(len(breaks))]


def test_every_invariant_has_a_way_to_break_it() -> None:
    assert set(BREAKS) == {invariant.name for invariant in INVARIANTS} | {"foreign-key"}


def test_a_whole_store_has_no_findings(book: Book) -> None:
    busy_store(book.tx)
    book.commit()
    assert is_whole(book.tx)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_broken_invariant_is_found_and_its_row_named(book: Book, name: str, number: int) -> None:
    """Method: break it behind the back of every constraint."""
    busy_store(book.tx)
    book.commit()
    book.connection.execute("COMMIT")
    book.connection.execute("PRAGMA foreign_keys = OFF")
    book.connection.execute("PRAGMA ignore_check_constraints = ON")
    book.connection.execute("BEGIN IMMEDIATE")
    named = BREAKS[name][number](book.tx)
    found = {finding.invariant: finding for finding in check(book.tx)}
    assert name in found
    assert found[name].count >= 1
    assert named is None or name == "foreign-key" or named in found[name].ids


def test_two_effects_under_one_key_are_found(store_file: Path) -> None:
    """Method: a table that has lost its UNIQUE, as a damaged index would leave it."""
    book = Book(store_file)
    book.tx.run("DROP TABLE outbox")
    book.tx.run("CREATE TABLE outbox (seq INTEGER PRIMARY KEY, key TEXT, kind TEXT, data TEXT)")
    book.tx.many("INSERT INTO outbox (key) VALUES (?)", [("a",), ("a",), ("b",)])
    [finding] = check(book.tx)
    assert (finding.invariant, finding.ids) == ("outbox-keys-are-unique", ["a"])
    book.close()


def test_many_broken_rows_are_counted_and_the_first_named(book: Book) -> None:
    accept(book.tx, *(new_task() for _ in range(30)))
    book.commit()
    book.connection.execute("DELETE FROM task_input")
    [finding] = [one for one in check(book.tx) if one.invariant == "task-has-input"]
    assert finding.count == 30
    assert len(finding.ids) == IDS_SHOWN_MAX


def test_damaged_pages_are_found(store_file: Path) -> None:
    book = Book(store_file)
    accept(book.tx, *(new_task() for _ in range(500)))
    book.commit()
    book.close()
    data = bytearray(store_file.read_bytes())
    # Behind the pages of the schema itself, without which no file opens at all.
    middle = len(data) * 3 // 4 // 4096 * 4096
    data[middle : middle + 4096] = b"\x55" * 4096
    store_file.write_bytes(data)
    reader = read_only(store_file)
    assert "sqlite-integrity" in {finding.invariant for finding in check(reader)}
    reader.close()


def test_a_check_does_not_disturb_a_writer(book: Book) -> None:
    """On a read-only connection, in one snapshot, while the writer goes on."""
    busy_store(book.tx)
    book.commit()
    reader = read_only(book.path)
    with reader.snapshot():
        reader.all("SELECT * FROM meta ORDER BY 1, 2")
        accept(book.tx, new_task())
        book.commit()
        assert check(reader) == []
    assert check(reader) == []
    reader.close()
