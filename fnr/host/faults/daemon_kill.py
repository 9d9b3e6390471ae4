"""SIGKILL to the daemon; undone by starting it again, unless its service manager does.

Of two daemons one ends at once, and a manager whose own one does so again and again gives up.
"""

from __future__ import annotations

import errno
import os
import select
import signal

from fnr.host.lock import home_holder
from fnr.host.process import attach, spawn
from fnr.host.procfs import pid_start
from fnr.host.systemd import is_listening
from fnr.policy.chaos import Injection

START_MS = 20_000
# How long a service manager may take to start it again; systemd takes 100 ms.
MANAGER_MS = 10_000
LOOK_MS = 20


def begin(injection: Injection) -> None:
    """Kill it if it is still the same."""
    pidfd = attach(injection.daemon_pid, injection.daemon_pid_start)
    if pidfd is None:
        raise OSError(errno.ESRCH, f"the daemon (pid {injection.daemon_pid}) is gone")
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [], START_MS / 1_000)
    finally:
        os.close(pidfd)


def proof(injection: Injection) -> str:
    """It is gone."""
    same = pid_start(injection.daemon_pid) == injection.daemon_pid_start
    alive = same and home_holder(injection.places["lock"]) == injection.daemon_pid
    return "" if alive else f"the daemon (pid {injection.daemon_pid}) is gone"


def undo(injection: Injection) -> None:
    """Start another one, unless one runs."""
    patience_ms = MANAGER_MS if is_listening(injection.places.get("manager", "")) else 0
    while home_holder(injection.places["lock"]) is None and patience_ms > 0:
        select.poll().poll(LOOK_MS)
        patience_ms -= LOOK_MS
    if home_holder(injection.places["lock"]) is not None:
        return
    child = spawn(
        injection.command,
        env={k: v for k, v in os.environ.items() if not k.startswith("NOTIFY_")},
        cwd="/",
        output_path=injection.places["log"],
    )
    ended = select.poll()
    ended.register(child.pidfd, select.POLLIN)
    for _ in range(START_MS // LOOK_MS):
        if home_holder(injection.places["lock"]) is not None or ended.poll(LOOK_MS):
            break
    os.close(child.pidfd)


def residue(injection: Injection) -> str:
    """No daemon."""
    return "" if home_holder(injection.places["lock"]) is not None else "no daemon runs"
