"""Keep to a rate: how much at once, and how long to wait before the next."""

from __future__ import annotations

import select

from fnr.host.clock import Clock


class Pace:
    """per_ms: how many a millisecond; None: as fast as it goes."""

    def __init__(self, clock: Clock, *, per_ms: float | None) -> None:
        self._clock = clock
        self._per_ms = per_ms
        self._begun_ms = clock.boot_ms()
        self._let_through = 0

    def chunk(self, most: int) -> int:
        """How many at once: a tenth of a second's worth, so that bursts stay small."""
        if self._per_ms is None:
            return most
        return max(1, min(most, int(self._per_ms * 100)))

    def wait_for(self, count: int) -> None:
        """Wait until `count` more are due."""
        if self._per_ms is not None:
            due_ms = self._begun_ms + self._let_through / self._per_ms
            left_ms = due_ms - self._clock.boot_ms()
            if left_ms > 0:
                select.select([], [], [], left_ms / 1_000)
        self._let_through += count
