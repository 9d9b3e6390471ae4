"""Look at the plan of every statement a test runs: no walk through a table that grows.

Installed for all tests of the store by conftest.py, so that a statement without a test is the
only one that nobody looked at.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from fnr.store.check import INVARIANTS
from fnr.store.transaction import Transaction

# Tables that grow with work, under their names and the names that statements give them.
GROWING = frozenset(
    {
        "task", "t", "live", "dead", "attempt", "a", "error", "e", "x", "dead_letter", "d",
        "task_input", "i", "task_result", "r", "ledger", "l", "incident", "n", "incident_move",
        "correction", "c", "undo_step", "u", "undo_run", "replay_entry", "o",
        "replay_move",
        "breaker_move", "m",
    }
)  # fmt: skip

# What may walk through a whole table, and why.
ALLOWED: dict[str, str] = {
    (
        r"count\(\*\) FROM (task|attempt|error|ledger|dead_letter|kill_note|worker|outbox"
        r"|incident|correction|rule_count)"
    ): "`fnr db stats` counts rows, and says that it takes its time",
    r"created_at_ms FROM task ORDER BY task_id LIMIT 1": "the first row of the primary key",
    (
        r"FROM incident ORDER BY incident_id LIMIT 1"
        r"|FROM incident n\s+ORDER BY n.last_at_ms DESC, n.incident_id DESC LIMIT \?"
        r"|FROM breaker_move\s+ORDER BY at_ms DESC, name DESC, generation DESC LIMIT \?"
        r"|FROM correction\s+ORDER BY at_ms DESC, error_id DESC LIMIT \?"
    ): "the first rows of an index",
    r"FROM undo_step\s+WHERE state = 'needs_operator'": "a partial index of what is stuck",
    (
        r"FROM task ORDER BY task_id DESC LIMIT \?|FROM error ORDER BY error_id DESC LIMIT \?"
        r"|FROM incident\s+ORDER BY last_at_ms DESC, incident_id DESC\s+LIMIT \?"
    ): "the last rows of a primary key or an index",
    r"PRAGMA": "no statement over tables",
    r"SELECT \* FROM \w+ ORDER BY 1, 2|sqlite_schema": "tests looking at everything",
    r"broken\.\*, count\(\*\) OVER": "`fnr db check` reads everything on purpose",
}
_SCAN = re.compile(r"^SCAN (\w+)")
_allowed = re.compile("|".join(ALLOWED))
_invariants = {invariant.broken for invariant in INVARIANTS}


class Watch:
    """Collects statements whose plan walks through a growing table."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.found: list[str] = []

    def look(self, connection: sqlite3.Connection, sql: str, params: Any) -> None:
        """Explain a statement the first time it is run."""
        if sql in self.seen:
            return
        self.seen.add(sql)
        if _allowed.search(sql) or sql in _invariants:
            return
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params):
            scanned = _SCAN.match(row[3])
            if scanned and scanned[1] in GROWING:
                self.found.append(f"{row[3]}: {' '.join(sql.split())}")


WATCH = Watch()


def install(monkeypatch: Any) -> None:
    """Look at every statement that goes through a Transaction."""
    for name in ("one", "all", "run"):
        monkeypatch.setattr(Transaction, name, _watched(getattr(Transaction, name)))
    original = Transaction.many

    def many(tx: Transaction, sql: str, rows: Any) -> None:
        rows = list(rows)
        if rows:
            WATCH.look(tx._connection, sql, rows[0])
        original(tx, sql, rows)

    monkeypatch.setattr(Transaction, "many", many)


def _watched(original: Any) -> Any:
    def method(tx: Transaction, sql: str, params: Any = ()) -> Any:
        WATCH.look(tx._connection, sql, params)
        return original(tx, sql, params)

    return method
