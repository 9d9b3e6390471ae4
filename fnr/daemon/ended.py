"""Attempts of one worker that ended together, on their way into the store."""

from __future__ import annotations

from dataclasses import dataclass, field

from fnr.api.frames import Ack, Done, Fail
from fnr.daemon.dispatcher import Assignment
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.evidence import Evidence, Phase
from fnr.policy.verdict import Verdict

Ended = Done | Fail


@dataclass(slots=True)
class Batch:
    """Attempts of one worker that ended together, when that was, and what came of them.

    results: of the successes, by task. retold: in words of ours, as the worker's cannot be kept.
    """

    worker: WorkerProcess
    ended: list[Ended]
    heard_at_ms: int
    verdicts: list[Verdict] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    results: dict[str, bytes] = field(default_factory=dict)
    retold: bool = False


def of_its_own(worker: WorkerProcess, ended: list[Ended]) -> list[Ended]:
    """Ends of attempts that the worker has; what it tells again, or makes up, it may forget.

    A token names a file, and one that was made up any file; and no worker may end what another
    was given, least of all one of another user.
    """
    own = [frame for frame in ended if frame.token in worker.held or frame.token in worker.ending]
    if len(own) < len(ended):
        tokens = {frame.token for frame in own}
        others = tuple(frame.token for frame in ended if frame.token not in tokens)
        worker.send(Ack(tokens=others))
    return own


def retold(batch: Batch, error: BaseException) -> list[Batch]:
    """What to settle instead where a worker said what no store can hold, as a number beyond int64.

    Else it would be tried again for ever, and the attempt have no end. Nothing when the error is
    another one.
    """
    if batch.retold or not isinstance(error, ValueError | OverflowError):
        return []
    if len(batch.ended) > 1:
        return [Batch(batch.worker, [frame], batch.heard_at_ms) for frame in batch.ended]
    message = f"what its worker said of its end cannot be stored: {error}"
    evidence = Evidence(phase=Phase.RESULT, message=message)
    ended: list[Ended] = [Fail(token=frame.token, evidence=evidence) for frame in batch.ended]
    return [Batch(batch.worker, ended, batch.heard_at_ms, retold=True)]


def taints(verdict: Verdict) -> bool:
    """Does the rule say that this worker must not be used again?"""
    return verdict.classification is not None and verdict.classification.recycle_worker
