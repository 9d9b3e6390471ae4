"""Units that share one transaction: run them, undo the ones that fail, commit the rest.

Nothing here knows of threads or loops; connection.py says where each step happens.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from fnr.store.tally import write_counts
from fnr.store.transaction import (
    BUSY_CODES,
    FULL_CODES,
    ILL_CODES,
    StoreBusy,
    StoreFull,
    StoreIll,
    Transaction,
    primary_code,
)

Unit = Callable[[Transaction], Any]
Done = Callable[[Any, BaseException | None], None]
T = TypeVar("T")
CommitHook = Callable[[str], None]


def nothing(_: Transaction) -> None:
    """The unit of whoever only wants to come behind what was posted before; it opens nothing."""


class Batch:
    """Units on their way to one COMMIT, and what became of each so far.

    units: not run yet. ended: who is to be told what. error: what befell the transaction as a
    whole. open: the transaction waits for its COMMIT. changed: its COMMIT wrote something.
    """

    __slots__ = (
        "_changes_before",
        "_connection",
        "_tx",
        "changed",
        "ended",
        "error",
        "heavy",
        "open",
        "units",
    )

    def __init__(
        self,
        connection: sqlite3.Connection,
        tx: Transaction,
        *,
        heavy: bool,
    ) -> None:
        self._connection = connection
        self._tx = tx
        self.units: deque[tuple[Unit, Done]] = deque()
        self.heavy = heavy
        self.ended: list[tuple[Done, Any, BaseException | None]] = []
        self.error: BaseException | None = None
        self.open = False
        self.changed = False
        self._changes_before = connection.total_changes

    @property
    def changes(self) -> int:
        """How many rows were written so far."""
        return self._connection.total_changes - self._changes_before

    def run(self) -> None:
        """Run the units, each undone alone if it fails; leaves the transaction open."""
        try:
            while self.units and self.error is None:
                if self.units[0][0] is nothing:
                    self.ended.append((self.units.popleft()[1], None, None))
                elif self.open:
                    self._run_one(*self.units.popleft())
                else:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self.open = True
                    self._run_first(*self.units.popleft())
        except BaseException as error:  # noqa: BLE001 - delivered to everybody in the batch
            self._abandon(error)

    def commit(self, hook: CommitHook | None) -> None:
        """Put everything on disk; what the hook raises counts as the COMMIT's error."""
        try:
            write_counts(self._tx)
            if hook is not None:
                hook("before")
            self._connection.execute("COMMIT")
            self.changed = self.changes > 0
            if hook is not None:
                hook("after")
        except BaseException as error:  # noqa: BLE001 - delivered to everybody in the batch
            self._abandon(error)

    def _run_first(self, unit: Unit, done: Done) -> None:
        """Nothing stands before it that a savepoint would keep: a failure ends the transaction."""
        try:
            self.ended.append((done, unit(self._tx), None))
        # BaseException, not Exception: a cancelled unit must not leave its half-written rows
        # for the next one to commit.
        except BaseException as error:
            self.ended.append((done, None, named(error)))
            if primary_code(error) in ILL_CODES:
                raise
            self._roll_back()
        else:
            self._tx.keep_counts()

    def _run_one(self, unit: Unit, done: Done) -> None:
        execute, tx = self._connection.execute, self._tx
        execute("SAVEPOINT unit")
        try:
            result = unit(tx)
        except BaseException as error:
            self.ended.append((done, None, named(error)))
            tx.forget_counts()
            # A full disk or an I/O error may have ended the whole transaction already.
            if primary_code(error) in ILL_CODES or not self._connection.in_transaction:
                raise
            execute("ROLLBACK TO unit")
            execute("RELEASE unit")
        else:
            self.ended.append((done, result, None))
            tx.keep_counts()
            execute("RELEASE unit")

    def _abandon(self, error: BaseException) -> None:
        """The transaction is lost: who ran in it hears of it, who did not run yet runs later.

        One that could not begin has lost nobody: what ended by then stood before it.
        """
        self.error = error
        if self.open:
            why = named(error)
            self.ended = [
                (done, None, own if own is not None else why) for done, _, own in self.ended
            ]
        self._roll_back()

    def _roll_back(self) -> None:
        self.open = False
        self._tx.forget_all_counts()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.error = error


def asked(tx: Transaction, query: Callable[[Transaction], T]) -> T:
    """What a query finds; an SQLite error is raised under the name that its caller knows."""
    try:
        return query(tx)
    except sqlite3.Error as error:
        raise named(error) from error


def named(error: BaseException) -> BaseException:
    """An SQLite error under the name its caller knows; others as they are."""
    if isinstance(error, StopIteration):
        # A future refuses to carry this one, and its caller would wait for ever.
        return RuntimeError(f"the unit raised {error!r}")
    code = primary_code(error)
    if code in FULL_CODES:
        known: Exception = StoreFull(str(error))
    elif code in BUSY_CODES:
        known = StoreBusy(str(error))
    elif code in ILL_CODES:
        known = StoreIll(str(error))
    else:
        return error
    known.__cause__ = error
    return known
