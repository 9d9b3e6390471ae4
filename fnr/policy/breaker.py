"""A breaker: when to stop sending work to a service, and when to test it.

Every event makes a new breaker and, when its state changes, a move; nothing here reads a clock.
Moments are on the boot clock, because setting the wall clock must neither open nor close anything.
The generation goes up with every move, and the outcome of a call counts only in the generation it
began in: a late failure of an outage that is over does not open the breaker again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from fnr.policy.breaker_counts import (
    NOTHING,
    Counts,
    TripRules,
    after_failure,
    after_success,
    why_trip,
)
from fnr.policy.counted import counted

# The exponent is bounded because Python ints do not overflow, they grow.
DOUBLINGS_MAX = 16
SAMPLES_MAX = 10
# A service that flaps answers its probe and fails its trial: after so many such openings the whole
# rest is kept, however its probe looks.
EARLY_OPENINGS_MAX = 2


class BreakerState(StrEnum):
    """What a breaker does with a call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"
    SHADOW = "shadow"


FORCED_STATES = frozenset(
    {BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED, BreakerState.SHADOW}
)
REFUSING_STATES = frozenset({BreakerState.OPEN, BreakerState.FORCED_OPEN})

_CLOSED, _OPEN, _HALF = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
_F_OPEN, _F_CLOSED = BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED
_SHADOW = BreakerState.SHADOW

# (from, to) -> what makes the move. A breaker nobody has heard of is CLOSED.
LEGAL_BREAKER_MOVES: dict[tuple[BreakerState, BreakerState], str] = {
    (_CLOSED, _OPEN): "the service fails",
    (_OPEN, _HALF): "its rest is over, or its health probe succeeds",
    (_OPEN, _CLOSED): "reset by hand",
    (_HALF, _CLOSED): "a trial succeeded, or reset by hand",
    (_HALF, _OPEN): "a trial failed",
    (_CLOSED, _F_OPEN): "forced",
    (_CLOSED, _F_CLOSED): "forced",
    (_CLOSED, _SHADOW): "disabled",
    (_OPEN, _F_OPEN): "forced",
    (_OPEN, _F_CLOSED): "forced",
    (_OPEN, _SHADOW): "disabled",
    (_HALF, _F_OPEN): "forced",
    (_HALF, _F_CLOSED): "forced",
    (_HALF, _SHADOW): "disabled",
    (_F_OPEN, _HALF): "its time is over",
    (_F_OPEN, _OPEN): "its time is over, and its health probe is asked first",
    (_F_OPEN, _CLOSED): "reset by hand",
    (_F_OPEN, _F_OPEN): "forced anew",
    (_F_OPEN, _F_CLOSED): "forced",
    (_F_OPEN, _SHADOW): "disabled",
    (_F_CLOSED, _CLOSED): "its time is over, or reset by hand",
    (_F_CLOSED, _F_OPEN): "forced",
    (_F_CLOSED, _F_CLOSED): "forced anew",
    (_F_CLOSED, _SHADOW): "disabled",
    (_SHADOW, _CLOSED): "its time is over, or reset by hand",
    (_SHADOW, _OPEN): "its time is over, and the service fails",
    (_SHADOW, _HALF): "its time is over, and the service is to be tested",
    (_SHADOW, _F_OPEN): "forced",
    (_SHADOW, _F_CLOSED): "forced",
    (_SHADOW, _SHADOW): "it would have moved, or disabled anew",
}


class BreakerSettings(Struct, frozen=True, kw_only=True):
    """One [breakers.NAME] table, as far as it decides anything.

    open_ms:     how long it stays open the first time; doubled while trials fail, to open_max_ms.
    trials:      successes in half-open that close it.
    call_max_ms: calls that run for longer count as failing before they end; None asks nothing.
    errors:      rules whose errors count for this service ("comfyui/*"), and with "-" in front
                 those that do not; see blame.
    """

    name: str
    trip: TripRules = TripRules()
    open_ms: int = 60_000
    open_max_ms: int = 600_000
    trials: int = 1
    call_max_ms: int | None = None
    errors: tuple[str, ...] = ()


class Forced(Struct, frozen=True, kw_only=True):
    """A state that somebody has put it into for a while; until_ms is on the boot clock."""

    state: BreakerState
    until_ms: int
    by: str
    reason: str

    def __post_init__(self) -> None:
        assert self.state in FORCED_STATES, self.state


class Breaker(Struct, frozen=True, kw_only=True):
    """One breaker at one moment.

    own:        what its calls have made of it: CLOSED, OPEN or HALF_OPEN, behind a forced state.
    reopen_ms:  when it may be tested; set exactly while `own` is OPEN.
    openings:   openings in a row, without a quiet time as long as the last rest in between.
    good_trials: successes in this half-open.
    probe_fails: the last health probe failed; None: there was none since it opened.
    samples:    the latest failures, in words.
    """

    name: str
    own: BreakerState = BreakerState.CLOSED
    forced: Forced | None = None
    generation: int = 0
    counts: Counts = NOTHING
    reopen_ms: int | None = None
    openings: int = 0
    closed_ms: int = 0
    good_trials: int = 0
    probe_fails: bool | None = None
    samples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.own not in FORCED_STATES, self.own
        assert (self.own is BreakerState.OPEN) == (self.reopen_ms is not None), self

    @property
    def state(self) -> BreakerState:
        """What it does now."""
        return self.own if self.forced is None else self.forced.state

    @property
    def admits(self) -> bool:
        """Do calls go through, all of them?"""
        return self.state not in {_OPEN, _F_OPEN, _HALF}

    def idle_ms(self, *, now_ms: int) -> int | None:
        """For how long it has been closed without a failure that counts; None while it is not."""
        if self.state is not _CLOSED:
            return None
        failed_at_ms = self.closed_ms if self.counts.quiet else self.counts.failed_at_ms
        return now_ms - max(self.closed_ms, failed_at_ms)

    @property
    def until_ms(self) -> int | None:
        """When its state ends by itself at the latest; None when it does not."""
        return self.reopen_ms if self.forced is None else self.forced.until_ms

    @property
    def listens(self) -> bool:
        """Would it make a difference to hear of a success?"""
        return self.own is _HALF or not self.counts.quiet


class BreakerMove(Struct, frozen=True, kw_only=True):
    """One change of state. generation: the one it begins. facts: the numbers that decided."""

    name: str
    generation: int
    before: BreakerState
    after: BreakerState
    why: str
    by: str = "fnr"
    facts: dict[str, Any] = field(default_factory=dict)


class Step(Struct, frozen=True):
    """What an event makes of a breaker; without a move its state is what it was."""

    breaker: Breaker
    move: BreakerMove | None = None


# ── outcomes of calls ────────────────────────────────────────────────────────


def succeeded(breaker: Breaker, settings: BreakerSettings, *, generation: int, now_ms: int) -> Step:
    """A call of this generation went well."""
    if generation != breaker.generation or _is_held(breaker):
        return Step(breaker)
    if breaker.own is _CLOSED:
        return Step(replace(breaker, counts=after_success(breaker.counts, settings.trip)))
    if breaker.own is _OPEN:
        return Step(breaker)
    good = breaker.good_trials + 1
    if good < settings.trials:
        return Step(replace(breaker, good_trials=good))
    why = f"{good} of {counted(settings.trials, 'trial')} succeeded"
    return _moved(_closed(breaker, now_ms=now_ms), breaker, why)


def failed(
    breaker: Breaker,
    settings: BreakerSettings,
    *,
    generation: int,
    now_ms: int,
    what: str = "",
    trip: bool = False,
) -> Step:
    """A call of this generation failed, and the service is to blame.

    what: the failure in words. trip: its rule says that one such failure is enough.
    """
    if generation != breaker.generation or _is_held(breaker) or breaker.own is _OPEN:
        return Step(breaker)
    samples = (*breaker.samples, what)[-SAMPLES_MAX:] if what else breaker.samples
    counts = after_failure(breaker.counts, settings.trip, now_ms=now_ms)
    breaker = replace(breaker, samples=samples, counts=counts)
    if breaker.own is _HALF:
        return _opened(breaker, settings, "a trial failed" + _colon(what), now_ms=now_ms)
    why = f"one failure that says enough: {what}" if trip else why_trip(counts, settings.trip)
    return _opened(breaker, settings, why, now_ms=now_ms) if why else Step(breaker)


def overdue(breaker: Breaker, settings: BreakerSettings, *, calls: int, now_ms: int) -> Step:
    """So many calls of this generation have run for longer than call_max_ms and still do.

    Each counts as the failure that it is about to be, behind those that there were in a row.
    """
    limit = settings.trip.failures_max
    together = calls + breaker.counts.streak
    if not calls or together < limit or breaker.own is not _CLOSED or _is_held(breaker):
        return Step(breaker)
    why = f"{counted(calls, 'call has', 'calls have')} not ended after {settings.call_max_ms} ms"
    why += f", {breaker.counts.streak} failed before (failures {limit})"
    return _opened(breaker, settings, why, now_ms=now_ms)


# ── time and health ──────────────────────────────────────────────────────────


def awaits_probe(breaker: Breaker, *, has_probe: bool) -> bool:
    """Does a health probe have to succeed before its rest can be over?"""
    return has_probe and breaker.state is _OPEN and breaker.probe_fails is not False


def passed(breaker: Breaker, *, now_ms: int, has_probe: bool = False) -> Step:
    """Time has passed: a forced state or a rest may be over.

    has_probe: there is a health probe, and no task is spent as a trial before it succeeds.
    """
    forced = breaker.forced
    if forced is not None and now_ms >= forced.until_ms:
        why = f"its time is over (forced by {forced.by})"
        return _released(breaker, why, now_ms=now_ms, has_probe=has_probe)
    rested = breaker.reopen_ms is not None and now_ms >= breaker.reopen_ms
    if not rested or _is_held(breaker) or awaits_probe(breaker, has_probe=has_probe):
        return Step(breaker)
    return _moved(_half(breaker), breaker, "its rest is over")


def probed(breaker: Breaker, *, healthy: bool, now_ms: int, by: str = "fnr") -> Step:
    """A health probe has answered. A success ends the rest, unless the service flaps."""
    if breaker.own is not _OPEN:
        return Step(breaker)
    breaker = replace(breaker, probe_fails=not healthy)
    early = healthy and (breaker.openings <= EARLY_OPENINGS_MAX or by != "fnr")
    if early and not _is_held(breaker):
        return _moved(_half(breaker), breaker, "its health probe succeeds", by=by)
    return passed(breaker, now_ms=now_ms, has_probe=True)


# ── by hand ──────────────────────────────────────────────────────────────────


def force(breaker: Breaker, forced: Forced) -> Step:
    """Put it into a state for a while, whatever its calls say."""
    why = forced.reason or "no reason given"
    return _moved(replace(breaker, forced=forced), breaker, why, by=forced.by)


def reset(breaker: Breaker, *, by: str, reason: str, now_ms: int) -> Step:
    """Close it and forget what it has counted."""
    after = replace(_closed(breaker, now_ms=now_ms), forced=None, openings=0)
    if breaker.state is _CLOSED:
        return Step(after)
    return _moved(after, breaker, reason or "reset", by=by)


# ── how ──────────────────────────────────────────────────────────────────────


def _is_held(breaker: Breaker) -> bool:
    """Forced open or closed it learns nothing; in shadow it does."""
    return breaker.forced is not None and breaker.forced.state is not _SHADOW


def _opened(breaker: Breaker, settings: BreakerSettings, why: str, *, now_ms: int) -> Step:
    last_rest_ms = rest_ms(settings, openings=max(breaker.openings, 1))
    quiet = breaker.own is _CLOSED and now_ms - breaker.closed_ms >= last_rest_ms
    openings = 1 if quiet else breaker.openings + 1
    after = replace(
        breaker,
        own=_OPEN,
        openings=openings,
        reopen_ms=now_ms + rest_ms(settings, openings=openings),
        good_trials=0,
        probe_fails=None,
    )
    return _moved(after, breaker, why)


def rest_ms(settings: BreakerSettings, *, openings: int) -> int:
    """How long it stays open the n-th time in a row."""
    doublings = min(openings - 1, DOUBLINGS_MAX)
    return min(settings.open_ms << doublings, max(settings.open_ms, settings.open_max_ms))


def _half(breaker: Breaker) -> Breaker:
    return replace(breaker, own=_HALF, reopen_ms=None, good_trials=0, probe_fails=None)


def _closed(breaker: Breaker, *, now_ms: int) -> Breaker:
    return replace(
        breaker,
        own=_CLOSED,
        reopen_ms=None,
        closed_ms=now_ms,
        counts=NOTHING,
        good_trials=0,
        probe_fails=None,
        samples=(),
    )


def _released(breaker: Breaker, why: str, *, now_ms: int, has_probe: bool) -> Step:
    """A forced state ends: after forced-open the service is tested, after forced-closed trusted."""
    assert breaker.forced is not None, breaker
    after = replace(breaker, forced=None)
    if breaker.forced.state is _F_OPEN:
        after = _rested(after, now_ms=now_ms) if has_probe else _half(after)
    elif breaker.forced.state is _F_CLOSED:
        after = replace(after, own=_CLOSED, reopen_ms=None, counts=NOTHING, samples=())
    return _moved(after, breaker, why)


def _rested(breaker: Breaker, *, now_ms: int) -> Breaker:
    """Open, its rest over: what the probe found before is news of another time."""
    return replace(breaker, own=_OPEN, reopen_ms=now_ms, good_trials=0, probe_fails=None)


def _moved(after: Breaker, before: Breaker, why: str, *, by: str = "fnr") -> Step:
    after = replace(after, generation=before.generation + 1)
    shadowed = after.state is _SHADOW and before.state is _SHADOW and after.own is not before.own
    move = BreakerMove(
        name=after.name,
        generation=after.generation,
        before=before.state,
        after=after.state,
        why=f"would be {after.own}: {why}" if shadowed else why,
        by=by,
        facts=_facts(before if after.own is _CLOSED else after),
    )
    assert (move.before, move.after) in LEGAL_BREAKER_MOVES, move
    return Step(after, move)


def _facts(breaker: Breaker) -> dict[str, Any]:
    counts = breaker.counts
    return {
        "streak": counts.streak,
        "sum": round(counts.total, 2),
        "recent": "".join("x" if failed_ else "." for failed_ in counts.recent),
        "openings": breaker.openings,
        "samples": list(breaker.samples),
    }


def _colon(what: str) -> str:
    return f": {what}" if what else ""
