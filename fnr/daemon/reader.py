"""Reads that may take long run in a thread of their own, on a read-only connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from fnr.store.batch import asked
from fnr.store.connection import Reader as ReadConnection
from fnr.store.connection import Store, StoreBusy, StoreIll, Transaction
from fnr.store.opening import open_reader

T = TypeVar("T")


class Reader:
    """`point` for single rows on the loop, `read` for everything else.

    A point is looked up through the writer's connection where that is at rest, which costs a fifth.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        # From the start: what is open can still be read when the file is not where it was.
        self._point: ReadConnection | None = self._open()
        self._slow: ReadConnection | None = self._open()
        self._closed = False
        store.held_by(self._let_go)
        store.on_trouble(self._changed)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query beside the loop. Raises StoreBusy, StoreIll."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, query)

    def point(self, query: Callable[[Transaction], T]) -> T:
        """Look up a row or two at once; costs some µs of the loop. Raises StoreBusy, StoreIll."""
        if (tx := self._store.at_rest) is not None:
            return asked(tx, query)
        if self._point is None:
            self._point = self._open()
        return asked(self._point, query)

    def close(self) -> None:
        """Close both connections."""
        self._closed = True
        if self._slow is not None:
            self._slow.interrupt()
        self._thread.shutdown(wait=True, cancel_futures=True)
        for connection in (self._point, self._slow):
            if connection is not None:
                connection.close()

    def _run(self, query: Callable[[Transaction], T]) -> T:
        if self._slow is None:
            self._slow = self._open()
        return asked(self._slow, query)

    def _open(self) -> ReadConnection:
        """Not while a file is lost: what stands there now is not the store."""
        if lost := self._store.file.lost():
            raise StoreIll(lost)
        return open_reader(self._store.path)

    def _changed(self, state: str, _why: str) -> None:
        """Well again, it may be ill soon: both are open by then, as from the start."""
        if state == "ok" and not self._closed:
            with suppress(StoreIll, StoreBusy):
                self._point = self._point or self._open()
            self._thread.submit(self._open_slow)

    def _open_slow(self) -> None:
        with suppress(StoreIll, StoreBusy):
            self._slow = self._slow or self._open()

    def _let_go(self) -> Future[None]:
        """Close both, the one in the thread when what it reads has been read."""
        if self._point is not None:
            self._point.close()
            self._point = None
        if self._closed:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            return nothing
        return self._thread.submit(self._close_slow)

    def _close_slow(self) -> None:
        if self._slow is not None:
            self._slow.close()
            self._slow = None
