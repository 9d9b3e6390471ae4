"""Reads that may take long run in a thread of their own, on a read-only connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fnr.store.batch import asked
from fnr.store.connection import Reader as ReadConnection
from fnr.store.connection import Store, Transaction, read_only

T = TypeVar("T")


class Reader:
    """`point` for single rows on the loop, `read` for everything else.

    A point is looked up through the writer's connection where that is at rest, which costs a fifth.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._store_file = store.path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        self._point: ReadConnection | None = None
        self._slow: ReadConnection | None = None

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query beside the loop. Raises StoreBusy, StoreIll."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, query)

    def point(self, query: Callable[[Transaction], T]) -> T:
        """Look up a row or two at once; costs some µs of the loop."""
        if (tx := self._store.at_rest) is not None:
            return asked(tx, query)
        if self._point is None:
            self._point = read_only(self._store_file)
        return query(self._point)

    def close(self) -> None:
        """Close both connections."""
        if self._slow is not None:
            self._slow.interrupt()
        self._thread.shutdown(wait=True, cancel_futures=True)
        for connection in (self._point, self._slow):
            if connection is not None:
                connection.close()

    def _run(self, query: Callable[[Transaction], T]) -> T:
        if self._slow is None:
            self._slow = read_only(self._store_file)
        return asked(self._slow, query)
