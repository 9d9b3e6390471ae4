"""A breaker as a store remembers it, brought to the clock of now.

Its moments are on the boot clock, and another boot had another one. What is known of both boots is
the wall clock at the moment of saving; the time that has passed since then is taken off every rest,
so that a breaker which was to rest for another 20 s when the host went down is tested 20 s later.
A wall clock that was set back meanwhile can only make a rest begin anew, never last longer.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.breaker import Breaker, BreakerSettings


class SavedAt(Struct, frozen=True, kw_only=True):
    """One moment on three clocks: which boot, how long after it, and the wall's Unix time."""

    boot_id: str
    boot_ms: int
    at_ms: int


def restored(
    breaker: Breaker, settings: BreakerSettings, *, saved: SavedAt, now: SavedAt
) -> Breaker:
    """The breaker with its moments on the boot clock of now."""
    if saved.boot_id == now.boot_id:
        return breaker
    passed_ms = max(0, now.at_ms - saved.at_ms)
    shift_ms = now.boot_ms - saved.boot_ms - passed_ms
    rest_max_ms = max(settings.open_ms, settings.open_max_ms)
    reopen_ms, forced = breaker.reopen_ms, breaker.forced
    if reopen_ms is not None:
        reopen_ms = min(reopen_ms + shift_ms, now.boot_ms + rest_max_ms)
    if forced is not None:
        forced = replace(forced, until_ms=forced.until_ms + shift_ms)
    return replace(
        breaker,
        reopen_ms=reopen_ms,
        forced=forced,
        closed_ms=breaker.closed_ms + shift_ms,
        counts=replace(breaker.counts, failed_at_ms=breaker.counts.failed_at_ms + shift_ms),
    )
