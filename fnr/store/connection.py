"""The one writer: statements on the event loop, many units in one commit, slow commits elsewhere.

A statement costs some µs and a COMMIT an fsync, so a COMMIT leaves the loop for a thread unless
the disk is known to be quick. Whatever is posted while one is under way shares the next. Nobody is
told of a result before the COMMIT that holds it has returned.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from fnr.store.batch import Batch, CommitHook, Done, Unit, nothing
from fnr.store.beginning import Beginning, after_a_look
from fnr.store.checkpointer import Checkpointer
from fnr.store.commit_guard import CommitGuard
from fnr.store.log_file import LogFile
from fnr.store.log_room import LogRoom
from fnr.store.opening import NOTE_ROOM, open_writer
from fnr.store.pace import Pace
from fnr.store.reopening import LetGo, Reopening
from fnr.store.same_file import SameFile, real_file
from fnr.store.steps import Steps
from fnr.store.transaction import (
    BUSY_CODES,
    ILL_CODES,
    Reader,
    StoreBusy,
    StoreFull,
    StoreIll,
    StoreNewer,
    Transaction,
    primary_code,
    read_only,
)
from fnr.store.write_queue import WriteQueue

__all__ = [
    "Reader",
    "Store",
    "StoreBusy",
    "StoreFull",
    "StoreIll",
    "StoreNewer",
    "Transaction",
    "read_only",
]

T = TypeVar("T")
TroubleHook = Callable[[str, str], None]

# Enough to make an fsync cost nothing per unit, few enough that the loop turns every 20 ms.
BATCH_UNITS_MAX = 500
# More changes take a disk too long to be waited for on the loop, however quick it is.
QUICK_CHANGES_MAX = 200
BUSY_RETRY_S = 0.02
BUSY_PATIENCE_S = 5.0
ROOM_PROBE_S = 1.0
# Ill again sooner than this after it was called well, it waits to be asked to heal.
WELL_FOR_S = 1.0


class Store:
    """The store opened for writing; one per home, guarded by the daemon's lock.

    state: "ok"; "full": the last write met a full disk, each further one tries again and a small
    one is tried every second; "ill": an I/O error or a damaged file, every write is refused until
    `heal` succeeds.
    busy: a batch is under way or about to be; what it writes nobody else sees yet.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        *,
        loop: asyncio.AbstractEventLoop,
        commit_hook: CommitHook | None = None,
    ) -> None:
        self.path = path
        self.state, self.trouble = "ok", ""
        self._loop = loop
        file, log = SameFile(path, connection), LogFile(f"{real_file(path)}-wal")
        self.guard = CommitGuard(file, commit_hook, log=log, clock_s=loop.time)
        self._trouble_hooks: list[TroubleHook] = []
        self._undone_hooks: list[Callable[[], None]] = []
        self._written_hooks: list[Callable[[], None]] = []
        self._queue = WriteQueue(self._begin)
        self.busy = False
        self._busy_since_s: float | None = None
        self._closing: asyncio.Future[None] | None = None
        self._healing: list[asyncio.Future[bool]] = []
        self._well_from_s = float("-inf")
        self._probe: asyncio.TimerHandle | None = None
        self._pace, self._steps = Pace(), Steps("store-commit")
        self._checkpointer = Checkpointer(file.real, log, clock_s=loop.time, tell=self._tell)
        self._log_room = LogRoom(file.real)
        self.beginning = Beginning(loop, self._start_batch)
        self._rest_due = False  # the log begins anew once its rest is moved while nobody writes
        self._reopening = Reopening(file, self._steps, tell=self._tell, then=self._reopened)
        self._reopening.held_by(self._checkpointer.drop)
        self._use(connection)

    @classmethod
    async def open(cls, path: str | Path, *, commit_hook: CommitHook | None = None) -> Store:
        """Open or create the store and bring its schema up to date.

        commit_hook: called in the commit thread with "before" and "after" every COMMIT; what it
        raises counts as the COMMIT's error. Raises StoreNewer, StoreBusy, StoreFull, StoreIll.
        """
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(None, open_writer, path)
        return cls(Path(path), connection, loop=loop, commit_hook=commit_hook)

    def on_trouble(self, hook: TroubleHook) -> None:
        """Call hook(state, why) on the loop whenever `state` changes.

        After "ill" → "ok" the outcome of writes that got StoreIll is unknown: reconcile.
        """
        self._trouble_hooks.append(hook)

    def on_undone(self, hook: Callable[[], None]) -> None:
        """Call hook() when units are rolled back, before the next one runs; on any thread."""
        self._undone_hooks.append(hook)

    def on_written(self, hook: Callable[[], None]) -> None:
        """Call hook() on the loop after every COMMIT that wrote something; it must be quick."""
        self._written_hooks.append(hook)

    async def write(self, unit: Callable[[Transaction], T], *, heavy: bool = False) -> T:
        """Run a unit of statements; its result, once it is on disk.

        A unit that raises is undone alone. Cancelling the wait does not cancel the write.
        heavy: run its statements in the commit thread too (it must not touch the loop's state).
        """
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: T, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.post(unit, done, heavy=heavy)
        return await future

    def post(self, unit: Unit, done: Done, *, heavy: bool = False) -> None:
        """Like `write`, with a callback on the loop: done(result, None) or done(None, error)."""
        if self._closing is not None or self.state == "ill":
            why = "the store is closed" if self._closing is not None else "the store is ill"
            self._loop.call_soon(done, None, StoreIll(why))
            return
        if unit is not nothing:
            self.beginning.posted()
        self._queue.add((unit, done, heavy))

    def _begin(self) -> None:
        if not self.busy:
            self.busy = True
            self.beginning.due()

    @property
    def at_rest(self) -> Transaction | None:
        """For a read on the loop, where all that the connection has seen is on disk; or None.

        It has the pages at hand that were written last; another one reads them anew.
        """
        at_rest = self._steps.idle and self.state != "ill" and not self._connection.in_transaction
        return self._tx if at_rest else None

    async def heal(self) -> bool:
        """Reopen and check the file; True when the store can be used again."""
        if self.state != "ill" or self._closing is not None:
            return self.state != "ill"
        future: asyncio.Future[bool] = self._loop.create_future()
        self._healing.append(future)
        self.busy = True
        self._reopening.start(self._connection)
        return await future

    def held_by(self, holder: LetGo) -> None:
        """Call holder() on the loop when its connection to this store has to be closed."""
        self._reopening.held_by(holder)

    async def look(self) -> None:
        """Notice now what else the next COMMIT would: that a file is not where it was."""
        if self.state == "ok" and self.guard.lost():
            with suppress(StoreIll):
                await self.write(lambda tx: tx.run(NOTE_ROOM))
            await asyncio.sleep(0)  # until those who listen to its troubles have heard of it

    async def close(self) -> None:
        """Commit what is waiting, checkpoint, close; further writes are refused."""
        if self._closing is None:
            self._closing = self._loop.create_future()
            if not self.busy:
                self.busy = True
                self._start_batch()
        await asyncio.shield(self._closing)

    # ── on the loop ──────────────────────────────────────────────────────────

    def _start_batch(self, alone: bool = False) -> None:
        """Run what is waiting; its COMMIT comes when nobody has anything to add.

        alone: nobody is likely to.
        """
        if self._rest_due and self.state != "ill":
            self._rest_due = False
            self._checkpointer.start(self._rest_moved)
            return
        if not self._queue:
            if self._closing is not None:
                self._checkpointer.close(lambda: self._steps.put(self._shut))
            elif self._log_room.due and self.state == "ok":
                self._steps.put(self._fill_log)
            else:
                self.busy = False
            return
        heavy = self._queue.heavy
        batch = Batch(self._connection, self._tx, heavy=heavy)
        batch.units = self._queue.take(1 if heavy else BATCH_UNITS_MAX, heavy=heavy)
        if heavy:
            self._steps.put(lambda: self._commit(batch))
        else:
            batch.run()
            if alone:
                self._commit_where_it_fits(batch)
            else:
                after_a_look(self._loop, self._add_or_commit, batch)

    def _add_or_commit(self, batch: Batch) -> None:
        """Workers fall into step that way: else each came while another's COMMIT is under way."""
        units = batch.open and self._queue.take(BATCH_UNITS_MAX - len(batch.ended), heavy=False)
        if units:
            self.beginning.company.came()
            batch.units = units
            batch.run()
            after_a_look(self._loop, self._add_or_commit, batch)
        else:
            self.beginning.company.part()
            self._commit_where_it_fits(batch)

    def _commit_where_it_fits(self, batch: Batch) -> None:
        if not batch.open:
            self._finish(batch)
        elif self._pace.quick and batch.changes <= QUICK_CHANGES_MAX:
            self._commit_now(batch)
            self._finish(batch)
        else:
            self._steps.put(lambda: self._commit(batch))

    def _finish(self, batch: Batch) -> None:
        """Tell everybody how their unit ended, and go on with what came meanwhile."""
        if batch.units:
            self._queue.put_back(batch.units, heavy=batch.heavy)
        for done, result, error in batch.ended:
            try:
                done(result, error)
            except Exception as mistake:  # noqa: BLE001 - one caller's mistake is not the others'
                self._loop.call_exception_handler(
                    {"message": "a callback of the store failed", "exception": mistake}
                )
        if batch.error is not None and primary_code(batch.error) in BUSY_CODES:
            self._wait_for_stranger()
        elif batch.error is not None and primary_code(batch.error) in ILL_CODES:
            self._fall_ill(batch.error)
        else:
            self._busy_since_s = None
            self._note_room(batch)
            if batch.changed:
                for hook in self._written_hooks:
                    hook()
                self._log_room.committed()
                if not self._rest_due and self._checkpointer.due():
                    self._checkpointer.start(self._log_moved)
            self._start_batch()

    def _log_moved(self, _error: sqlite3.Error | None) -> None:
        """The log is in the file, but for what was added meanwhile.

        If it could not be moved, the next pass meets the error while nothing is under way.
        """
        self._rest_due = True
        self._begin()

    def _rest_moved(self, error: sqlite3.Error | None) -> None:
        if error is not None and primary_code(error) in ILL_CODES:
            self._fall_ill(error)
        else:
            self._start_batch()

    def _note_room(self, batch: Batch) -> None:
        if any(isinstance(error, StoreFull) for _, _, error in batch.ended):
            self._change_state("full", "the disk is full")
            if self._probe is None:
                self._probe = self._loop.call_later(ROOM_PROBE_S, self._probe_room)
        elif self.state == "full" and batch.changed:
            self._change_state("ok", "there is room on the disk again")

    def _probe_room(self) -> None:
        """Nobody else may be writing, because everybody was told that the disk is full."""
        self._probe = None
        if self.state == "full" and self._closing is None:
            # What it finds is the store's state.
            self.post(lambda tx: tx.run(NOTE_ROOM), lambda *_: None)

    def _wait_for_stranger(self) -> None:
        """Somebody else holds the write lock: try again for some seconds, then give up."""
        now_s = self._loop.time()
        if self._busy_since_s is None:
            self._busy_since_s = now_s
        if now_s - self._busy_since_s < BUSY_PATIENCE_S:
            self._loop.call_later(BUSY_RETRY_S, self._start_batch)
            return
        self._busy_since_s = None
        self._refuse_queue(StoreBusy(f"the store is locked since {BUSY_PATIENCE_S:.0f} s"))
        self._start_batch()

    def _fall_ill(self, error: BaseException) -> None:
        self._refuse_queue(StoreIll(str(error)))
        self._change_state("ill", str(error))
        if self._loop.time() - self._well_from_s >= WELL_FOR_S:
            self._reopening.start(self._connection)
        else:
            self._start_batch()

    def _refuse_queue(self, error: Exception) -> None:
        for _, done, _ in self._queue.empty():
            self._loop.call_soon(done, None, error)

    def _change_state(self, state: str, why: str) -> None:
        if state == self.state:
            return
        self.state, self.trouble = state, why
        for hook in self._trouble_hooks:
            self._loop.call_soon(hook, state, why)

    def _reopened(self, connection: sqlite3.Connection | None) -> None:
        if connection is not None:
            self._use(connection)
            self._well_from_s = self._loop.time()
            self._change_state("ok", "reopened and checked")
        healing, self._healing = self._healing, []
        for future in healing:
            if not future.done():
                future.set_result(connection is not None)
        self._start_batch()

    def _use(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tx = Transaction(connection, self._undone_hooks, alone=True)
        self._checkpointer.drop()

    # ── in the commit thread ─────────────────────────────────────────────────

    def _commit(self, batch: Batch) -> None:
        if batch.heavy:
            batch.run()
        if batch.open:
            self._commit_now(batch)
        self._tell(self._finish, batch)

    def _commit_now(self, batch: Batch) -> None:
        """In whichever thread: one at a time."""
        from_s = self._loop.time()
        batch.commit(self.guard)
        self._pace.took(self._loop.time() - from_s)

    def _fill_log(self) -> None:
        self._log_room.fill()
        self._tell(self._start_batch)

    def _shut(self) -> None:
        # A checkpoint that fails now is made up for when the store is opened next.
        with suppress(sqlite3.Error):
            self._connection.close()
        self._steps.end()
        self._tell(self._shut_done)

    def _shut_done(self) -> None:
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            self._steps.end()
