"""Whether somebody who says Hello is a worker that was started, and which one."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fnr.api import frames
from fnr.api.frames import Frame
from fnr.daemon.worker_process import WorkerProcess, WorkerState


def identified(
    frame: Frame, peer_uid: int, workers: Mapping[str, WorkerProcess]
) -> tuple[WorkerProcess | None, str]:
    """The worker that says Hello; or None, and why it is none. workers: by their ids."""
    if not isinstance(frame, frames.Hello):
        return None, "the first frame was not a Hello"
    if frame.protocol != frames.WORKER_PROTOCOL:
        return None, f"worker speaks protocol {frame.protocol}, not {frames.WORKER_PROTOCOL}"
    worker = workers.get(frame.worker_id)
    if worker is None or worker.state is WorkerState.GONE:
        return None, f"no worker {frame.worker_id} is known"
    same = (worker.identity.pid, worker.identity.pid_start) == (frame.pid, frame.pid_start)
    if frame.secret != worker.secret or not same:
        return None, f"it is not the worker {frame.worker_id} that was started"
    if peer_uid != (os.geteuid() if worker.uid is None else worker.uid):
        return None, f"worker {frame.worker_id} is not a process of uid {peer_uid}"
    return worker, ""
