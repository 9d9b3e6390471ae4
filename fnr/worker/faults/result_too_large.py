"""A result that is larger than a result may be."""

from __future__ import annotations

from fnr.policy.task import RESULT_BYTES_MAX
from fnr.worker.fault_point import FaultPoint


def meet(_: FaultPoint) -> str:
    """One byte more than is allowed, and the quotes."""
    return "x" * RESULT_BYTES_MAX
