"""What may be asked about faults that are injected on purpose."""

from __future__ import annotations

from msgspec import Struct, field

from fnr.api.question import Changed, Request
from fnr.policy.chaos import Drilled, Outcome, Target
from fnr.policy.chaos_score import Score


class InjectReport(Struct, frozen=True, kw_only=True):
    """What an injection does, or would do.

    functions, targets: what the filter came to. kept_out: functions that [chaos] protect spares.
    deeds: what happens, step by step. undo: how it ends. outcome: what was seen of the effect.
    """

    fault: str
    reach: str
    risk: str
    duration_ms: int
    deeds: list[str]
    undo: str
    functions: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    kept_out: list[str] = field(default_factory=list)
    injection_id: str = ""
    drill_id: str = ""
    outcome: Outcome | None = None


class InjectFault(Request[InjectReport], frozen=True, kw_only=True, tag=str):
    """Begin one fault; answered when it is there, or would be (dry_run).

    where: a filter on tasks: attempts that it finds are hit, or the workers that run them.
    drill_id: the drill it belongs to; without one it is a drill of its own.
    """

    fault: str
    duration_ms: int
    reason: str
    where: str = ""
    options: dict[str, str] = field(default_factory=dict)
    times: int = 1
    workers_max: int = 1
    drill_id: str = ""
    dry_run: bool = False


class ListDrills(Request[list[Drilled]], frozen=True, kw_only=True, tag=str):
    """Injected faults, latest first: those that act, and with `past` those that are over."""

    past: bool = False


class ListScores(Request[list[Score]], frozen=True, kw_only=True, tag=str):
    """Scores of drills that were kept, latest first."""


class AbortDrills(Request[Changed], frozen=True, kw_only=True, tag=str):
    """End faults now: by id of injection or drill, or all of them."""

    ids: list[str] = field(default_factory=list)
    all: bool = False
