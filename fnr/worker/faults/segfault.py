"""The worker dies of a segmentation fault."""

from __future__ import annotations

import signal

from fnr.worker.fault_point import FaultPoint


def meet(_: FaultPoint) -> None:
    """Get the signal that the kernel sends for a bad address."""
    signal.raise_signal(signal.SIGSEGV)
