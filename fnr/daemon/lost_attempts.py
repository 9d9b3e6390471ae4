"""Attempts that a worker has by the store, and it has not: of a backup, or never delivered."""

from __future__ import annotations

from typing import Protocol

from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.task import AttemptOutcome


class TakeBack(Protocol):
    """Puts the tasks of these attempts back into the queue."""

    def __call__(
        self, worker: WorkerProcess, tokens: list[str], *, why: str, outcome: AttemptOutcome
    ) -> None:
        """Those that the worker is not believed to have any more are passed over."""


def put_back_lost(worker: WorkerProcess, theirs: set[str], take_back: TakeBack) -> None:
    """Of an attempt that is not theirs the Run frame died with the last daemon or connection."""
    for token in theirs & worker.held.keys():
        worker.held[token].restored = False
    excuse_restored(worker, take_back)
    lost = [token for token in worker.held if token not in theirs]
    why = "the worker never received it"
    take_back(worker, lost, why=why, outcome=AttemptOutcome.RETURNED)


def excuse_restored(worker: WorkerProcess, take_back: TakeBack) -> None:
    """What ran when a backup was made may have ended, in whatever way, before it was restored."""
    tokens = [token for token, held in worker.held.items() if held.restored]
    why = "it ran when the backup was made that was restored: what came of it is not known"
    take_back(worker, tokens, why=why, outcome=AttemptOutcome.INTERRUPTED)
