"""What workers of another user try, in `test_other_user_live.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fnr


def who(**paths: str) -> dict[str, Any]:
    """Who it runs as, and why it cannot read each of these files or list each of these folders."""
    return {
        "ids": [os.getuid(), os.geteuid(), os.getgid()],
        "groups": sorted({*os.getgroups(), os.getgid()}),
        "home": os.environ["HOME"],
        "user": os.environ["USER"],
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "refused": {name: why_not(Path(path)) for name, path in paths.items()},
    }


def why_not(path: Path) -> str:
    """The name of the error that reading gives; "" when it can be read."""
    try:
        _ = [*path.iterdir()] if path.is_dir() else path.read_bytes()
    except OSError as error:
        return type(error).__name__
    return ""


def fail_loudly(*, dies: bool) -> None:
    """Print something and end badly."""
    sys.stderr.write("the last words of another user\n")
    if dies:
        os._exit(3)
    raise fnr.Reject("as planned")


def with_undo(witness: str) -> None:
    """Record a step that says who carried it out, then fail."""
    fnr.undo.command(["sh", "-c", f"id -u > {witness}"])
    raise fnr.Reject("as planned")


def family(started: str) -> None:
    """Start a child with a session of its own, say both pids, and wait for the end."""
    child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    Path(started).write_text(f"{os.getpid()} {child.pid}\n")
    child.wait()


def guarded(*, ill: bool = False) -> str:
    """A call to a service through its breaker."""
    try:
        with fnr.breaker("storage"):
            if ill:
                raise ConnectionResetError(104, "Connection reset by peer")
            return "called"
    except fnr.BreakerOpen as refused:
        return str(refused)
