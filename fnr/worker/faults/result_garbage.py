"""A result that is no JSON."""

from __future__ import annotations

from fnr.worker.fault_point import FaultPoint


def meet(_: FaultPoint) -> object:
    """Something that cannot be written down."""
    return object()
