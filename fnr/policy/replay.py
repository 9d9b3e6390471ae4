"""A replay: a durable plan that puts chosen dead letters back, its options and its moves.

The set is frozen when the plan is made: a letter that died later is not in it. Every entry ends
with a state of its own and, when it was not put back, with the reason. When the next entries are
put back, and when the plan has to stop, is decided in replay_turn.py.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

# In flight at once unless the plan says otherwise: enough for the quickest functions, few enough
# that new tasks do not queue behind a whole night of old ones.
CONCURRENCY_DEFAULT = 1_000
CONCURRENCY_MAX = 10_000
RAMP_MS_MAX = 7 * 86_400_000
RATE_PER_H_MAX = 3_600 * 100_000
KEY_CHARS_MAX = 200
# Who moves a plan by itself, and how the reason begins when it is a breaker.
BY = "fnr"
HELD_BACK = "breaker "


class ReplayState(StrEnum):
    """Where a plan is.

    PLANNING: its set is being chosen. CANARY: the first few are tried. PAUSED: nothing more is put
    back until somebody resumes it, or the breaker that paused it lets calls through. STOPPED: too
    many died again. DONE: every entry has ended.
    """

    PLANNING = "planning"
    CANARY = "canary"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


_S = ReplayState
ENDED_REPLAYS = frozenset({_S.DONE, _S.CANCELLED})
MOVING_REPLAYS = frozenset({_S.PLANNING, _S.CANARY, _S.RUNNING})

# (from, to) -> what makes the move.
LEGAL_REPLAY_MOVES: dict[tuple[ReplayState, ReplayState], str] = {
    (_S.PLANNING, _S.CANARY): "its set is frozen, and a canary was asked for",
    (_S.PLANNING, _S.RUNNING): "its set is frozen",
    (_S.PLANNING, _S.PAUSED): "paused by hand",
    (_S.PLANNING, _S.CANCELLED): "cancelled",
    (_S.CANARY, _S.RUNNING): "the first ones came home",
    (_S.CANARY, _S.PAUSED): "paused by hand, or a breaker opened",
    (_S.CANARY, _S.STOPPED): "too many of the first ones died again",
    (_S.CANARY, _S.CANCELLED): "cancelled",
    (_S.RUNNING, _S.PAUSED): "paused by hand, or a breaker opened",
    (_S.RUNNING, _S.STOPPED): "too many died again",
    (_S.RUNNING, _S.DONE): "every entry has ended",
    (_S.RUNNING, _S.CANCELLED): "cancelled",
    (_S.PAUSED, _S.PLANNING): "resumed, its set is not frozen yet",
    (_S.PAUSED, _S.CANARY): "resumed, or its breaker lets calls through",
    (_S.PAUSED, _S.RUNNING): "resumed, or its breaker lets calls through",
    (_S.PAUSED, _S.CANCELLED): "cancelled",
    (_S.STOPPED, _S.RUNNING): "resumed by hand; failures count from here on",
    (_S.STOPPED, _S.CANCELLED): "cancelled",
}


class EntryState(StrEnum):
    """What became of one letter of a plan.

    PENDING: its turn has not come. HELD: an earlier entry with its key has not ended. READY: none
    has any more. LIVE: its task is back and has not ended. DONE, DEAD (again), CANCELLED: how it
    ended. SKIPPED: it was not put back; its reason says why.
    """

    PENDING = "pending"
    HELD = "held"
    READY = "ready"
    LIVE = "live"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class ReplayOrder(StrEnum):
    """Which letters go first: by their death, or by the priority of their tasks, then oldest."""

    OLDEST = "oldest"
    NEWEST = "newest"
    PRIORITY = "priority"


class ReplayOptions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a plan puts its letters back.

    canary:        try so many first, and go on only when they have come home.
    rate_per_h:    no more than so many an hour; None: as fast as they end.
    ramp_ms:       begin with a tenth of the rate (or of the concurrency) and reach it after this.
    concurrency:   at most so many of them live at once.
    failures_max, failures_percent: stop when so many, or so many of those that ended, died again.
    keep_order_by: "tag.NAME" or "input.NAME": entries that share its value go one after another.
    """

    canary: int = 0
    rate_per_h: int | None = None
    ramp_ms: int | None = None
    concurrency: int | None = None
    failures_max: int | None = None
    failures_percent: int | None = None
    order: ReplayOrder = ReplayOrder.OLDEST
    keep_order_by: str = ""


class ReplayPlan(Struct, frozen=True, kw_only=True):
    """One plan with its counts.

    where:   the filter that chose its letters; by_ids: they were named one by one.
    reason:  why it was made.
    until_ms: no letter that died later is in it; None: the moment when it was made.
    why, state_by: of the last move. total: entries, as far as they have been chosen.
    pending, held, live, done, dead, cancelled, skipped: entries by state; held includes ready.
    frozen_at_ms: since when its set is whole; None while it is being chosen.
    running_at_ms: when it last set out behind its canary; None before.
    judged_done, judged_dead: ends that came before it was last resumed, and count no longer.
    """

    plan_id: str
    state: ReplayState
    state_at_ms: int
    created_at_ms: int
    created_by: str
    reason: str = ""
    until_ms: int | None = None
    state_by: str = "fnr"
    why: str = ""
    where: str = ""
    by_ids: bool = False
    options: ReplayOptions = ReplayOptions()
    total: int = 0
    pending: int = 0
    held: int = 0
    live: int = 0
    done: int = 0
    dead: int = 0
    cancelled: int = 0
    skipped: int = 0
    frozen_at_ms: int | None = None
    running_at_ms: int | None = None
    judged_done: int = 0
    judged_dead: int = 0

    @property
    def left(self) -> int:
        """Entries that were neither put back nor skipped yet."""
        return self.pending + self.held

    @property
    def put_back(self) -> int:
        """Entries that were put back."""
        return self.live + self.done + self.dead + self.cancelled


class ReplayEntry(Struct, frozen=True, kw_only=True):
    """One letter of a plan. at_ms: of its last move. key: what it keeps its order by."""

    task_id: str
    state: EntryState
    why: str = ""
    key: str | None = None
    at_ms: int | None = None


class ReplayMove(Struct, frozen=True, kw_only=True):
    """A move of a plan: to which state, who made it and why. Also of one that went on otherwise."""

    at_ms: int
    state: ReplayState
    by: str
    why: str = ""


class ReplayDetail(Struct, frozen=True, kw_only=True):
    """A plan with the reasons of entries that did not come home, as far as looked at.

    moves: of the plan, the oldest first; of very many the first and the latest.
    """

    plan: ReplayPlan
    moves: list[ReplayMove] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    looked_at_all: bool = True


# ── options ──────────────────────────────────────────────────────────────────


def options_problem(options: ReplayOptions) -> str | None:
    """Say what is wrong with a plan's options; None when nothing is."""
    if options.canary < 0:
        return "a canary is a number of letters"
    if options.rate_per_h is not None and not 1 <= options.rate_per_h <= RATE_PER_H_MAX:
        return f"a rate is 1 an hour to {RATE_PER_H_MAX // 3_600} a second"
    if options.ramp_ms is not None and not 1 <= options.ramp_ms <= RAMP_MS_MAX:
        return "a ramp takes up to 7 days"
    if options.concurrency is not None and not 1 <= options.concurrency <= CONCURRENCY_MAX:
        return f"concurrency is 1 to {CONCURRENCY_MAX}"
    if options.failures_max is not None and options.failures_max < 1:
        return "a plan stops at one failure or more"
    if options.failures_percent is not None and not 1 <= options.failures_percent <= 100:
        return "a share of failures is 1% to 100%"
    return _key_problem(options.keep_order_by)


def _key_problem(key: str) -> str | None:
    kind, _, name = key.partition(".")
    if key and (kind not in {"tag", "input"} or not name or len(key) > KEY_CHARS_MAX):
        return f"'{key[:40]}' keeps no order: write tag.NAME or input.NAME"
    return None


def limited(
    plan: ReplayPlan, options: ReplayOptions, *, by: str, why: str, now_ms: int
) -> ReplayPlan:
    """A plan that goes on with other limits."""
    why = why or "goes on with other limits"
    return replace(plan, options=options, state_at_ms=now_ms, state_by=by, why=why)


def changed(options: ReplayOptions, **limits: int | None) -> ReplayOptions:
    """The options with other limits: None leaves one as it is, 0 takes it away."""
    new = {name: value or None for name, value in limits.items() if value is not None}
    return replace(options, **new)


# ── moves ────────────────────────────────────────────────────────────────────


def moved(
    plan: ReplayPlan, state: ReplayState, *, by: str, why: str, now_ms: int
) -> ReplayPlan | str:
    """The plan after a move; why not, when there is no such move."""
    if plan.state is state:
        return f"already {state}"
    if (plan.state, state) not in LEGAL_REPLAY_MOVES:
        return f"it is {plan.state}"
    after = replace(plan, state=state, state_at_ms=now_ms, state_by=by, why=why)
    if state is _S.RUNNING:
        # A ramp begins anew with every time that the plan sets out.
        after = replace(after, running_at_ms=now_ms)
    if plan.state is _S.STOPPED:
        after = replace(after, judged_done=plan.done, judged_dead=plan.dead)
    return after


def paused(plan: ReplayPlan, *, by: str, why: str, now_ms: int) -> ReplayPlan | str:
    """The plan paused by hand: then it does not go on by itself, whatever had paused it before."""
    if held_back(plan):
        return replace(plan, state_at_ms=now_ms, state_by=by, why=why)
    return moved(plan, _S.PAUSED, by=by, why=why, now_ms=now_ms)


def held_back(plan: ReplayPlan) -> bool:
    """Whether it was a breaker that paused it, and nobody by hand."""
    return plan.state is _S.PAUSED and plan.state_by == BY and plan.why.startswith(HELD_BACK)


def goes_on_by_itself(plan: ReplayPlan) -> bool:
    """Once its breakers let calls through; who sets a limit to failures wants to look first."""
    careful = plan.options.failures_max is not None or plan.options.failures_percent is not None
    return held_back(plan) and not careful


def resumed(plan: ReplayPlan, *, by: str, why: str, now_ms: int) -> ReplayPlan | str:
    """The plan goes on where it was; a canary that failed is taken as it is."""
    if plan.state not in {_S.PAUSED, _S.STOPPED}:
        return f"it is {plan.state}"
    return moved(plan, _resumed_state(plan), by=by, why=why, now_ms=now_ms)


def _resumed_state(plan: ReplayPlan) -> ReplayState:
    if plan.state is _S.STOPPED:
        return _S.RUNNING
    if plan.frozen_at_ms is None:
        return _S.PLANNING
    return _S.RUNNING if plan.running_at_ms is not None else begun_state(plan)


def begun_state(plan: ReplayPlan) -> ReplayState:
    """Where a plan goes when its set is whole."""
    return _S.CANARY if plan.options.canary else _S.RUNNING


# ── positions ────────────────────────────────────────────────────────────────

_LEVEL = 2**44  # milliseconds until the year 2527


def rank(order: ReplayOrder, *, died_at_ms: int, priority: int = 0) -> int:
    """Where an entry stands in its plan: smaller goes first, equal ranks go by id."""
    if order is ReplayOrder.NEWEST:
        return -died_at_ms
    level = 10 - priority if order is ReplayOrder.PRIORITY else 0
    return level * _LEVEL + died_at_ms


def ranks(order: ReplayOrder, *, died_at_ms: int) -> list[int]:
    """Every rank that a letter can have, whatever the priority of its task was."""
    priorities = range(11) if order is ReplayOrder.PRIORITY else range(1)
    return [rank(order, died_at_ms=died_at_ms, priority=each) for each in priorities]


def died_at_ms(order: ReplayOrder, entry_rank: int) -> int:
    """When the letter of this rank had died, as the plan knows it."""
    return -entry_rank if order is ReplayOrder.NEWEST else entry_rank % _LEVEL
