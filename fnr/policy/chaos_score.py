"""The score of a drill: what was measured, what the story demands of it, and what that comes to.

A figure that could not be measured is None and is said to be; it is never taken for good.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from fnr.policy.counted import counted

PASS, FAIL, INVALID, UNSAFE = "pass", "fail", "invalid", "unsafe"


class Spread(Struct, frozen=True, kw_only=True):
    """Of several measurements, in ms."""

    p50: int
    p99: int
    max: int
    n: int


class Figures(Struct, frozen=True, kw_only=True):
    """What was measured.

    detection_ms: from the moment a fault took effect to the moment its error was on record.
    recovery_rate: of tasks that can recover, those that are done. lost: accepted, and not ended.
    duplicated: completed more than once. classification_rate: errors named as they should be.
    concurrent_scenarios: most that were under way at one moment, from effect to the task's end.
    actions_logged_rate: ended attempts with a decision on record. residue: what is left of faults.
    """

    detection_ms: Spread | None = None
    recovery_rate: float | None = None
    lost: int = 0
    duplicated: int = 0
    classification_rate: float | None = None
    breaker_response_ms: Spread | None = None
    concurrent_scenarios: int = 0
    actions_logged_rate: float | None = None
    residue: int = 0


class FaultScore(Struct, frozen=True, kw_only=True):
    """One fault of a drill.

    effect: what proved that it was there. tasks: how many met it. recovered: of those that can.
    """

    fault: str
    target: str
    effect_proven: bool
    reverted: bool
    effect: str = ""
    undone_by: str = ""
    problem: str = ""
    tasks: int = 0
    recovered: int = 0


class Score(Struct, frozen=True, kw_only=True):
    """One drill. why: what keeps it from passing, or was not measured. remarks: what went unlike
    it should, case by case.
    """

    score_id: str
    at_ms: int
    scenario: str
    seed: int
    concurrent: int
    elapsed_ms: int
    version: str
    python: str
    live: bool
    verdict: str
    why: list[str]
    figures: Figures
    faults: list[FaultScore] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Demand(Struct, frozen=True, kw_only=True):
    """What the story demands of a figure, and what fnr aims at."""

    figure: str
    words: str
    story: float
    goal: float
    at_least: bool
    unit: str = ""

    def met(self, value: float) -> bool:
        """Whether the story's demand is."""
        return value >= self.story if self.at_least else value <= self.story

    def goal_met(self, value: float) -> bool:
        """Whether the goal is."""
        return value >= self.goal if self.at_least else value <= self.goal


DEMANDS = (
    Demand(figure="detection_ms", words="error detection, longest", story=5_000, goal=4_000,
           at_least=False, unit="ms"),
    Demand(figure="recovery_rate", words="recovery of recoverable tasks", story=0.80, goal=0.99,
           at_least=True, unit="%"),
    Demand(figure="lost", words="tasks lost", story=0, goal=0, at_least=False),
    Demand(figure="duplicated", words="tasks completed twice", story=0, goal=0, at_least=False),
    Demand(figure="classification_rate", words="classification right", story=0.95, goal=0.98,
           at_least=True, unit="%"),
    Demand(figure="breaker_response_ms", words="breaker response, longest", story=100, goal=50,
           at_least=False, unit="ms"),
    Demand(figure="concurrent_scenarios", words="error scenarios at once", story=50, goal=500,
           at_least=True),
    Demand(figure="actions_logged_rate", words="recovery actions on record", story=1.0, goal=1.0,
           at_least=True, unit="%"),
    Demand(figure="residue", words="left of faults afterwards", story=0, goal=0, at_least=False),
)  # fmt: skip


def spread(values: Iterable[int]) -> Spread | None:
    """Of values in ms; None of none."""
    found = sorted(values)
    if not found:
        return None
    last = len(found) - 1
    return Spread(
        p50=found[last // 2], p99=found[-(-last * 99 // 100)], max=found[-1], n=len(found)
    )


def rate(part: int, whole: int) -> float | None:
    """A share; None of nothing."""
    return None if whole == 0 else part / whole


def measured(figures: Figures, demand: Demand) -> float | None:
    """The number that a demand is about; None when it was not measured."""
    value = getattr(figures, demand.figure)
    if isinstance(value, Spread):
        return float(value.max)
    return None if value is None else float(value)


def is_demanded(demand: Demand, *, concurrent: int, live: bool) -> bool:
    """Whether a drill could meet it: not so many errors at once as nobody asked for.

    The few canary workers of a running daemon have never so many under way as they have tasks.
    """
    return demand.figure != "concurrent_scenarios" or (concurrent >= demand.story and not live)


def judge(
    figures: Figures, faults: list[FaultScore], *, concurrent: int = 64, live: bool = False
) -> tuple[str, list[str]]:
    """The verdict, and what it rests on; concurrent: how many errors at once were asked for."""
    unsafe = [f"{one.fault} was not undone" for one in faults if not one.reverted]
    if figures.residue:
        unsafe.append(
            counted(figures.residue, "fault or trace is left", "faults or traces are left")
        )
    if unsafe:
        return UNSAFE, unsafe
    invalid = [
        f"{one.fault} had no effect" + (f": {one.problem}" if one.problem else "")
        for one in faults
        if not one.effect_proven
    ]
    if not faults:
        invalid.append("no fault was injected")
    if invalid:
        return INVALID, invalid
    missed, unknown = [], []
    for demand in DEMANDS:
        value = measured(figures, demand)
        if value is None:
            unknown.append(f"{demand.words}: not measured")
        elif is_demanded(demand, concurrent=concurrent, live=live) and not demand.met(value):
            missed.append(f"{demand.words}: {shown(value, demand)}, not {_wanted(demand)}")
    return (FAIL if missed else PASS), missed + unknown


def shown(value: float | None, demand: Demand) -> str:
    """A figure for people."""
    if value is None:
        return "not measured"
    if demand.unit == "%":
        return f"{value * 100:.1f} %"
    return f"{value:g}" + (f" {demand.unit}" if demand.unit else "")


def _wanted(demand: Demand) -> str:
    sign = "at least" if demand.at_least else "at most"
    return f"{sign} {shown(demand.story, demand)}"


# What may differ between two drills of the same fnr on the same host.
RATE_SLACK = 0.01
DURATION_SLACK = 0.25
DURATION_SLACK_MS = 500


def regressions(before: Score, after: Score) -> list[str]:
    """What is worse than it was, beyond what chance may do."""
    found = []
    if before.verdict == PASS and after.verdict != PASS:
        found.append(f"verdict: {after.verdict}, was {before.verdict}")
    for demand in DEMANDS:
        was, now = measured(before.figures, demand), measured(after.figures, demand)
        if was is None or demand.figure == "concurrent_scenarios":
            continue
        if now is None or _worse(was, now, demand):
            found.append(f"{demand.words}: {shown(now, demand)}, was {shown(was, demand)}")
    gone = sorted({one.fault for one in before.faults} - {one.fault for one in after.faults})
    if gone and before.scenario == after.scenario:
        found.append(f"faults that are no longer tried: {', '.join(gone)}")
    return found


def _worse(was: float, now: float, demand: Demand) -> bool:
    if demand.unit == "ms":
        return now > was * (1 + DURATION_SLACK) + DURATION_SLACK_MS
    if demand.at_least:
        return now < was - RATE_SLACK
    return now > was
