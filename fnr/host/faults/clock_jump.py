"""A wall clock that is wrong by so much; the clocks that fnr decides by never jump."""

from __future__ import annotations

from fnr.host.clock import Clock


class JumpedClock(Clock):
    """Tells the wrong time until a moment on the boot clock, whoever forgets to put it right."""

    def __init__(self, by_ms: int, until_boot_ms: int) -> None:
        self._by_ms = by_ms
        self._until_boot_ms = until_boot_ms

    def now_ms(self) -> int:
        """The wrong time."""
        true_ms = self.true_ms()
        return true_ms + self._by_ms if self.boot_ms() < self._until_boot_ms else true_ms

    def true_ms(self) -> int:
        """The right time."""
        return super().now_ms()
