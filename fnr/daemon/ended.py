"""Attempts of one worker that ended together, on their way into the store."""

from __future__ import annotations

from dataclasses import dataclass, field

from fnr.api.frames import Done, Fail
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
