"""The function of the recovery benchmark: fails as asked until it was tried often enough."""

from __future__ import annotations

import os
import signal

import fnr

BATCH_MAX = 4


class BusyError(Exception):
    """A server that says when to come again."""

    status_code = 503
    retry_after = 0.05


def troubled(kind: str, times: int, batch: int) -> int:
    """Fail `times` times in the way that `kind` names, then pass; the number of the attempt."""
    number = fnr.attempt().number
    if kind == "smaller":
        if batch > BATCH_MAX:
            raise ConnectionResetError(104, "Connection reset by peer")
    elif number <= times:
        _fail(kind)
    return number


def _fail(kind: str) -> None:
    match kind:
        case "connection":
            raise ConnectionResetError(104, "Connection reset by peer")
        case "timeout":
            raise TimeoutError("read timed out after 30 s")
        case "busy":
            raise BusyError("HTTP 503 Service Unavailable")
        case "gpu_memory":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        case "disk":
            raise OSError(28, "No space left on device")
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "input":
            raise fnr.Reject("width must be even")
        case "permission":
            raise PermissionError(13, "Permission denied")
        case _:
            # Words that the text model knows would be named, and then perhaps not tried again.
            raise RuntimeError("blorf 7")
