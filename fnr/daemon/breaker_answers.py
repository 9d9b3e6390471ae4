"""What operators do with breakers: force them, reset them, ask for the health of their service."""

from __future__ import annotations

from collections.abc import Callable

from fnr.api.breaker_requests import ForceBreakers, ProbeBreaker, ProbeReport, ResetBreakers
from fnr.api.errors import NotFound, Refused, UsageError
from fnr.api.question import Changed
from fnr.config.units import MS_OF, format_duration
from fnr.daemon.breaker_probes import BreakerProbes
from fnr.daemon.breakers import Breakers
from fnr.daemon.clients import Client
from fnr.daemon.parts import Parts
from fnr.policy.breaker import FORCED_STATES, Breaker, Forced, Step, force, reset
from fnr.store.connection import Transaction

FORCED_MS_MAX = 365 * MS_OF["d"]


class BreakerAnswers:
    """Every change is one unit, with its author and reason on record."""

    def __init__(self, parts: Parts, breakers: Breakers, probes: BreakerProbes) -> None:
        self._parts = parts
        self._breakers = breakers
        self._probes = probes

    async def force(self, client: Client, request: ForceBreakers) -> Changed:
        """Put them into a state for a while."""
        if request.state not in FORCED_STATES:
            states = ", ".join(sorted(FORCED_STATES))
            raise UsageError(f"{request.state} cannot be forced", why=f"one of {states} can")
        if not 0 < request.for_ms <= FORCED_MS_MAX:
            raise UsageError(
                "a forced state takes from 1ms to a year",
                why=f"{format_duration(request.for_ms)} was asked for",
                next_step="--for 30m",
            )
        by = client.submitter

        def move(breaker: Breaker) -> Step:
            until_ms = self._parts.clock.boot_ms() + request.for_ms
            forced = Forced(state=request.state, until_ms=until_ms, by=by, reason=request.reason)
            return force(breaker, forced)

        return await self._move(request.names, move)

    async def reset(self, client: Client, request: ResetBreakers) -> Changed:
        """Close them and forget what they counted."""
        by = client.submitter

        def move(breaker: Breaker) -> Step:
            now_ms = self._parts.clock.boot_ms()
            return reset(breaker, by=by, reason=request.reason, now_ms=now_ms)

        return await self._move(request.names, move)

    async def probe(self, client: Client, request: ProbeBreaker) -> ProbeReport:
        """Ask for the health of a service now."""
        name = self._known([request.name])[0]
        if not self._parts.settings.breaker(name).probe:
            raise Refused(
                f"breaker {name} has no health probe",
                why=f"[breakers.{name}] in fnr.toml has no probe",
                next_step="fnr config show",
            )
        began_ms = self._parts.clock.boot_ms()
        found = await self._probes.ask(name, by=client.submitter)
        breaker = self._breakers.get(name)
        assert breaker is not None, name
        return ProbeReport(
            name=name,
            healthy=found.healthy,
            found=found.found,
            took_ms=self._parts.clock.boot_ms() - began_ms,
            state=breaker.state,
        )

    async def _move(self, names: list[str], move: Callable[[Breaker], Step]) -> Changed:
        wanted = self._known(names)

        def unit(tx: Transaction) -> None:
            known = self._breakers.fresh(tx)
            for name in wanted:
                self._breakers.take(tx, move(known[name]))

        await self._parts.store.write(unit)
        self._breakers.committed()
        return Changed(changed=wanted)

    def _known(self, names: list[str]) -> list[str]:
        if not names:
            raise UsageError("say which breakers", next_step="fnr breaker list")
        for name in names:
            if self._breakers.get(name) is None:
                raise NotFound(f"there is no breaker {name!r}", next_step="fnr breaker list")
        return list(dict.fromkeys(names))
