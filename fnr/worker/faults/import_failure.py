"""A function that cannot be imported."""

from __future__ import annotations

from fnr.worker.fault_point import FaultPoint


def meet(point: FaultPoint) -> None:
    """Raise what a missing module raises."""
    name = "fnr_chaos_missing"
    raise ModuleNotFoundError(
        f"No module named {name!r} (injected by drill {point.fault.drill_id})", name=name
    )
