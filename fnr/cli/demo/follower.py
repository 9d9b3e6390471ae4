"""Follow the tasks of the demo: by the daemon's events, and by a look at the list when in doubt.

Events come at once, but those of the moments without a daemon are missed; the list misses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from fnr.api.errors import FnrError
from fnr.api.requests import Watch
from fnr.client.patience import connect_again
from fnr.client.sdk import Client
from fnr.config.paths import Paths
from fnr.policy.task import TaskState

ENDED = frozenset({TaskState.DONE.value, TaskState.DEAD.value, TaskState.CANCELLED.value})
PATIENCE_MS = 2_000


class Follower:
    """Knows how each task ended so far; one thread listens, others ask."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._changed = threading.Condition()
        self._ends: dict[str, str] = {}
        self._news = 0
        self._seen = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more notice; the thread ends with its connection or with the program."""
        self._stopping = True

    def ends(self) -> dict[str, str]:
        """Task id -> the state it ended in."""
        with self._changed:
            self._seen = self._news
            return dict(self._ends)

    def wait(self, *, timeout_ms: int) -> bool:
        """Wait until something ended since the last `ends`; False when nothing did in that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._news != self._seen, timeout_ms / 1_000)

    def look(self, client: Client) -> None:
        """Read the ends that no event told us of; only when nobody replays meanwhile."""
        found = [(task.task_id, task.state.value) for task in client.tasks()]
        with self._changed:
            before = len(self._ends)
            self._ends.update((task_id, state) for task_id, state in found if state in ENDED)
            self._news += len(self._ends) - before

    def forget(self, task_ids: Iterable[str]) -> None:
        """These are about to be replayed: their ends no longer count."""
        with self._changed:
            for task_id in task_ids:
                self._ends.pop(task_id, None)

    def _listen(self) -> None:
        while not self._stopping:
            try:
                with connect_again(
                    self._paths, timeout_ms=None, patience_ms=PATIENCE_MS
                ) as connection:
                    for event in connection.watch(Watch()):
                        if event.kind == "task" and event.task_id and event.what in ENDED:
                            self._note(event.task_id, event.what)
            except FnrError:
                continue

    def _note(self, task_id: str, state: str) -> None:
        with self._changed:
            self._ends[task_id] = state
            self._news += 1
            self._changed.notify_all()
