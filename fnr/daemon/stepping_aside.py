"""While a breaker is open: queued tasks of a function that has another way go that way.

Only functions whose ladder names the breaker are looked at, and only while it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from fnr.config.settings import FunctionSettings
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts, log
from fnr.host.failpoint import failpoint
from fnr.policy.degrade import BREAKER, Degradation, next_step
from fnr.policy.task import Task
from fnr.store import handovers
from fnr.store.connection import Transaction
from fnr.store.handovers import Place

# New tasks may come in while the breaker is open.
EVERY_MS = 1_000
CHUNK_MAX = 500


class SteppingAside:
    """Owns the timer that looks while there is something to look for."""

    def __init__(
        self, parts: Parts, dispatcher: Dispatcher, open_breakers: Callable[[], tuple[str, ...]]
    ) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._open = open_breakers
        self._timer: asyncio.TimerHandle | None = None
        # Functions that are being looked through; whether to look at once when that is done.
        self._under_way = 0
        self._again = False

    def start(self) -> None:
        """Begin with what is open already, or by other settings."""
        self.moved([])

    def moved(self, _: list[str]) -> None:
        """A breaker has moved: look at once, if a function has another way for an open one."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._parts.later(0, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._under_way:
            # Looking through very many takes longer than from one look to the next.
            self._again = True
            return
        self._again = False
        found = [
            settings
            for settings in self._parts.settings.functions.values()
            if self._words(settings)
        ]
        self._under_way = len(found)
        for settings in found:
            self._chunk(settings, after=None)

    def _looked_through(self) -> None:
        self._under_way -= 1
        if not self._under_way and self._timer is None:
            self._timer = self._parts.later(0 if self._again else EVERY_MS, self._look)

    def _words(self, settings: FunctionSettings) -> list[str]:
        """Conditions of open breakers for which this function may have another way."""
        named = {word for rung in settings.degrade if rung.function for word in rung.when}
        if not named:
            return []
        return [word for name in self._open() if (word := f"{BREAKER}{name}") in named]

    def _chunk(self, settings: FunctionSettings, *, after: Place | None) -> None:
        words = self._words(settings)
        # Whoever stays with the function needs its services, however small it gets; and rungs are
        # known by their place.
        ladder = [rung if rung.function else replace(rung, when=()) for rung in settings.degrade]
        went: dict[str, int] = {}
        now_ms = self._parts.clock.now_ms()

        def step_for(task: Task) -> Degradation | None:
            step = next_step(
                task.degraded,
                ladder,
                function=settings.name,
                conditions=words,
                at_ms=now_ms,
            )
            known = step is not None and self._parts.function(step.to) is not None
            return step if known else None

        def unit(tx: Transaction) -> Place | None:
            went.clear()
            moved, more = handovers.hand_over(
                tx, settings.name, step_for, after=after, count_max=CHUNK_MAX, now_ms=now_ms
            )
            failpoint("handed-over-in-unit")
            went.update(moved)
            return more

        def committed(more: Place | None, error: BaseException | None) -> None:
            if error is not None:
                log.warning("tasks of %s could not step aside: %s", settings.name, error)
                self._looked_through()
                return
            for function in went:
                self._dispatcher.due_now(function)
            if more is not None and self._words(settings):
                self._chunk(settings, after=more)
            else:
                self._looked_through()

        self._parts.store.post(unit, committed)
