"""The counts kept beside the rows, so that nothing that people look at often counts rows."""

from __future__ import annotations

import sqlite3

from fnr.store.transaction import Transaction


def write_counts(tx: Transaction) -> None:
    """Write the collected counts of a commit: one statement per (function, state)."""
    for (function, state), delta in tx.take_counts().items():
        if delta > 0:
            tx.run(
                """
                INSERT INTO tally (function, state, count) VALUES (?, ?, ?)
                ON CONFLICT (function, state) DO UPDATE SET count = tally.count + excluded.count
                """,
                (function, state, delta),
            )
        elif delta < 0:
            _take_away(tx, function, state, -delta)


def _take_away(tx: Transaction, function: str, state: str, number: int) -> None:
    try:
        found = tx.run(
            "UPDATE tally SET count = count - ? WHERE function = ? AND state = ?",
            (number, function, state),
        )
    except sqlite3.IntegrityError:
        found = 0
    if not found:
        # A count that drifted must not stop the work that it counts. `fnr db check` reports it.
        recount(tx, function, state)


def recount(tx: Transaction, function: str, state: str) -> None:
    """Set one count to the truth."""
    tx.forget_stored()
    tx.run(
        """
        INSERT INTO tally (function, state, count)
        VALUES (:function, :state,
                (SELECT count(*) FROM task WHERE function = :function AND state = :state)
              + (SELECT count(*) FROM dead_letter
                  WHERE function = :function
                    AND state || '/' || category || '/' || cause = :state))
        ON CONFLICT (function, state) DO UPDATE SET count = excluded.count
        """,
        {"function": function, "state": state},
    )


def counts(tx: Transaction) -> dict[str, dict[str, int]]:
    """How many tasks each function has in each state it has tasks in."""
    found: dict[str, dict[str, int]] = {}
    for function, state, count in tx.all(
        "SELECT function, state, count FROM tally WHERE count > 0 ORDER BY function, state"
    ):
        if "/" not in state:
            found.setdefault(function, {})[state] = count
    return found


def kinds(tx: Transaction) -> dict[tuple[str, ...], int]:
    """Every kind that has rows, with how many: (function, state) of tasks and (function, state,
    category, cause) of letters; what this transaction did is included."""
    known = {
        (function, state): count
        for function, state, count in tx.all("SELECT function, state, count FROM tally")
    }
    for key, delta in tx.uncommitted_counts().items():
        known[key] = known.get(key, 0) + delta
    return {
        (function, *state.split("/")): count
        for (function, state), count in known.items()
        if count > 0
    }


def functions(tx: Transaction) -> list[str]:
    """Every function that ever had a task."""
    rows = tx.all("SELECT DISTINCT function FROM tally")
    return sorted({name for (name,) in rows} | {key[0] for key in tx.uncommitted_counts()})
