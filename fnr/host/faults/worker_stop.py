"""SIGSTOP to workers: alive, and deaf to everything but SIGKILL and SIGCONT."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress

from fnr.host.process import attach
from fnr.host.procfs import read_stat, read_thread_states
from fnr.policy.chaos import Injection, Target


def begin(injection: Injection) -> None:
    """Stop those that are still the same."""
    for target in injection.targets:
        _send(target, signal.SIGSTOP)


def proof(injection: Injection) -> str:
    """All are stopped, or were killed by whoever noticed."""
    stopped = [t.pid for t in injection.targets if _stopped(t) or read_stat(t.pid) is None]
    return f"stopped: {stopped}" if stopped and len(stopped) == len(injection.targets) else ""


def undo(injection: Injection) -> None:
    """Let those go on that are still there."""
    for target in injection.targets:
        with suppress(OSError):
            _send(target, signal.SIGCONT)


def residue(injection: Injection) -> str:
    """Who is still stopped."""
    stopped = [target.pid for target in injection.targets if _stopped(target)]
    return f"still stopped: {stopped}" if stopped else ""


def open_target(target: Target) -> int:
    """A pidfd of the very process that was chosen; OSError when it is gone."""
    pidfd = attach(target.pid, target.pid_start)
    if pidfd is None:
        raise OSError(errno.ESRCH, f"worker {target.worker_id} (pid {target.pid}) is gone")
    return pidfd


def _send(target: Target, number: int) -> None:
    pidfd = open_target(target)
    try:
        signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)


def _stopped(target: Target) -> bool:
    stat = read_stat(target.pid)
    if stat is None or stat.start != target.pid_start:
        return False
    return set(read_thread_states(target.pid)) == {"T"}
