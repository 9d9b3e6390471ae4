"""What the tests of the writer look through: its COMMITs, a second pair of eyes, its news."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import Any

from store_values import accept

from fnr.policy.task import Task
from fnr.store.connection import Store
from fnr.store.transaction import Reader


def writes(task: Task) -> Any:
    """A unit that accepts one task."""
    return lambda tx: accept(tx, task)[0]


def count_of(reader: Reader) -> int:
    """How many tasks are on disk."""
    row = reader.one("SELECT count(*) FROM task")
    assert row is not None
    return int(row[0])


class Commits:
    """A commit hook that counts, and lets a test hold a COMMIT or make it fail."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[BaseException] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.under_way = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, phase: str) -> None:
        if phase == "before":
            self.count += 1
            self._loop.call_soon_threadsafe(self.under_way.set)
            self.may_go_on.wait()
            if self.errors:
                raise self.errors.pop(0)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    """An error as SQLite raises it."""
    error = sqlite3.OperationalError(f"made by the test: {code}")
    error.sqlite_errorcode = code
    return error


def news_of(store: Store) -> asyncio.Queue[str]:
    """Every change of the store's state."""
    news: asyncio.Queue[str] = asyncio.Queue()
    store.on_trouble(lambda state, _why: news.put_nowait(state))
    return news
