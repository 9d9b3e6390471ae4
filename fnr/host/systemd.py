"""Tell systemd how the daemon is: ready, reloading, stopping, alive. Silent without systemd."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def sd_notify(*lines: str, environ: Mapping[str, str] | None = None) -> bool:
    """Send "READY=1", "STATUS=…" and the like in one message; False when nobody listens."""
    address = notify_socket(environ)
    if address[:1] not in {"/", "@"}:
        return False
    if address[0] == "@":  # an abstract socket: its name begins with a NUL byte
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    try:
        with socket.socket(socket.AF_UNIX, kind) as sender:
            sender.connect(address)
            if lines:
                sender.send("\n".join(lines).encode())
    except OSError:
        return False
    return True


def notify_socket(environ: Mapping[str, str] | None = None) -> str:
    """Where whoever started us listens; "" when that was no service manager."""
    return (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")


def is_listening(address: str) -> bool:
    """Is the service manager of such a socket there? Nothing is said to it."""
    return sd_notify(environ={"NOTIFY_SOCKET": address})


def watchdog_interval_ms(environ: Mapping[str, str] | None = None) -> int | None:
    """How often to send "WATCHDOG=1": half of what systemd allows; None when it does not ask."""
    env = os.environ if environ is None else environ
    limit_us, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not limit_us.isdecimal() or pid not in {"", str(os.getpid())}:
        return None
    return max(1, int(limit_us) // 2_000) if int(limit_us) else None


def is_journal(fd: int, environ: Mapping[str, str] | None = None) -> bool:
    """Does what is written there go to systemd's journal?

    The variable alone does not say so: a shell in a terminal that systemd has started has it, too,
    and output may have been sent elsewhere since. Source: systemd.exec(5).
    """
    try:
        file = os.fstat(fd)
    except OSError:
        return False
    named = (os.environ if environ is None else environ).get("JOURNAL_STREAM")
    return named == f"{file.st_dev}:{file.st_ino}"
