"""Writes that the daemon cannot begin without: on a full disk, from what was set aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fnr.daemon.parts import Parts
from fnr.store.connection import StoreFull, Transaction

T = TypeVar("T")


async def written(parts: Parts, unit: Callable[[Transaction], T]) -> T:
    """The unit's result, once it is on disk; it may run twice. Raises StoreBusy, StoreFull,
    StoreIll."""
    try:
        return await parts.store.write(unit)
    except StoreFull:
        # Whoever looks after the store has heard of it by now, and has let go of the reserve.
        return await parts.store.write(unit)
