"""Answer those who wait for tasks to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Raw

from fnr.api.errors import NotFound, TimedOut
from fnr.api.requests import WaitTasks
from fnr.config.units import format_duration
from fnr.daemon.broadcast import ENDED
from fnr.daemon.clients import Client
from fnr.daemon.parts import Parts
from fnr.daemon.reader import Reader
from fnr.policy.record import ENDS_BYTES_MAX, ENDS_MAX, TaskEnd
from fnr.store import errors, results, tasks
from fnr.store.connection import Transaction

T = TypeVar("T")

# Each costs some µs of the loop.
POINTS_MAX = 100


class Waiting:
    """One answer when every task of a WaitTasks has ended."""

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._reader = reader
        self._waits: set[asyncio.Future[None]] = set()
        self._closed = False

    def close(self) -> None:
        """Let go of everybody: what has not ended does not end under this daemon.

        They get no answer but the end of the connection, and ask the next daemon.
        """
        self._closed = True
        for wait in self._waits:
            wait.cancel()

    async def wait(self, client: Client, request: WaitTasks) -> list[TaskEnd]:
        """The ends, in the order asked for."""
        left = set(request.task_ids)
        done: asyncio.Future[None] = self._parts.loop.create_future()

        def ended(task_id: str) -> None:
            left.discard(task_id)
            if not left and not done.done():
                done.set_result(None)

        def gone() -> None:
            done.cancel()

        # Listen first, then look: nothing that ends in between can be missed.
        for task_id in tuple(left):
            self._parts.events.await_end(task_id, ended)
        client.on_gone.append(gone)
        try:
            for task_id in await self._look(tuple(left), ended_of):
                ended(task_id)
            if left:
                await self._until(done, request, left)
            return await self._look(tuple(request.task_ids[:ENDS_MAX]), task_ends)
        finally:
            client.on_gone.remove(gone)
            for task_id in left:
                self._parts.events.give_up(task_id, ended)

    async def _until(self, done: asyncio.Future[None], request: WaitTasks, left: set[str]) -> None:
        timeout_s = None if request.timeout_ms is None else request.timeout_ms / 1000
        if self._closed:
            done.cancel()
        self._waits.add(done)
        try:
            await asyncio.wait_for(done, timeout_s)
        except TimeoutError:
            raise TimedOut(
                f"{len(left)} of {len(request.task_ids)} tasks have not ended",
                why=f"waited {format_duration(request.timeout_ms or 0)}",
                next_step=f"fnr task show {min(left)}",
            ) from None
        finally:
            self._waits.discard(done)

    async def _look(
        self, task_ids: Sequence[str], query: Callable[[Transaction, Sequence[str]], list[T]]
    ) -> list[T]:
        """Look up a few tasks at once, many beside the loop: others want their answers, too."""
        if len(task_ids) <= POINTS_MAX:
            return self._reader.point(lambda tx: query(tx, task_ids))
        return await self._reader.read(lambda tx: query(tx, task_ids))


def ended_of(tx: Transaction, task_ids: Sequence[str]) -> list[str]:
    """Those that have ended; NotFound names one that there is not."""
    found = []
    for task_id in task_ids:
        task = tasks.get(tx, task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}", next_step="fnr task list")
        if task.state in ENDED:
            found.append(task_id)
    return found


def task_ends(tx: Transaction, task_ids: Sequence[str]) -> list[TaskEnd]:
    """How the first of these ended: one at least, and as many as fit into one answer."""
    ends: list[TaskEnd] = []
    size_bytes = 0
    for task_id in task_ids:
        end = task_end(tx, task_id)
        size_bytes += len(bytes(end.result))
        if ends and size_bytes > ENDS_BYTES_MAX:
            break
        ends.append(end)
    return ends


def task_end(tx: Transaction, task_id: str) -> TaskEnd:
    """How a task ended: its result, or the last error's words."""
    task = tasks.get(tx, task_id)
    assert task is not None, task_id
    result = results.body(tx, task_id) if task.state == "done" else None
    last = errors.last(tx, task_id) if task.state != "done" else None
    if last is None:
        return TaskEnd(task=task, result=Raw(result or b"null"), message=task.reason)
    return TaskEnd(
        task=task,
        category=last.classification.category.value,
        message=last.evidence.message,
        exit_code=last.evidence.exit_code,
        signal=last.evidence.signal,
    )
