"""The attempt takes memory until its worker's limit stops it; never beyond."""

from __future__ import annotations

from typing import Any

from fnr.worker.fault_point import FaultPoint

_STEP_MIB = 32


def meet(point: FaultPoint) -> Any:
    """Raise the MemoryError that comes at the limit; without a limit do nothing."""
    if point.memory_mib is None:
        return point.call()
    taken = []
    for _ in range(0, point.memory_mib + _STEP_MIB, _STEP_MIB):
        taken.append(b"\xff" * (_STEP_MIB << 20))
        if not point.held:
            break
    return point.call()
