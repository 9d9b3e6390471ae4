"""Tables fit the terminal, whatever stands in them; what does not fit is said, not dropped."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fnr.cli.columns import FLEXIBLE_MIN, cell_width, cropped, in_columns

CHARACTERS = st.characters(min_codepoint=33, max_codepoint=0x4FF) | st.sampled_from("漢🙂 é")
CELLS = st.text(CHARACTERS, max_size=50)
TITLES = ["ID", "NAME", "COUNT", "WHY"]


def table(rows: list[list[str]], *, width: int, spare: frozenset[int] = frozenset()) -> list[str]:
    return list(
        in_columns(
            TITLES,
            rows,
            right=frozenset({2}),
            flexible=frozenset({1, 3}),
            spare=spare,
            width=width,
            paint=lambda _row, _column, text: text,
        )
    )


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS).map(list), max_size=5), st.integers(10, 200))
def test_no_line_of_a_table_is_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    lines = table(rows, width=width)
    if lines and lines[0].startswith("ID"):
        assert len(lines) == len(rows) + 1
    else:
        width = max(width, len("count  ") + FLEXIBLE_MIN)
    assert all(cell_width(line) <= width for line in lines)


def test_columns_are_aligned_and_numbers_stand_right() -> None:
    assert table([["a", "first", "7", "x"], ["bb", "second", "12", ""]], width=80) == [
        "ID  NAME    COUNT  WHY",
        "a   first       7  x",
        "bb  second     12",
    ]


def test_what_gives_way_is_cropped_visibly() -> None:
    lines = table([["a" * 26, "f", "7", "the disk is full, again and again"]], width=66)
    assert lines[1] == "a" * 26 + "  f         7  the disk is full, again…"


def test_a_spare_column_goes_before_the_table_does() -> None:
    row = ["a" * 26, "f", "7", "the disk is full, again and again"]
    lines = table([row], width=56, spare=frozenset({2}))
    assert lines[0] == "ID                          NAME  WHY"
    assert lines[1].endswith("…")


def test_a_terminal_too_narrow_for_columns_gets_one_value_a_line() -> None:
    lines = table([["a" * 26, "f", "", "the disk is full, again and again"]], width=40)
    assert lines == [
        "id     " + "a" * 26,
        "name   f",
        "why    the disk is full, again and again",
        "",
    ]
    assert re.sub(r"\s+", " ", " ".join(table([["a" * 30, "f", "", "x y " * 20]], width=30)))


def test_a_value_goes_on_below_between_its_words() -> None:
    row = ["漢字" * 9, "render-a-4k-video-of-two", "", "no disk  漢字漢字漢字漢字漢字"]
    lines = table([row], width=27)
    assert lines == [
        "id     漢字漢字漢字漢字漢字",
        "       漢字漢字漢字漢字",
        "name   render-a-4k-video-of",
        "       -two",
        "why    no disk",
        "       漢字漢字漢字漢字漢字",
        "",
    ]


def test_wide_characters_count_twice_and_combining_ones_not_at_all() -> None:
    assert [cell_width(text) for text in ("abc", "漢字", "🙂", "e\u0301")] == [3, 4, 2, 1]
    assert cropped("漢字漢字", 5) == "漢字…"
    assert cropped("abc", 3) == "abc"
