"""A plan's turn: has it to stop, how many may be put back now, and which entries those are.

Pure: counts, elapsed times and candidates come in, decisions go out. Nothing here waits; the
answer says how long nothing will change by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from fnr.policy.replay import CONCURRENCY_DEFAULT, ReplayPlan, ReplayState

# A share of failures says nothing before so many have ended.
SHARE_ENDS_MIN = 20
# A ramp begins with this part of what it leads to.
RAMP_FROM = 0.1
# And grows in so many steps at most.
RAMP_STEPS = 100
# So much of a rate may be saved up and put back at once when it could not be before.
BURST_MS = 100
# Otherwise so much is put back together: whoever else uses the daemon waits behind all of it.
TOGETHER_MS = 10
_HOUR_MS = 3_600_000


# ── stop, or go on ───────────────────────────────────────────────────────────


def judge(plan: ReplayPlan) -> tuple[ReplayState, str] | None:
    """The move that a plan's own counts ask for, with the reason; None: it goes on as it is."""
    if plan.state not in {ReplayState.CANARY, ReplayState.RUNNING}:
        return None
    # With nothing left there is nothing to stop.
    if plan.left and (why := _too_many_died(plan)) is not None:
        return ReplayState.STOPPED, why
    if plan.state is ReplayState.RUNNING:
        ended = plan.left == 0 and plan.live == 0
        return (ReplayState.DONE, _summary(plan)) if ended else None
    if _canary_is_over(plan):
        return ReplayState.RUNNING, f"canary: {_summary(plan)}"
    return None


def _too_many_died(plan: ReplayPlan) -> str | None:
    options = plan.options
    dead = plan.dead - plan.judged_dead
    ended = dead + plan.done - plan.judged_done
    in_canary = plan.state is ReplayState.CANARY
    if dead and in_canary and options.failures_max is None and options.failures_percent is None:
        return f"{dead} of the canary died again"
    if options.failures_max is not None and dead >= options.failures_max:
        return f"{dead} died again, the limit is {options.failures_max}"
    if options.failures_percent is None or not dead:
        return None
    # A canary is judged when it is complete: by then it says all it can.
    enough = _canary_is_over(plan) if in_canary else ended >= SHARE_ENDS_MIN
    if enough and dead * 100 >= options.failures_percent * ended:
        return f"{dead} of {ended} died again, the limit is {options.failures_percent}%"
    return None


def _canary_is_over(plan: ReplayPlan) -> bool:
    return plan.live == 0 and (plan.left == 0 or plan.put_back >= plan.options.canary)


def _summary(plan: ReplayPlan) -> str:
    parts = (("done", plan.done), ("died again", plan.dead), ("cancelled", plan.cancelled))
    told = [f"{count} {word}" for word, count in (*parts, ("skipped", plan.skipped)) if count]
    return ", ".join(told) or "nothing was left to put back"


# ── how many ─────────────────────────────────────────────────────────────────


def room(plan: ReplayPlan, *, elapsed_ms: int) -> int:
    """How many entries may be put back now as far as those that are live decide.

    elapsed_ms: since it began to run behind its canary.
    """
    options = plan.options
    live_max = options.concurrency or CONCURRENCY_DEFAULT
    if options.rate_per_h is None:
        live_max = max(1, int(live_max * _ramp(plan, elapsed_ms)))
    free = min(live_max - plan.live, plan.left)
    if plan.state is ReplayState.CANARY:
        free = min(free, options.canary - plan.put_back)
    return max(0, free)


def _ramp(plan: ReplayPlan, elapsed_ms: int) -> float:
    """The part of rate or concurrency that a ramp allows by now."""
    ramp_ms = plan.options.ramp_ms
    if ramp_ms is None or plan.running_at_ms is None:
        return 1.0
    return min(1.0, max(RAMP_FROM, elapsed_ms / ramp_ms))


def ramp_wait_ms(plan: ReplayPlan, *, elapsed_ms: int) -> int | None:
    """When a ramp of the concurrency allows more than now; None when there is none, or its end."""
    options = plan.options
    if options.ramp_ms is None or options.rate_per_h is not None or plan.running_at_ms is None:
        return None
    if elapsed_ms >= options.ramp_ms:
        return None
    steps = min(options.concurrency or CONCURRENCY_DEFAULT, RAMP_STEPS)
    return max(1, options.ramp_ms // steps)


class Pace(Struct, frozen=True):
    """What a rate has saved up. at_ms: on a clock that never jumps."""

    credit: float
    at_ms: int


def per_ms(plan: ReplayPlan, *, elapsed_ms: int) -> float | None:
    """How many a millisecond the rate allows now; None without a rate."""
    rate_per_h = plan.options.rate_per_h
    return None if rate_per_h is None else rate_per_h / _HOUR_MS * _ramp(plan, elapsed_ms)


def saved(pace: Pace, rate: float, *, at_ms: int) -> Pace:
    """The pace a moment later."""
    most = max(1.0, rate * BURST_MS)
    return Pace(min(most, pace.credit + max(0, at_ms - pace.at_ms) * rate), at_ms)


def led_anew(*, idle_ms: int | None, at_ms: int) -> Pace:
    """The pace of a plan that is led anew, so long after a letter was put back; None: none was."""
    return Pace(1.0, at_ms) if idle_ms is None else Pace(0.0, at_ms - max(0, idle_ms))


def spent(pace: Pace, count: int) -> Pace:
    """The pace after so many were put back."""
    return Pace(pace.credit - count, pace.at_ms)


def pace_wait_ms(pace: Pace, rate: float) -> int:
    """How long until it is worth to look again: for one, or for what comes together."""
    wanted = max(1.0, rate * TOGETHER_MS)
    return max(1, math.ceil((wanted - pace.credit) / rate))


def rate_wait_ms(plan: ReplayPlan, pace: Pace, rate: float, *, elapsed_ms: int) -> int:
    """How long until it is worth to look again at a plan with a rate, of which this is in force.

    A ramp has raised it long before a slow one has saved up enough: each step of it is looked at.
    """
    wait_ms = pace_wait_ms(pace, rate)
    ramp_ms = plan.options.ramp_ms
    if ramp_ms is None or plan.running_at_ms is None or elapsed_ms >= ramp_ms:
        return wait_ms
    return min(wait_ms, max(1, ramp_ms // RAMP_STEPS))


# ── which ────────────────────────────────────────────────────────────────────


class Candidate(Struct, frozen=True, kw_only=True):
    """An entry whose turn it may be.

    ready: it was held, and nothing of its key stands before it any more. problem: why it cannot
    be put back. key: what its order is kept by.
    """

    rank: int
    task_id: str
    function: str = ""
    ready: bool = False
    key: str | None = None
    problem: str | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """What becomes of the candidates that were looked at, which are the first `looked_at`."""

    start: tuple[Candidate, ...] = ()
    hold: tuple[Candidate, ...] = ()
    skip: tuple[Candidate, ...] = ()
    looked_at: int = 0


def choose(candidates: Sequence[Candidate], *, busy: frozenset[str], free: int) -> Choice:
    """Take candidates in their order, until `free` have been started.

    busy: keys of entries that are live, ready or held. Of one key only one goes at a time.
    """
    taken: set[str] = set(busy)
    start: list[Candidate] = []
    hold: list[Candidate] = []
    skip: list[Candidate] = []
    looked_at = 0
    for candidate in candidates:
        if len(start) >= free:
            break
        looked_at += 1
        if candidate.key in taken and not candidate.ready:
            hold.append(candidate)
        elif candidate.problem is not None:
            skip.append(candidate)
        else:
            start.append(candidate)
            if candidate.key is not None:
                taken.add(candidate.key)
    return Choice(start=tuple(start), hold=tuple(hold), skip=tuple(skip), looked_at=looked_at)
