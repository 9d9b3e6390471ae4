"""Tell those who watch or wait what happened; a slow reader is cut, never waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import Raw

from fnr.api.requests import Event
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task, TaskState

ENDED = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED})
Ended = Callable[[str, TaskEnd | None], None]


@dataclass(slots=True, eq=False)
class Watcher:
    """Someone who wants events; empty sets mean everything."""

    tell: Callable[[Event], None]
    task_ids: frozenset[str]
    functions: frozenset[str]
    kinds: frozenset[str] = frozenset()

    def wants(self, event: Event) -> bool:
        """Filter by kind, and by task or by function; or take all."""
        if self.kinds and event.kind not in self.kinds:
            return False
        if self.task_ids:
            return event.task_id in self.task_ids
        return not self.functions or event.function in self.functions


class Broadcast:
    """Watchers get events; waiters are called once when their task has ended."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._waiters: dict[str, list[Ended]] = {}

    def watch(
        self,
        tell: Callable[[Event], None],
        *,
        task_ids: Iterable[str],
        functions: Iterable[str],
        kinds: Iterable[str] = (),
    ) -> Watcher:
        """Start telling."""
        watcher = Watcher(tell, frozenset(task_ids), frozenset(functions), frozenset(kinds))
        self._watchers.add(watcher)
        return watcher

    def forget(self, watcher: Watcher) -> None:
        """Stop telling; forgetting twice is fine."""
        self._watchers.discard(watcher)

    def await_end(self, task_id: str, ended: Ended) -> None:
        """Call `ended` after the commit in which the task ends: its id, and how where known."""
        self._waiters.setdefault(task_id, []).append(ended)

    def give_up(self, task_id: str, ended: Ended) -> None:
        """Take back an await_end."""
        waiting = self._waiters.get(task_id, [])
        if ended in waiting:
            waiting.remove(ended)
        if not waiting:
            self._waiters.pop(task_id, None)

    def tell(self, event: Event) -> None:
        """Hand an event to everyone who wants it."""
        for watcher in tuple(self._watchers):
            if watcher.wants(event):
                watcher.tell(event)

    def attempt_failed(
        self, task: Task, category: str, *, function: str, worker_id: str | None = None
    ) -> None:
        """Announce a committed error, before the move of its task; function: whose attempt it was.

        Another one may have taken the task over.
        """
        if self._watchers:
            self.tell(
                Event(
                    kind="error",
                    what=category,
                    at_ms=task.state_at_ms,
                    task_id=task.task_id,
                    function=function,
                    worker_id=worker_id,
                    detail=task.reason,
                )
            )

    def task_moved(
        self, task: Task, *, worker_id: str | None = None, result: bytes | None = None
    ) -> None:
        """Announce a committed move of a task; result: of a success, which spares reading it."""
        if self._watchers:
            self.tell(
                Event(
                    kind="task",
                    what=task.state.value,
                    at_ms=task.state_at_ms,
                    task_id=task.task_id,
                    function=task.function,
                    worker_id=worker_id,
                    detail=task.reason,
                )
            )
        if self._waiters and task.state in ENDED:
            waiters = self._waiters.pop(task.task_id, ())
            known = TaskEnd(task=task, result=Raw(result)) if waiters and result else None
            for ended in waiters:
                ended(task.task_id, known)
