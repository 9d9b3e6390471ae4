"""A computation without an end: beats go on, the CPU is busy, only a timeout helps."""

from __future__ import annotations

from typing import Any

from fnr.worker.fault_point import FaultPoint

_ROUNDS = 100_000


def meet(point: FaultPoint) -> Any:
    """Compute until the fault is over."""
    while point.held:
        for _ in range(_ROUNDS):
            pass
    return point.call()
