"""What may be asked about breakers."""

from __future__ import annotations

from msgspec import Struct, field

from fnr.api.question import Changed, Read, Request
from fnr.policy.breaker import BreakerState
from fnr.policy.breaker_record import BreakerDetail, BreakerMoveRecord, BreakerStatus


class ListBreakers(Read[list[BreakerStatus]], frozen=True, kw_only=True, tag=str):
    """Every breaker, by name."""


class GetBreaker(Read[BreakerDetail], frozen=True, kw_only=True, tag=str):
    """One breaker and its last moves."""

    name: str


class ListBreakerMoves(Read[list[BreakerMoveRecord]], frozen=True, kw_only=True, tag=str):
    """Moves of one breaker or of all, the latest first."""

    name: str | None = None
    limit: int = 50


class ForceBreakers(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Put breakers into a forced state for so long: forced_open, forced_closed or shadow."""

    names: list[str] = field(default_factory=list)
    state: BreakerState
    for_ms: int
    reason: str = ""


class ResetBreakers(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Close them, whatever they were, and forget what they have counted."""

    names: list[str] = field(default_factory=list)
    reason: str = ""


class ProbeReport(Struct, frozen=True, kw_only=True):
    """What a health probe found. found: in words. state: of the breaker afterwards."""

    name: str
    healthy: bool
    found: str
    took_ms: int
    state: BreakerState


class ProbeBreaker(Request[ProbeReport], frozen=True, kw_only=True, tag=str):
    """Ask for the health of a service now; a success ends the rest of its open breaker."""

    name: str
