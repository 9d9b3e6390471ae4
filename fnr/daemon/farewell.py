"""End a worker that has nothing left to do and stays: it keeps memory, GPUs and a place.

Threads that its function started can hold a process for ever, and so can what it does at its exit.
"""

from __future__ import annotations

from collections.abc import Callable

from fnr.daemon.parts import Parts, log
from fnr.daemon.worker_process import WorkerProcess, WorkerState

# However short its grace is: to say goodbye takes a moment.
GOODBYE_MS_MIN = 1_000
# How long a worker with nothing in hand may be without a connection: it tries twice a second, and
# one whose function loads with the interpreter's lock held cannot.
AWAY_MS_MAX = 30_000

End = Callable[[WorkerProcess], None]


def see_off(parts: Parts, worker: WorkerProcess, end: End) -> None:
    """It has said goodbye, or was sent away with nothing in hand: it has its grace to be gone."""

    def insist() -> None:
        if worker.state is not WorkerState.GONE:
            _end(worker, "it has nothing left to do and does not end", end)

    parts.later(max(worker.settings.grace_ms, GOODBYE_MS_MIN), insist)


def expect_back(parts: Parts, worker: WorkerProcess, end: End) -> None:
    """It has no connection: a worker that never comes back would keep its place for ever."""

    def insist() -> None:
        if worker.link is None and not worker.in_hand and worker.state is not WorkerState.GONE:
            _end(worker, "it has nothing in hand and does not come back", end)

    parts.later(AWAY_MS_MAX, insist)


def _end(worker: WorkerProcess, why: str, end: End) -> None:
    log.warning(
        "ending a worker",
        extra={"function": worker.function, "worker_id": worker.worker_id, "why": why},
    )
    end(worker)
