"""The schema: applied whole or not, refusing what no row may be, and in step with the policy."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import statement_plans
from store_values import Book, accept, new_task

from fnr.policy.dead_letter import DeathCause, LetterState
from fnr.policy.replay import EntryState
from fnr.policy.rules import Category, Strategy
from fnr.policy.task import PRIORITY_MAX, PRIORITY_MIN, AttemptOutcome, TaskState
from fnr.store import migrate, replay_entries
from fnr.store.transaction import StoreNewer, Transaction, connect_writer

ID = "0" * 26
TASK = {
    "task_id": ID, "function": "render", "state": "queued", "priority": 5, "due_at_ms": 0,
    "created_at_ms": 0, "state_at_ms": 0,
}  # fmt: skip
ATTEMPT = {
    "token": ID, "task_id": ID, "number": 1, "worker_id": "w", "boot_id": "b", "pid": 1,
    "pid_start": 1, "started_at_ms": 1,
}  # fmt: skip
ERROR = {
    "error_id": ID, "task_id": ID, "token": ID, "incident_id": "1:a", "function": "render",
    "at_ms": 1, "category": "unknown", "strategy": "retry_once", "rule": "r", "message": "m",
    "evidence": "{}", "classification": "{}",
}  # fmt: skip
LETTER = {
    "task_id": ID, "function": "render", "cause": "poison", "category": "unknown", "reason": "r",
    "died_at_ms": 1,
}  # fmt: skip
INCIDENT = {
    "incident_id": "1:a", "state": "new", "state_at_ms": 1, "state_by": "fnr", "title": "t",
    "parts": "[]", "category": "unknown", "rule": "r", "function": "render", "functions": "{}",
    "count": 1, "first_at_ms": 1, "last_at_ms": 1, "last_error_id": ID,
}  # fmt: skip
CORRECTION = {
    "error_id": ID, "task_id": ID, "function": "render", "category": "unknown", "at_ms": 1,
    "author": "ann", "evidence": "{}", "classification": "{}",
}  # fmt: skip
BREAKER = {
    "name": "storage", "state": "closed", "own": "closed", "generation": 0, "counts": "{}",
    "openings": 0, "closed_ms": 1, "good_trials": 0, "samples": "[]", "boot_id": "b", "boot_ms": 1,
    "at_ms": 1,
}  # fmt: skip
BREAKER_MOVE = {
    "name": "storage", "generation": 1, "at_ms": 1, "before": "closed", "after": "open",
    "why": "w", "by": "fnr", "facts": "{}",
}  # fmt: skip
UNDO_STEP = {
    "undo_id": "a.001", "task_id": ID, "token": ID, "number": 1, "function": "render",
    "kind": "call", "data": "{}", "recorded_at_ms": 1, "state": "recorded", "state_at_ms": 1,
}  # fmt: skip
UNDO_RUN = {"task_id": ID, "purpose": "end", "at_ms": 1, "due_at_ms": 1}
REPLAY_PLAN = {
    "plan_id": ID, "state": "planning", "state_at_ms": 1, "created_at_ms": 1, "created_by": "ann",
    "state_by": "ann", "options": "{}",
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "breaker": BREAKER,
    "breaker_move": BREAKER_MOVE,
    "task": TASK,
    "attempt": ATTEMPT,
    "error": ERROR,
    "dead_letter": LETTER,
    "incident": INCIDENT,
    "correction": CORRECTION,
    "undo_step": UNDO_STEP,
    "undo_run": UNDO_RUN,
    "rule_count": {"rule": "r", "hits": 1, "first_at_ms": 1, "last_at_ms": 1},
    "task_input": {"task_id": ID, "revision": 1, "at_ms": 1, "body": "{}"},
    "function": {"function": "render"},
    "allocation": {
        "owner": ID, "kind": "memory", "device": "", "amount": 4, "capacity": 8, "worker_id": "w",
        "function": "render", "since_at_ms": 1,
    },
    "tally": {"function": "render", "state": "queued", "count": 1},
    "retry_budget": {"function": "render", "balance_ms": 1, "at_ms": 1},
    "replay_plan": REPLAY_PLAN,
    "replay_entry": {"plan": 1, "rank": 1, "task_id": ID, "state": "live", "at_ms": 1},
    "alert": {
        "channel": "ops", "about": "a", "state": "due", "body": "{}", "count": 1, "fresh": 1,
        "first_at_ms": 1, "last_at_ms": 1, "due_at_ms": 2,
    },
    "replay_move": {"plan": 1, "number": 1, "at_ms": 1, "state": "paused", "author": "ann"},
    "gpu_trust": {"place": "p", "boot_id": "b", "until_us": 1, "at_ms": 1, "author": "ann"},
    "replay_pending": {"plan": 1, "rank": 1, "task_id": ID},
}  # fmt: skip

# One row per CHECK: table, and what makes the good row bad.
VIOLATIONS: list[tuple[str, dict[str, Any]]] = [
    ("undo_step", {"number": 0}),
    ("undo_step", {"kind": ""}),
    ("undo_step", {"state": "lost"}),
    ("undo_step", {"tries": -1}),
    ("undo_step", {"state": "undone"}),
    ("undo_step", {"state": "needs_operator"}),
    ("alert", {"channel": ""}),
    ("alert", {"about": ""}),
    ("alert", {"state": "lost"}),
    ("alert", {"count": 0}),
    ("alert", {"fresh": -1}),
    ("alert", {"told_over": 2}),
    ("alert", {"tries": -1}),
    ("alert", {"due_at_ms": None}),
    ("replay_move", {"number": 0}),
    ("replay_move", {"state": "lost"}),
    ("undo_run", {"purpose": "fun"}),
    ("undo_run", {"due_at_ms": -1}),
    ("undo_run", {"then_wait": "vram"}),
    ("undo_run", {"due_at_ms": None}),
    ("task", {"task_id": "short"}),
    ("task", {"function": ""}),
    ("task", {"state": "lost"}),
    ("task", {"priority": 0}),
    ("task", {"due_at_ms": -1}),
    ("task", {"attempts": -1}),
    ("task", {"retries": -1}),
    ("task", {"unknowns": -1}),
    ("task", {"waits": -1}),
    ("task", {"deaths": -1}),
    ("task", {"interruptions": -1}),
    ("task", {"replays": -1}),
    ("task", {"retries_max": -1}),
    ("task", {"timeout_ms": 0}),
    ("task", {"cancel_asked": 2}),
    ("task", {"input_revision": 0}),
    ("task", {"state": "running"}),
    ("task", {"state": "waiting"}),
    ("task", {"cancel_asked": 1}),
    ("task_input", {"revision": 0}),
    ("attempt", {"token": "short"}),
    ("attempt", {"number": 0}),
    ("attempt", {"outcome": "vanished", "ended_at_ms": 1}),
    ("attempt", {"outcome": "done"}),
    ("error", {"category": "bad"}),
    ("error", {"strategy": "hope"}),
    ("dead_letter", {"cause": "old age"}),
    ("dead_letter", {"category": "bad"}),
    ("dead_letter", {"reason": ""}),
    ("dead_letter", {"state": "lost"}),
    ("dead_letter", {"state": "resolved"}),
    ("incident", {"incident_id": "ab"}),
    ("incident", {"state": "odd"}),
    ("incident", {"category": "bad"}),
    ("incident", {"count": 0}),
    ("incident", {"regressions": -1}),
    ("incident", {"first_at_ms": 2}),
    ("incident", {"state": "snoozed"}),
    ("correction", {"category": "bad"}),
    ("correction", {"author": ""}),
    ("rule_count", {"hits": 0}),
    ("rule_count", {"corrected": 2}),
    ("rule_count", {"last_at_ms": 0}),
    ("breaker", {"name": ""}),
    ("breaker", {"state": "ajar"}),
    ("breaker", {"own": "forced_open"}),
    ("breaker", {"generation": -1}),
    ("breaker", {"openings": -1}),
    ("breaker", {"good_trials": -1}),
    ("breaker", {"probe_fails": 2}),
    ("breaker", {"boot_id": ""}),
    ("breaker", {"own": "open", "state": "open"}),
    ("breaker", {"state": "shadow"}),
    ("breaker", {"state": "half_open"}),
    ("breaker_move", {"generation": 0}),
    ("breaker_move", {"why": ""}),
    ("breaker_move", {"by": ""}),
    ("allocation", {"owner": ""}),
    ("allocation", {"kind": "luck"}),
    ("allocation", {"amount": 0}),
    ("allocation", {"amount": 9}),
    ("function", {"paused": 2}),
    ("tally", {"count": -1}),
    ("retry_budget", {"balance_ms": -1}),
    ("replay_plan", {"plan_id": "short"}),
    ("replay_plan", {"state": "lost"}),
    ("replay_plan", {"by_ids": 2}),
    ("replay_plan", {"total": -1}),
    ("replay_plan", {"held": -1}),
    ("replay_plan", {"live": -1}),
    ("replay_plan", {"done": -1}),
    ("replay_plan", {"dead": -1}),
    ("replay_plan", {"cancelled": -1}),
    ("replay_plan", {"skipped": -1}),
    ("replay_plan", {"total": 1, "live": 1, "done": 1}),
    ("replay_plan", {"state": "running"}),
    ("gpu_trust", {"place": ""}),
    ("replay_entry", {"state": "lost"}),
    ("replay_entry", {"state": "skipped"}),
]


def schema_text() -> str:
    """The statements that make the tables of today, whatever steps led to them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate.migrate(connection)
        rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return "\n".join(sql for (sql,) in rows)


def insert(tx: Transaction, table: str, **fields: Any) -> None:
    """Store a good row, or one with some values different."""
    row = ROWS[table] | fields
    marks = ", ".join("?" * len(row))
    tx.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


@pytest.fixture
def loose(book: Book) -> Iterator[Transaction]:
    """References are not looked at, so that one row of a table can stand alone."""
    book.connection.execute("COMMIT")
    book.connection.execute("PRAGMA foreign_keys = OFF")
    book.connection.execute("BEGIN")
    yield book.tx


def test_every_check_has_its_violation() -> None:
    assert len(VIOLATIONS) == len(re.findall(r"\bCHECK \(", schema_text()))


@pytest.mark.parametrize("table", ROWS)
def test_a_good_row_is_taken(loose: Transaction, table: str) -> None:
    insert(loose, table)
    assert len(loose.all(f"SELECT * FROM {table} ORDER BY 1, 2")) == 1


@pytest.mark.parametrize(("table", "fields"), VIOLATIONS)
def test_a_bad_row_is_refused(loose: Transaction, table: str, fields: dict[str, Any]) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        insert(loose, table, **fields)


@pytest.mark.parametrize(("table", "fields"), [
    ("task", {"priority": "high"}),
    ("task", {"created_at_ms": 1.5}),
    ("tally", {"count": "many"}),
])  # fmt: skip
def test_a_value_of_another_type_is_refused(
    loose: Transaction, table: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
        insert(loose, table, **fields)


UNIQUE: list[tuple[str, dict[str, Any]]] = [
    ("task", {}),
    ("task", {"task_id": "1" * 26, "unique_key": "k"}),
    ("task", {"task_id": "1" * 26, "idempotency_key": "k"}),
    ("attempt", {}),
    ("error", {"error_id": "1" * 26}),
    ("dead_letter", {}),
]


@pytest.mark.parametrize(("table", "fields"), UNIQUE)
def test_what_is_unique_stays_so(loose: Transaction, table: str, fields: dict[str, Any]) -> None:
    insert(loose, table, **{name: value for name, value in fields.items() if name != "task_id"})
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(loose, table, **fields)


@pytest.mark.parametrize("state", ["done", "dead", "cancelled"])
def test_a_task_that_has_ended_gives_its_unique_key_back(loose: Transaction, state: str) -> None:
    insert(loose, "task", state=state, unique_key="k")
    insert(loose, "task", task_id="1" * 26, unique_key="k")
    assert len(loose.all("SELECT * FROM task ORDER BY 1, 2")) == 2


CHOICES = {
    ("task", "state"): TaskState,
    ("attempt", "outcome"): AttemptOutcome,
    ("error", "category"): Category,
    ("error", "strategy"): Strategy,
    ("dead_letter", "category"): Category,
    ("dead_letter", "cause"): DeathCause,
    ("dead_letter", "state"): LetterState,
}
# What a value needs beside it in order to be a good row.
WITH: dict[str, dict[str, Any]] = {
    "running": {"owner": "x"},
    "waiting": {"waiting_for": "x"},
    "resolved": {"resolved_at_ms": 1},
}


@pytest.mark.parametrize(("table", "column"), CHOICES)
def test_the_schema_knows_every_word_of_the_policy(
    book: Book, loose: Transaction, table: str, column: str
) -> None:
    for word in CHOICES[table, column]:
        fields = {column: word.value} | (WITH.get(word.value, {}) if column == "state" else {})
        if column == "outcome" and word is not AttemptOutcome.RUNNING:
            fields["ended_at_ms"] = 1
        insert(loose, table, **fields)
        book.connection.execute(f"DELETE FROM {table}")
    listed = re.search(rf"CHECK \({column} IN \(([^)]*)\)", _table_text(table))
    assert listed is not None
    assert set(re.findall(r"'(\w+)'", listed[1])) == {str(word) for word in CHOICES[table, column]}


def _table_text(table: str) -> str:
    found = re.search(rf"CREATE TABLE {table} \(.*?\n\)", schema_text(), re.DOTALL)
    assert found is not None
    return found[0]


def test_the_schema_knows_the_bounds_of_priority() -> None:
    assert f"priority BETWEEN {PRIORITY_MIN} AND {PRIORITY_MAX}" in schema_text()


# ── migration ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("telemetry", [False, True])
def test_a_new_file_gets_the_whole_schema_once(store_file: Path, telemetry: bool) -> None:
    connection = connect_writer(store_file)
    newest = migrate.schema_steps(telemetry=telemetry)[-1][0]
    assert migrate.migrate(connection, telemetry=telemetry) == newest
    assert migrate.migrate(connection, telemetry=telemetry) == newest
    assert migrate.schema_version(connection) == newest
    connection.close()


def test_a_migration_that_fails_leaves_the_old_schema(
    store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: a second step whose last statement is wrong."""
    connection = connect_writer(store_file)
    newest = migrate.migrate(connection)
    before = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    steps = [*migrate.schema_steps(), (newest + 1, "CREATE TABLE more (x TEXT);\nCREATE TABEL;\n")]
    monkeypatch.setattr(migrate, "schema_steps", lambda **_: steps)
    with pytest.raises(sqlite3.OperationalError, match="TABEL"):
        migrate.migrate(connection)
    assert migrate.schema_version(connection) == newest
    assert connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == before
    steps[-1] = (newest + 1, "CREATE TABLE more (x TEXT);\n")
    assert migrate.migrate(connection) == newest + 1
    connection.close()


def test_replays_of_an_older_store_keep_every_entry_in_its_order(store_file: Path) -> None:
    connection = connect_writer(store_file)
    for step, sql in migrate.schema_steps():
        if step <= 6:
            migrate._apply(connection, step, sql)
    plan = REPLAY_PLAN | {"state": "paused", "total": 4, "live": 1, "skipped": 1, "cursor_rank": 5}
    connection.execute(
        f"INSERT INTO replay_plan ({', '.join(plan)}) VALUES ({', '.join('?' * len(plan))})",
        tuple(plan.values()),
    )
    connection.executemany(
        "INSERT INTO replay_entry (plan, rank, task_id, state, at_ms, why) VALUES (1,?,?,?,?,?)",
        [
            (-7, "a", "live", 9, ""),
            (-6, "b", "pending", None, ""),
            (-5, "c", "pending", None, ""),
            (0, "d", "skipped", None, "it is no dead letter"),
        ],
    )
    migrate.migrate(connection)
    tx = Transaction(connection)
    [move] = replay_entries.detail(tx, ID, reasons=True).moves
    assert (move.state, move.by, move.at_ms) == ("paused", "ann", 1)
    page = replay_entries.page(tx, ID, state=None, after=None, limit=10)
    assert [(one.task_id, one.state, one.at_ms) for one in page.items] == [
        ("d", EntryState.SKIPPED, 1),
        ("a", EntryState.LIVE, 9),
        ("b", EntryState.PENDING, None),
        ("c", EntryState.PENDING, None),
    ]
    connection.close()


def test_a_newer_schema_is_refused(store_file: Path) -> None:
    connection = connect_writer(store_file)
    connection.execute("PRAGMA user_version = 7000")
    with pytest.raises(StoreNewer, match="version 7000"):
        migrate.migrate(connection)
    connection.close()


# ── the watch over all statements ────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sql", "walks"),
    [
        ("SELECT 1 FROM task WHERE reason = 'x'", True),
        ("SELECT 1 FROM task t WHERE t.tags LIKE '%x%'", True),
        ("DELETE FROM error WHERE rule = 'x'", True),
        ("SELECT 1 FROM task WHERE task_id = 'x'", False),
        ("SELECT 1 FROM task WHERE function = 'x' AND state = 'dead'", False),
    ],
)
def test_a_walk_through_a_growing_table_does_not_go_unseen(
    book: Book, sql: str, walks: bool
) -> None:
    """The fixture that looks at every statement, looked at."""
    accept(book.tx, new_task())
    watch = statement_plans.Watch()
    watch.look(book.connection, sql, ())
    assert bool(watch.found) is walks
