"""Units that wait for a COMMIT, in their order, and those that wait for company first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from fnr.store.batch import Done, Unit

# Whoever shares a commit waits so long for one, if somebody else has written that recently.
COMPANY_S = 0.05
SHARING_S = 0.02

Waiting = tuple[Unit, Done, bool]


class WriteQueue:
    """First in, first out. A waiting unit: what to run, whom to tell, is it heavy.

    begin: called when there is something to begin with.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, begin: Callable[[], None]) -> None:
        self._loop = loop
        self._begin = begin
        self._queue: deque[Waiting] = deque()
        self._sharing: list[Waiting] = []
        self._sharing_ends: asyncio.TimerHandle | None = None
        self._company_until_s = 0.0

    def __bool__(self) -> bool:
        """Is there something to begin with? Whoever waits for company alone is nothing."""
        return bool(self._queue)

    def add(self, unit: Waiting, *, shares: bool) -> None:
        """Let a unit wait. shares: for somebody else's commit, if one is likely to come."""
        now_s = self._loop.time()
        if not shares:
            self._company_until_s = now_s + COMPANY_S
        elif now_s < self._company_until_s:
            self._sharing.append(unit)
            if self._sharing_ends is None:
                self._sharing_ends = self._loop.call_later(SHARING_S, self._give_up_sharing)
            return
        self._queue.append(unit)
        self._begin()

    @property
    def heavy(self) -> bool:
        """Is the next unit a heavy one?"""
        return self._queue[0][2]

    def take(self, count_max: int, *, heavy: bool) -> deque[tuple[Unit, Done]]:
        """The next units of a kind that may share a commit, and those that waited for one."""
        if self._queue and self._sharing:
            self.join()
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

    def join(self) -> None:
        """Whoever waits for company needs none any more."""
        self._queue.extend(self._sharing)
        self._sharing.clear()
        if self._sharing_ends is not None:
            self._sharing_ends.cancel()
            self._sharing_ends = None

    def empty(self) -> list[Waiting]:
        """Take everything."""
        self.join()
        units = [*self._queue]
        self._queue.clear()
        return units

    def _give_up_sharing(self) -> None:
        self.join()
        self._begin()
