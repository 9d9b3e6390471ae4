"""How many errors, recoveries, ends and deaths there were, minute for minute or finer.

Counted from events as they come; what happened before somebody looked is put in from the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

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
            self._add(DONE, step)
            counts = self._done_of.setdefault(event.function or "", {})
            counts[step] = counts.get(step, 0) + 1
            if self._failing.pop(event.task_id or "", 0) is None:
                self._add(RECOVERED, step)
        elif event.kind == "task" and event.what == "dead":
            self._add(DIED, step)
            self._failing.pop(event.task_id or "", None)

    def put_in(self, name: str, moments_ms: Iterable[int]) -> None:
        """What happened before events were heard."""
        for at_ms in moments_ms:
            self._add(name, at_ms // STEP_MS)

    def steps(self, name: str, count: int, *, now_ms: int) -> list[int]:
        """The counts of the last steps, the present one last."""
        return _last(self._counts[name], count, now_ms)

    def done_of(self, function: str, count: int, *, now_ms: int) -> list[int]:
        """The same for the tasks of one function that are done."""
        return _last(self._done_of.get(function, {}), count, now_ms)

    def in_last(self, name: str, span_ms: int, *, now_ms: int) -> int:
        """How many in the last while."""
        return sum(self.steps(name, max(1, span_ms // STEP_MS), now_ms=now_ms))

    def forget(self, *, now_ms: int) -> None:
        """Drop what no screen is wide enough to show."""
        first = now_ms // STEP_MS - STEPS
        for counts in (*self._counts.values(), *self._done_of.values()):
            for step in [step for step in counts if step < first]:
                del counts[step]

    def _add(self, name: str, step: int) -> None:
        counts = self._counts[name]
        counts[step] = counts.get(step, 0) + 1


def _last(counts: dict[int, int], count: int, now_ms: int) -> list[int]:
    now = now_ms // STEP_MS
    return [counts.get(step, 0) for step in range(now - count + 1, now + 1)]
