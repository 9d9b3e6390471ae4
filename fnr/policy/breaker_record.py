"""A breaker as it is read back from the store: how it stands, what it counted, how it got there."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from fnr.policy.breaker import BreakerState


class BreakerStatus(Struct, frozen=True, kw_only=True):
    """One breaker.

    own:         what its calls have made of it, behind a forced state.
    until_at_ms: when its state ends by itself at the latest; None when it does not.
    why, by, since_at_ms: of its last move.
    recent:      its last calls, oldest first, "x" for a failure.
    openings:    openings in a row; each rests twice as long as the one before.
    samples:     its last failures, in words.
    """

    name: str
    state: BreakerState
    own: BreakerState
    generation: int = 0
    until_at_ms: int | None = None
    since_at_ms: int | None = None
    why: str = ""
    by: str = ""
    streak: int = 0
    recent: str = ""
    sum: float = 0.0
    openings: int = 0
    good_trials: int = 0
    probe_fails: bool | None = None
    forced_by: str = ""
    forced_reason: str = ""
    samples: tuple[str, ...] = ()


class BreakerMoveRecord(Struct, frozen=True, kw_only=True):
    """One move of a breaker, with the numbers that decided."""

    name: str
    generation: int
    at_ms: int
    before: BreakerState
    after: BreakerState
    why: str
    by: str
    facts: dict[str, Any] = field(default_factory=dict)


class BreakerDetail(Struct, frozen=True, kw_only=True):
    """One breaker with its last moves, the latest first."""

    breaker: BreakerStatus
    moves: list[BreakerMoveRecord] = field(default_factory=list)
