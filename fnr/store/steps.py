"""A thread that does one thing after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Steps:
    """What is put here is done in its order, in a thread that does not keep the process alive.

    A wedged disk must not keep a process from ending.
    idle: is all done that was put here? For whoever puts; others may hear of a no too long.
    """

    def __init__(self, name: str) -> None:
        self._steps: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # Each written by one thread alone.
        self._put = self._done = 0
        threading.Thread(target=self._work, name=name, daemon=True).start()

    @property
    def idle(self) -> bool:
        return self._put == self._done

    def put(self, step: Callable[[], None]) -> None:
        """Do this after what was put before."""
        self._put += 1
        self._steps.put(step)

    def end(self) -> None:
        """Do nothing more after what was put before."""
        self._steps.put(None)

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            step()
            self._done += 1
