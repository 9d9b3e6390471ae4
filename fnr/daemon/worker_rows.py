"""What the store remembers of each worker: when it began, when it ended; written again until it is.

A worker without its row would not be known to the next daemon, which would send it away in the
middle of its work; and what a dead worker kept is given back with the row of its end.
"""

from __future__ import annotations

from collections.abc import Callable

from fnr.daemon.parts import Parts, log
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.record import WorkerRecord
from fnr.store import workers
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

AGAIN_MS = 1_000

Unit = Callable[[Transaction], None]
Then = Callable[[], None]


class WorkerRows:
    """Writes rows in the order of what happened, also when the store was in trouble meanwhile."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: list[tuple[Unit, Then]] = []
        self._in_trouble = False
        parts.store.on_trouble(self._changed)

    def begun(self, row: WorkerRecord) -> None:
        """A worker was started."""
        self._write(lambda tx: workers.insert(tx, row), _nothing_more)

    def ended(self, worker: WorkerProcess, end: str, then: Callable[[WorkerProcess], None]) -> None:
        """A worker is gone; then: called when that is on disk."""
        at_ms, worker_id = self._parts.clock.now_ms(), worker.worker_id
        self._write(
            lambda tx: workers.end(tx, worker_id, at_ms=at_ms, end=end), lambda: then(worker)
        )

    def _write(self, unit: Unit, then: Then) -> None:
        if self._waiting:
            self._waiting.append((unit, then))
        else:
            self._post(unit, then)

    def _post(self, unit: Unit, then: Then) -> None:
        def written(_: None, error: BaseException | None) -> None:
            if error is None:
                self._in_trouble = False
                then()
            elif isinstance(error, StoreBusy | StoreFull | StoreIll):
                self._wait(unit, then, error)
            else:
                log.critical("a worker's row could not be written", exc_info=error)

        self._parts.store.post(unit, written)

    def _wait(self, unit: Unit, then: Then, error: BaseException) -> None:
        if not self._in_trouble:
            self._in_trouble = True
            log.error("rows of workers wait for the store: %s", error)
        if not self._waiting:
            self._parts.later(AGAIN_MS, self._again)
        self._waiting.append((unit, then))

    def _changed(self, state: str, _why: str) -> None:
        if state == "ok":
            self._again()

    def _again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for unit, then in waiting:
            self._post(unit, then)


def _nothing_more() -> None:
    """Nobody waits for a worker's first row."""
