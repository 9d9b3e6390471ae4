"""How many errors, recoveries, ends and deaths there were, minute for minute or finer.

Counted from events as they come; what happened before somebody looked is put in from the store.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from fnr.api.requests import Event

STEP_MS = 10_000
STEPS = 180
# Tasks that have failed and not ended yet; beyond this the oldest are forgotten.
FAILING_MAX = 20_000

ERRORS, RECOVERED, DONE, DIED = "errors", "recovered", "done", "died"


class Pulse:
    """Counts by kind in steps of ten seconds, for the last half hour."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[int, int]] = {
            name: {} for name in (ERRORS, RECOVERED, DONE, DIED)
        }
        self._done_of: dict[str, dict[int, int]] = {}
        self._failing: OrderedDict[str, None] = OrderedDict()
        # More has happened before than was put in: until then these counts are at least so high.
        self._cut_until_ms: dict[str, float] = {}
        # Counted up with each beginning: what was asked for in another one is not put in.
        self.life = 0
        self._heard_from_ms: int | None = None

    def begin(self, *, heard_from_ms: int) -> None:
        """Count anew: what happened while nobody told us is in the store only.

        From this moment on events tell it, and what is put in ends there.
        """
        for counts in self._counts.values():
            counts.clear()
        self._done_of.clear()
        self._failing.clear()
        self._cut_until_ms.clear()
        self.life += 1
        self._heard_from_ms = heard_from_ms

    def take(self, event: Event) -> None:
        """Count an event."""
        step = event.at_ms // STEP_MS
        if event.kind == "error":
            self._add(ERRORS, step)
            if event.task_id is not None:
                self._failing[event.task_id] = None
                if len(self._failing) > FAILING_MAX:
                    self._failing.popitem(last=False)
        elif event.kind == "task" and event.what == "done":
            self._add_done(event.function or "", step)
            if self._failing.pop(event.task_id or "", 0) is None:
                self._add(RECOVERED, step)
        elif event.kind == "task" and event.what == "dead":
            self._add(DIED, step)
            self._failing.pop(event.task_id or "", None)

    def put_in(
        self, name: str, moments_ms: Sequence[int], *, whole: bool, latest: bool = False
    ) -> None:
        """What happened before events were heard: all of it (whole), or the latest of it."""
        for at_ms in moments_ms:
            if not self._is_told(at_ms):
                self._add(name, at_ms // STEP_MS)
        if not whole:
            known_ms = min(moments_ms, default=None) if latest else None
            self._cut_until_ms[name] = self._untold_until_ms if known_ms is None else known_ms

    def put_in_done(self, ends: Sequence[tuple[str, int]], *, whole: bool) -> None:
        """The same for tasks that are done: each with its function and its moment."""
        for function, at_ms in ends:
            if not self._is_told(at_ms):
                self._add_done(function, at_ms // STEP_MS)
        if not whole:
            self._cut_until_ms[DONE] = self._untold_until_ms

    def steps(self, name: str, count: int, *, now_ms: int) -> list[int]:
        """The counts of the last steps, the present one last."""
        return _last(self._counts[name], count, now_ms)

    def done_of(self, function: str, count: int, *, now_ms: int) -> list[int]:
        """The same for the tasks of one function that are done."""
        return _last(self._done_of.get(function, {}), count, now_ms)

    def in_last(self, name: str, span_ms: int, *, now_ms: int) -> int:
        """How many in the last while."""
        return sum(self.steps(name, max(1, span_ms // STEP_MS), now_ms=now_ms))

    def is_whole(self, name: str, span_ms: int, *, now_ms: int) -> bool:
        """Is that all of them, or are there at least so many?"""
        cut_until_ms = self._cut_until_ms.get(name)
        return cut_until_ms is None or cut_until_ms < now_ms - span_ms

    def said(self, name: str, span_ms: int, *, now_ms: int) -> str:
        """How many in the last while, as people read it."""
        more = "" if self.is_whole(name, span_ms, now_ms=now_ms) else "+"
        return f"{self.in_last(name, span_ms, now_ms=now_ms):,}{more}"

    def forget(self, *, now_ms: int) -> None:
        """Drop what no screen is wide enough to show."""
        first = now_ms // STEP_MS - STEPS
        for counts in (*self._counts.values(), *self._done_of.values()):
            for step in [step for step in counts if step < first]:
                del counts[step]

    def _is_told(self, at_ms: int) -> bool:
        return self._heard_from_ms is not None and at_ms >= self._heard_from_ms

    @property
    def _untold_until_ms(self) -> float:
        return math.inf if self._heard_from_ms is None else self._heard_from_ms

    def _add_done(self, function: str, step: int) -> None:
        self._add(DONE, step)
        counts = self._done_of.setdefault(function, {})
        counts[step] = counts.get(step, 0) + 1

    def _add(self, name: str, step: int) -> None:
        counts = self._counts[name]
        counts[step] = counts.get(step, 0) + 1


def _last(counts: dict[int, int], count: int, now_ms: int) -> list[int]:
    now = now_ms // STEP_MS
    return [counts.get(step, 0) for step in range(now - count + 1, now + 1)]
