"""Answer those who wait for tasks to end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Raw

from fnr.api.errors import NotFound, TimedOut
from fnr.api.requests import WaitTasks
from fnr.config.units import DURATION_MS_MAX, format_duration
from fnr.daemon.broadcast import ENDED
from fnr.daemon.clients import Client, as_fnr_error
from fnr.daemon.parts import Parts
from fnr.daemon.reader import Reader
from fnr.policy.counted import counted
from fnr.policy.record import ENDS_BYTES_MAX, ENDS_MAX, TaskEnd
from fnr.store import errors, results, tasks
from fnr.store.batch import nothing
from fnr.store.connection import Transaction

# Each costs some µs of the loop.
POINTS_MAX = 100


@dataclass(slots=True, eq=False, kw_only=True)
class Wait:
    """Somebody who waits; left: for which tasks still; until_ms: how long, on the boot clock;
    late: that is over."""

    waiting: Waiting
    client: Client
    request_id: int
    request: WaitTasks
    left: set[str]
    until_ms: int | None = None
    timer: asyncio.TimerHandle | None = None
    late: bool = False

    @property
    def timeout_ms(self) -> int:
        """How long it waits at the most; a client may say any number."""
        return min(max(self.request.timeout_ms or 0, 0), DURATION_MS_MAX)

    def ended(self, task_id: str, known: TaskEnd | None) -> None:
        """One of its tasks has; known: how, where nobody needs to look."""
        self.left.discard(task_id)
        if not self.left:
            self.waiting.over(self, known if len(self.request.task_ids) == 1 else None)

    def gone(self) -> None:
        """Its client is."""
        self.waiting.forget(self)


class Waiting:
    """One answer when every task of a WaitTasks has ended.

    Few tasks, which are most waits by far, are looked up and answered in the very turn of the loop
    that brings the last end; many cost no turn of others, because they are read beside the loop.
    """

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._reader = reader
        self._waits: set[Wait] = set()
        self._closed = False

    def close(self) -> None:
        """Let go of everybody: what has not ended does not end under this daemon.

        They get no answer but the end of the connection, and ask the next daemon.
        """
        self._closed = True
        for wait in tuple(self._waits):
            self.forget(wait)

    def wait(self, client: Client, request_id: int, request: WaitTasks) -> None:
        """Answer with the ends, in the order asked for, once there are all."""
        wait = Wait(
            waiting=self,
            client=client,
            request_id=request_id,
            request=request,
            left=set(request.task_ids),
        )
        if request.timeout_ms is not None:
            wait.until_ms = self._parts.clock.boot_ms() + wait.timeout_ms
        self._waits.add(wait)
        client.on_gone.append(wait.gone)
        # Listen first, then look: nothing that ends in between can be missed.
        for task_id in tuple(wait.left):
            self._parts.events.await_end(task_id, wait.ended)
        if self._parts.store.busy:
            # What is being written may be the task, submitted by the request before this one.
            self._parts.store.post(nothing, lambda *_: self._look(wait))
        else:
            self._look(wait)

    def over(self, wait: Wait, known: TaskEnd | None = None) -> None:
        """Everything it waits for has ended, each at its time; known: how, of the only one."""
        if wait not in self._waits or self._is_put_off(wait):
            return
        if known is not None:
            self._tell(wait, [known])
            return
        asked = tuple(wait.request.task_ids[:ENDS_MAX])
        if len(asked) > POINTS_MAX:
            self._parts.start(self._answer_beside(wait, asked), what="WaitTasks")
            return
        try:
            ends = self._reader.point(lambda tx: task_ends(tx, asked))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            self._fail(wait, error)
        else:
            self._tell(wait, ends)

    def _is_put_off(self, wait: Wait) -> bool:
        """Many waits of one client that reads well may end with more than it may be behind."""
        if wait.client.link.unsent_bytes <= ENDS_BYTES_MAX:
            return False
        wait.client.link.when_caught_up(lambda: self.over(wait))
        return True

    def forget(self, wait: Wait) -> None:
        """Listen for it no longer; whoever forgets it answers it, or leaves it without."""
        self._waits.discard(wait)
        if wait.timer is not None:
            wait.timer.cancel()
        for task_id in {*wait.request.task_ids}:
            self._parts.events.give_up(task_id, wait.ended)
        # Not while its client goes through them because it is gone.
        if wait.client.link.open:
            wait.client.on_gone.remove(wait.gone)

    def _tell(self, wait: Wait, ends: list[TaskEnd]) -> None:
        """Answer, unless one that had ended was replayed before the last one did."""
        if wait not in self._waits or self._is_put_off(wait):
            return
        again = {end.task.task_id for end in ends if end.task.state not in ENDED}
        if not again:
            self.forget(wait)
            wait.client.answer(wait.request_id, ends)
            return
        wait.left |= again
        if wait.late:
            self._time_is_up(wait)
            return
        for task_id in again:
            # It still listens for what had ended before it asked.
            self._parts.events.give_up(task_id, wait.ended)
            self._parts.events.await_end(task_id, wait.ended)
        self._look(wait)

    def _look(self, wait: Wait) -> None:
        if wait not in self._waits:
            return
        asked = tuple(wait.left)
        if len(asked) > POINTS_MAX:
            self._parts.start(self._look_beside(wait, asked), what="WaitTasks")
            return
        try:
            ended = self._reader.point(lambda tx: ended_of(tx, asked))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            self._fail(wait, error)
        else:
            self._looked(wait, ended)

    async def _look_beside(self, wait: Wait, asked: Sequence[str]) -> None:
        try:
            ended = await self._reader.read(lambda tx: ended_of(tx, asked))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            self._fail(wait, error)
        else:
            self._looked(wait, ended)

    def _looked(self, wait: Wait, ended: list[str]) -> None:
        """These had ended before it asked."""
        wait.left.difference_update(ended)
        if wait not in self._waits:
            return
        if not wait.left:
            self.over(wait)
        elif self._closed:
            self.forget(wait)
        elif wait.until_ms is not None and wait.timer is None:
            # To look for very many takes longer than its client waits beyond its time.
            left_ms = max(0, wait.until_ms - self._parts.clock.boot_ms())
            wait.timer = self._parts.later(left_ms, lambda: self._time_is_up(wait))

    def _time_is_up(self, wait: Wait) -> None:
        wait.late = True
        if not wait.left:
            return  # the ends are just being read
        asked = counted(len(wait.request.task_ids), "task has", "tasks have")
        self._fail(
            wait,
            TimedOut(
                f"{len(wait.left)} of {asked} not ended",
                why=f"waited {format_duration(wait.timeout_ms)}",
                next_step=f"fnr task show {min(wait.left)}",
            ),
        )

    def _fail(self, wait: Wait, error: Exception) -> None:
        if wait in self._waits:
            self.forget(wait)
            wait.client.fail(wait.request_id, as_fnr_error(error, self._parts.paths))

    async def _answer_beside(self, wait: Wait, asked: Sequence[str]) -> None:
        try:
            ends = await self._reader.read(lambda tx: task_ends(tx, asked))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            self._fail(wait, error)
        else:
            self._tell(wait, ends)


def ended_of(tx: Transaction, task_ids: Sequence[str]) -> list[str]:
    """Those that have ended; NotFound names one that there is not."""
    found = []
    for task_id in task_ids:
        state = tasks.state_of(tx, task_id)
        if state is None:
            raise NotFound(f"there is no task {task_id}", next_step="fnr task list")
        if state in ENDED:
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
    """How a task ended: its result, the last error's words, or who cancelled it.

    NotFound if it was removed since.
    """
    task = tasks.get(tx, task_id)
    if task is None:
        raise NotFound(
            f"there is no task {task_id} any more",
            why="it has ended, and was purged or forgotten while others were waited for",
            next_step="fnr task list",
        )
    result = results.body(tx, task_id) if task.state == "done" else None
    last = errors.last(tx, task_id) if task.state != "done" else None
    if last is None:
        return TaskEnd(task=task, result=Raw(result or b"null"), message=task.reason)
    return TaskEnd(
        task=task,
        category=last.classification.category.value,
        # What it failed with before did not end it.
        message=task.reason if task.state == "cancelled" else last.evidence.message,
        exit_code=last.evidence.exit_code,
        signal=last.evidence.signal,
    )
