"""A deadlock of the whole worker: it waits in the kernel, and so does its control thread."""

from __future__ import annotations

from typing import Any

from fnr.host.chaos_records import wait_until_over
from fnr.worker.fault_point import FaultPoint


def meet(point: FaultPoint) -> Any:
    """Wait for a lock that the dead-man process holds; nothing is sent meanwhile."""
    with point.lock:
        wait_until_over(point.fault.folder)
    return point.call()
