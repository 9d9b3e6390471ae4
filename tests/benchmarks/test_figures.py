"""The benchmark's table says what was measured: medians, spreads, ratios, bounds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from figures import Line, number_text, percentile, spread_text, table


def line(fnr: list[float], *, more_is_better: bool, huey: tuple[float, ...] = ()) -> Line:
    return Line(
        section="s",
        what="w",
        unit="u",
        fnr=fnr,
        huey=huey,
        more_is_better=more_is_better,
        must=20,
        goal=30 if more_is_better else 10,
    )


@pytest.mark.parametrize(
    ("fnr", "more_is_better", "reached"),
    [
        ([19.0], True, "MISSED"),
        ([20.0], True, "must"),
        ([30.0], True, "goal"),
        ([21.0], False, "MISSED"),
        ([20.0], False, "must"),
        ([10.0], False, "goal"),
        ([1.0, 25.0, 1_000.0], True, "must"),
    ],
)
def test_the_median_decides_what_is_reached(
    fnr: list[float], more_is_better: bool, reached: str
) -> None:
    assert line(fnr, more_is_better=more_is_better).reached == reached


def test_times_better_is_above_one_when_fnr_is_better_whichever_way_is_up() -> None:
    assert line([40.0], more_is_better=True, huey=(20.0,)).times_better == 2
    assert line([20.0], more_is_better=False, huey=(40.0,)).times_better == 2
    assert line([20.0], more_is_better=False).times_better is None


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 301)]
    assert percentile(values, 50) == 150
    assert percentile(values, 99) == 297
    assert percentile([7.0], 99) == 7


def test_numbers_keep_three_digits_and_group_thousands() -> None:
    assert [number_text(value) for value in (0, 0.01234, 2.5, 99.96, 1_234.5)] == [
        "0",
        "0.0123",
        "2.5",
        "100",
        "1,234",
    ]
    assert spread_text([3.0, 1.0, 2.0]) == "2 (1–3)"
    assert spread_text([]) == "–"


def test_the_table_is_aligned_markdown_with_notes_below() -> None:
    found = table([Line(section="s", what="w", unit="u", fnr=[1.0], note="hm")]).splitlines()
    assert len({len(row) for row in found[:3]}) == 1
    assert found[1].startswith("|--")
    assert found[3:] == ["", "- w: hm"]
