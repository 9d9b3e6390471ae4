"""A thread that does one thing after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Steps:
    """What is put here is done in its order, in a thread that does not keep the process alive.

    A wedged disk must not keep a process from ending.
    """

    def __init__(self, name: str) -> None:
        self._steps: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.put = self._steps.put
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def end(self) -> None:
        """Do nothing more after what was put before."""
        self._steps.put(None)

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            step()
