"""SIGKILL to workers: nothing to undo, the daemon starts others."""

from __future__ import annotations

import os
import signal

from fnr.host.faults.worker_stop import open_target
from fnr.host.procfs import read_stat
from fnr.policy.chaos import Injection


def begin(injection: Injection) -> None:
    """Kill those that are still the same."""
    for target in injection.targets:
        pidfd = open_target(target)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)


def proof(injection: Injection) -> str:
    """All are gone."""
    gone = [target.pid for target in injection.targets if _is_gone(target.pid, target.pid_start)]
    return f"gone: {gone}" if gone and len(gone) == len(injection.targets) else ""


def undo(_: Injection) -> None:
    """A death cannot be undone."""


def residue(_: Injection) -> str:
    """Nothing is left of a process that is gone."""
    return ""


def _is_gone(pid: int, start: int) -> bool:
    stat = read_stat(pid)
    return stat is None or stat.start != start or not stat.alive
