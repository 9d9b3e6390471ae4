"""A function that takes long to load."""

from __future__ import annotations

import select

from fnr.worker.fault_point import FaultPoint

_STEP_MS = 50


def meet(point: FaultPoint) -> None:
    """Wait for so long, or until the fault is over."""
    for _ in range(0, int(point.fault.options["delay"]), _STEP_MS):
        if not point.held:
            return
        select.poll().poll(_STEP_MS)
