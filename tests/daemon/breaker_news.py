"""Wait for what breakers do, as events tell it."""

from __future__ import annotations

from collections.abc import Callable

from live_home import LiveHome

from fnr.api.breaker_requests import GetBreaker
from fnr.api.requests import Watch
from fnr.policy.breaker_record import BreakerStatus


class BreakerNews:
    """Moves of breakers, from the moment this was made on."""

    def __init__(self, home: LiveHome) -> None:
        self._home = home
        self._ready = False
        self._events = home.connection(timeout_ms=60_000).watch(
            Watch(kinds=["breaker"]), on_watching=self._begin
        )
        self._seen: list[tuple[str, str]] = []

    def _begin(self) -> None:
        self._ready = True
        self._act()

    def until(self, *moves: str, act: Callable[[], object] = lambda: None) -> list[str]:
        """Do something once nothing can be missed, then wait for these moves in this order.

        A move reads "storage open". All moves that were seen on the way.
        """
        self._act = act
        if self._ready:
            act()
        wanted, seen = list(moves), []
        while wanted:
            event = next(self._events)
            seen.append(f"{event.detail.partition(':')[0]} {event.what}")
            if seen[-1] == wanted[0]:
                wanted.pop(0)
        return seen


def breaker_of(home: LiveHome, name: str = "storage") -> BreakerStatus:
    """How a breaker stands."""
    return home.ask(GetBreaker(name=name)).breaker
