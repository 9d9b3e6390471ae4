"""A few file descriptors that are held for a moment in which there are no others."""

from __future__ import annotations

import os
from contextlib import suppress


class SpareFiles:
    """Held from `fill` on; each `let_go` makes room for one file."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._held: list[int] = []

    @property
    def full(self) -> bool:
        """Are there as many as there should be?"""
        return len(self._held) == self._count_max

    @property
    def empty(self) -> bool:
        """Is there room for no other file?"""
        return not self._held

    def fill(self) -> None:
        """Take again what is missing, as far as it is to be had."""
        with suppress(OSError):
            while len(self._held) < self._count_max:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def let_go(self) -> bool:
        """Make room for one file; False when there is none to make."""
        if not self._held:
            return False
        os.close(self._held.pop())
        return True

    def close(self) -> None:
        """Give all of them back."""
        while self.let_go():
            pass
