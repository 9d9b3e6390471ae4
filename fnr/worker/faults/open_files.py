"""The attempt opens files until the limit is reached; nothing stays open, the limit comes back."""

from __future__ import annotations

import os
from typing import Any

from fnr.host.limits import own_file_limit
from fnr.worker.fault_point import FaultPoint

_FILES = 64


def meet(_: FaultPoint) -> Any:
    """Raise the OSError that comes at the limit."""
    opened: list[int] = []
    # So few that reaching them takes no time; the kernel counts from the lowest free number.
    with own_file_limit(_FILES):
        try:
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        finally:
            for fd in opened:
                os.close(fd)
