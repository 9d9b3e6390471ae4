"""Keep what running attempts want their successors to know; said to be kept once it is on disk."""

from __future__ import annotations

from fnr.api.frames import Checkpoint, Kept
from fnr.daemon.parts import Parts, log
from fnr.daemon.worker_process import WorkerProcess
from fnr.host.failpoint import failpoint
from fnr.store import checkpoints
from fnr.store.connection import Transaction


class Checkpoints:
    """One unit per checkpoint; a worker that hears nothing says it again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def keep(self, worker: WorkerProcess, frame: Checkpoint) -> None:
        """Store it, unless the attempt no longer owns its task; then answer."""
        now_ms = self._parts.clock.now_ms()

        def unit(tx: Transaction) -> bool:
            kept = checkpoints.keep(tx, frame.token, bytes(frame.data), now_ms=now_ms)
            failpoint("checkpoint-in-unit")
            return kept

        def committed(kept: bool | None, error: BaseException | None) -> None:
            if error is not None:
                log.warning("a checkpoint could not be kept", extra={"why": str(error)})
            elif kept:
                failpoint("checkpoint-committed")
                worker.send(Kept(token=frame.token, number=frame.number))

        self._parts.store.post(unit, committed)
