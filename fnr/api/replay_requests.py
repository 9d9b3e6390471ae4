"""What may be asked about replays: durable plans that put dead letters back."""

from __future__ import annotations

from msgspec import field

from fnr.api.question import Changed, Read, Request
from fnr.policy.record import Page
from fnr.policy.replay import (
    EntryState,
    ReplayDetail,
    ReplayEntry,
    ReplayOptions,
    ReplayPlan,
)


class StartReplay(Request[ReplayPlan], frozen=True, kw_only=True, tag=str):
    """Make a plan of letters and begin with it; exactly one of task_ids, where and all.

    By ids the answer comes when the set is frozen; by a filter at once, while it is chosen.
    """

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    all: bool = False
    options: ReplayOptions = ReplayOptions()
    reason: str = ""


class ListReplays(Read[Page[ReplayPlan]], frozen=True, kw_only=True, tag=str):
    """Plans, newest first; active: only those that have not ended."""

    active: bool = False
    after: str | None = None
    limit: int = 50


class GetReplay(Read[ReplayDetail], frozen=True, kw_only=True, tag=str):
    """plan_id may be any unique prefix; reasons: with why letters did not come home."""

    plan_id: str
    reasons: bool = True


class ListReplayEntries(Read[Page[ReplayEntry]], frozen=True, kw_only=True, tag=str):
    """The letters of a plan in their order; state: only those in it."""

    plan_id: str
    state: EntryState | None = None
    after: str | None = None
    limit: int = 50


class PauseReplays(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Put nothing more back; what is live goes on."""

    plan_ids: list[str]
    reason: str = ""


class ResumeReplays(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Go on, or with new limits; a plan that runs takes those over at once.

    rate_per_h and concurrency: None leaves them; 0 takes the limit away.
    """

    plan_ids: list[str]
    rate_per_h: int | None = None
    concurrency: int | None = None
    reason: str = ""


class CancelReplays(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Give plans up for good: what was not put back stays a dead letter, what is live goes on."""

    plan_ids: list[str]
    reason: str = ""
