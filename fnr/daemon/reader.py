"""Reads that may take long run in threads of their own, on read-only connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from fnr.policy.used_up import no_thread
from fnr.store.batch import asked
from fnr.store.connection import Reader as ReadConnection
from fnr.store.connection import Store, StoreBusy, StoreIll, Transaction
from fnr.store.opening import open_reader

# A filter over 200,000 texts takes two seconds, in which others want their page of ten rows.
# Each more that searches takes turns with the loop, which a worker or a client waits for.
LANES_MAX = 3

T = TypeVar("T")


class Reader:
    """`point` for single rows on the loop, `read` for everything else.

    A point is looked up through the writer's connection where that is at rest, which costs a fifth.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # From the start: what is open can still be read when the file is not where it was.
        self._point: ReadConnection | None = _open(store)
        self._lanes = [_Lane(store)]
        self._lanes[0].open()
        self._closed = False
        store.held_by(self._let_go)
        store.on_trouble(self._changed)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query beside the loop. Raises StoreBusy, StoreIll."""
        first, lane = self._lanes[0], self._free()
        if lane is not first:
            # Where the store is lost no other can be opened.
            with suppress(StoreBusy, StoreIll):
                return await asyncio.wrap_future(lane.put(query))
        return await asyncio.wrap_future(first.put(query))

    def point(self, query: Callable[[Transaction], T]) -> T:
        """Look up a row or two at once; costs some µs of the loop. Raises StoreBusy, StoreIll."""
        if (tx := self._store.at_rest) is not None:
            return asked(tx, query)
        if self._point is None:
            self._point = _open(self._store)
        return asked(self._point, query)

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        for lane in self._lanes:
            lane.end()
        if self._point is not None:
            self._point.close()

    def _free(self) -> _Lane:
        """The first where nobody reads; a new one, or the shortest queue, when there is none."""
        lane = min(self._lanes, key=lambda lane: lane.waiting)
        if lane.waiting and len(self._lanes) < LANES_MAX and not self._closed:
            lane = _Lane(self._store)
            self._lanes.append(lane)
        return lane

    def _changed(self, state: str, _why: str) -> None:
        """Well again, it may be ill soon: both are open by then, as from the start."""
        if state == "ok" and not self._closed:
            with suppress(StoreIll, StoreBusy):
                self._point = self._point or _open(self._store)
            self._lanes[0].put(lambda _: None)

    def _let_go(self) -> Future[None]:
        """Close what is open on the loop."""
        if self._point is not None:
            self._point.close()
            self._point = None
        nothing: Future[None] = Future()
        nothing.set_result(None)
        return nothing


class _Lane:
    """A thread and its connection, which is opened when it is needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        self._connection: ReadConnection | None = None
        self._asked: list[Future[Any]] = []
        self._ended = False
        store.held_by(self._let_go)

    @property
    def waiting(self) -> int:
        """How many queries it has not answered."""
        self._asked = [one for one in self._asked if not one.done()]
        return len(self._asked)

    def open(self) -> ReadConnection:
        """Its connection. Raises StoreBusy, StoreIll."""
        if self._connection is None:
            self._connection = _open(self._store)
        return self._connection

    def put(self, query: Callable[[Transaction], T]) -> Future[T]:
        """Run a query after those before. Raises StoreBusy where no thread can be started."""
        try:
            future = self._thread.submit(lambda: asked(self.open(), query))
        except RuntimeError as error:
            if not no_thread(error):
                raise
            # It can be soon; who reads tries again as with a store that is locked.
            raise StoreBusy(str(error)) from error
        self._asked.append(future)
        return future

    def end(self) -> None:
        """Interrupt what it reads and close."""
        self._ended = True
        if self._connection is not None:
            self._connection.interrupt()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._close()

    def _let_go(self) -> Future[None]:
        """Close when what it reads has been read."""
        if self._ended:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            return nothing
        return self._thread.submit(self._close)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _open(store: Store) -> ReadConnection:
    """Not while a file is lost: what stands there now is not the store."""
    if lost := store.guard.lost():
        raise StoreIll(lost)
    return open_reader(store.path)
