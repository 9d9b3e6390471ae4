"""Tell those who watch or wait what happened; a slow reader is cut, never waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fnr.api.requests import Event
from fnr.policy.task import Task, TaskState

ENDED = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED})


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
        self._waiters: dict[str, list[Callable[[str], None]]] = {}

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

    def await_end(self, task_id: str, ended: Callable[[str], None]) -> None:
        """Call `ended(task_id)` after the commit in which the task ends."""
        self._waiters.setdefault(task_id, []).append(ended)

    def give_up(self, task_id: str, ended: Callable[[str], None]) -> None:
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
        self, task: Task, category: str, *, at_ms: int, worker_id: str | None = None
    ) -> None:
        """Announce a committed error, before the move of its task."""
        if self._watchers:
            self.tell(
                Event(
                    kind="error",
                    what=category,
                    at_ms=at_ms,
                    task_id=task.task_id,
                    function=task.function,
                    worker_id=worker_id,
                    detail=task.reason,
                )
            )

    def task_moved(self, task: Task, *, at_ms: int, worker_id: str | None = None) -> None:
        """Announce a committed move of a task."""
        if self._watchers:
            self.tell(
                Event(
                    kind="task",
                    what=task.state.value,
                    at_ms=at_ms,
                    task_id=task.task_id,
                    function=task.function,
                    worker_id=worker_id,
                    detail=task.reason,
                )
            )
        if self._waiters and task.state in ENDED:
            for ended in self._waiters.pop(task.task_id, ()):
                ended(task.task_id)
