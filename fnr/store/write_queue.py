"""Units that wait for a COMMIT, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from fnr.store.batch import Done, Unit

Waiting = tuple[Unit, Done, bool]


class WriteQueue:
    """First in, first out. A waiting unit: what to run, whom to tell, is it heavy.

    begin: called when there is something to begin with.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._queue: deque[Waiting] = deque()

    def __bool__(self) -> bool:
        """Is there something to begin with?"""
        return bool(self._queue)

    def add(self, unit: Waiting) -> None:
        """Let a unit wait."""
        self._queue.append(unit)
        self._begin()

    @property
    def heavy(self) -> bool:
        """Is the next unit a heavy one?"""
        return self._queue[0][2]

    def take(self, count_max: int, *, heavy: bool) -> deque[tuple[Unit, Done]]:
        """The next units of a kind that may share a commit."""
        if len(self._queue) == 1 and self.heavy == heavy and count_max:
            unit, done, _ = self._queue.popleft()
            return deque(((unit, done),))
        units: deque[tuple[Unit, Done]] = deque()
        while self._queue and self.heavy == heavy and len(units) < count_max:
            unit, done, _ = self._queue.popleft()
            units.append((unit, done))
        return units

    def put_back(self, units: Iterable[tuple[Unit, Done]], *, heavy: bool) -> None:
        """Units that were taken and have not run wait again, before all others."""
        self._queue.extendleft((*unit, heavy) for unit in reversed([*units]))

    def empty(self) -> list[Waiting]:
        """Take everything."""
        units = [*self._queue]
        self._queue.clear()
        return units
