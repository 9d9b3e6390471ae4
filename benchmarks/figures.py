"""What was measured as values, and the one table they become."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEADS = ("what", "unit", "fnr", "Huey-SQLite", "times better", "must", "goal", "reached")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table.

    fnr, huey: one value per run; huey is empty where Huey has nothing to compare.
    more_is_better: a rate; otherwise a duration, a share or a size.
    must, goal: None where none is set.
    """

    section: str
    what: str
    unit: str
    fnr: Sequence[float]
    huey: Sequence[float] = ()
    more_is_better: bool = False
    must: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def times_better(self) -> float | None:
        """How many times better than Huey, above 1 when fnr is; None without Huey."""
        if not self.huey:
            return None
        mine, its = statistics.median(self.fnr), statistics.median(self.huey)
        return mine / its if self.more_is_better else its / mine

    @property
    def reached(self) -> str:
        """Which of must and goal the median reaches: "goal", "must", "MISSED" or "" without."""
        for bound, word in ((self.goal, "goal"), (self.must, "must")):
            if bound is not None and self._reaches(bound):
                return word
        return "" if self.must is None else "MISSED"

    def _reaches(self, bound: float) -> bool:
        median = statistics.median(self.fnr)
        return median >= bound if self.more_is_better else median <= bound

    def as_json(self) -> dict[str, Any]:
        """Everything, every run included."""
        return {
            "section": self.section,
            "what": self.what,
            "unit": self.unit,
            "fnr": _spread(self.fnr),
            "huey": _spread(self.huey) if self.huey else None,
            "times_better": self.times_better,
            "must": self.must,
            "goal": self.goal,
            "reached": self.reached,
            "note": self.note,
        }

    def cells(self) -> tuple[str, ...]:
        """The line as the table shows it."""
        ratio = self.times_better
        return (
            self.what,
            self.unit,
            spread_text(self.fnr),
            spread_text(self.huey),
            "–" if ratio is None else f"{number_text(ratio)} ×",
            "–" if self.must is None else number_text(self.must),
            "–" if self.goal is None else number_text(self.goal),
            self.reached or "–",
        )


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least so many percent of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def number_text(value: float) -> str:
    """Three digits that matter, thousands grouped."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread_text(values: Sequence[float]) -> str:
    """The median, and from where to where the runs went."""
    if not values:
        return "–"
    median = number_text(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({number_text(min(values))}–{number_text(max(values))})"


def table(lines: Sequence[Line]) -> str:
    """All lines as one Markdown table, aligned so that it reads as text too; notes below."""
    rows = [HEADS, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"- {line.what}: {line.note}" for line in lines if line.note]
    return "\n".join([*shown, *([""] if notes else []), *notes])


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "runs": list(values),
    }
