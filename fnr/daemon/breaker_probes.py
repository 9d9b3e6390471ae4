"""Ask the services of open breakers whether they are well: those that are get a trial at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fnr.daemon.breakers import Breakers
from fnr.daemon.parts import Parts, log
from fnr.host import health
from fnr.policy.breaker import BreakerState, probed
from fnr.store.connection import Transaction


class BreakerProbes:
    """One probe at a time for each open breaker that has one; none for the others."""

    def __init__(self, parts: Parts, breakers: Breakers) -> None:
        self._parts = parts
        self._breakers = breakers
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        breakers.on_moved.append(self._arm_all)

    def start(self) -> None:
        """Begin with what is open already, or by other settings."""
        self._arm_all(self._breakers.names())

    def close(self) -> None:
        """The daemon ends."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._asking.values():
            task.cancel()

    async def ask(self, name: str, *, by: str) -> health.Health:
        """Probe now and count what was found."""
        table = self._parts.settings.breaker(name)
        found = await health.ask(
            table.probe,
            timeout_ms=table.probe_timeout_ms,
            cwd=str(Path(self._parts.paths.config_file).parent),
        )

        def unit(tx: Transaction) -> None:
            breaker = self._breakers.fresh(tx).get(name)
            if breaker is not None:
                now_ms = self._parts.clock.boot_ms()
                step = probed(breaker, healthy=found.healthy, now_ms=now_ms, by=by)
                self._breakers.take(tx, step)

        await self._parts.store.write(unit)
        self._breakers.committed()
        return found

    def _arm_all(self, names: list[str]) -> None:
        for name in names:
            if timer := self._timers.pop(name, None):
                timer.cancel()
            if self._is_asked_for(name):
                self._arm(name, self._first_ms(name))

    def _first_ms(self, name: str) -> float:
        """The first answer should come before the rest is over; after a forced one it is."""
        breaker = self._breakers.get(name)
        rested_ms = None if breaker is None else breaker.reopen_ms
        if rested_ms is not None and rested_ms <= self._parts.clock.boot_ms():
            return 0
        table = self._parts.settings.breaker(name)
        return min(table.probe_every_ms, table.open_ms // 2)

    def _is_asked_for(self, name: str) -> bool:
        breaker = self._breakers.get(name)
        asked = breaker is not None and breaker.state is BreakerState.OPEN
        return asked and bool(self._parts.settings.breaker(name).probe)

    def _arm(self, name: str, wait_ms: float) -> None:
        self._timers[name] = self._parts.later(wait_ms, lambda: self._begin(name))

    def _begin(self, name: str) -> None:
        self._timers.pop(name, None)
        if name not in self._asking and self._is_asked_for(name):
            self._asking[name] = self._parts.loop.create_task(self._probe(name))

    async def _probe(self, name: str) -> None:
        try:
            found = await self.ask(name, by="fnr")
            log.debug("probed", extra={"breaker": name, "found": found.found})
        except Exception as error:  # noqa: BLE001 - the store may be in trouble; the next one comes
            log.warning("the health of %s could not be noted: %s", name, error)
        finally:
            self._asking.pop(name, None)
        if name not in self._timers and self._is_asked_for(name):
            self._arm(name, self._parts.settings.breaker(name).probe_every_ms)
