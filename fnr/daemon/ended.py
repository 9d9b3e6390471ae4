"""Attempts of one worker that ended together, on their way into the store."""

from __future__ import annotations

from dataclasses import dataclass, field

from fnr.api.frames import Ack, Done, Fail
from fnr.daemon.dispatcher import Assignment
from fnr.daemon.worker_process import WorkerProcess
from fnr.policy.verdict import Verdict

Ended = Done | Fail


@dataclass(slots=True)
class Batch:
    """Attempts of one worker that ended together, when that was, and what came of them.

    results: of the successes, by task.
    """

    worker: WorkerProcess
    ended: list[Ended]
    heard_at_ms: int
    verdicts: list[Verdict] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    results: dict[str, bytes] = field(default_factory=dict)


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
