"""Text from outside, in every renderer: nothing gets out that moves the cursor or is markup."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.strip import Strip
from tui_home import HOSTILE, StoreServer, lines_of, running, settled, until, until_shown

from fnr.policy.record import Page
from fnr.tui.app import VIEWS
from fnr.tui.last_filter import Harmless, harmless
from fnr.tui.looks import LOOKS, spark
from fnr.tui.screens.dlq import DlqView
from fnr.tui.screens.errors import ERROR_COLUMNS, INCIDENT_COLUMNS, words_of_rule
from fnr.tui.screens.list_view import ListView
from fnr.tui.widgets.log_lines import LogLine, LogView
from fnr.tui.widgets.paged_table import PagedTable, TableColumn, widths_of
from fnr.tui.widgets.story import as_text, bounded

TEXTS = st.text(max_size=200) | st.sampled_from([HOSTILE, "x" * 100_000, "\x1b]52;c;AAAA\x07", ""])


def is_harmless(text: str) -> bool:
    """No control, no direction mark, nothing that is not shown."""
    return not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text)


def moves_nothing(text: str) -> bool:
    """No control and no direction mark; what else is not shown, the last filter replaces."""
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return not any(unicodedata.category(one) == "Cc" or one in marks for one in text)


@given(text=TEXTS, ascii_only=st.booleans())
def test_the_last_filter_lets_nothing_through_and_keeps_the_width(
    text: str, ascii_only: bool
) -> None:
    found = harmless(text, ascii_only=ascii_only)
    assert is_harmless(found)
    assert cell_len(found) == cell_len(text)
    if ascii_only:
        assert found.isascii()
    line = Harmless(ascii_only=ascii_only).apply([Segment(text)], Color(0, 0, 0))
    assert is_harmless("".join(part.text for part in line))


@given(text=TEXTS)
def test_a_page_is_plain_text_without_markup(text: str) -> None:
    for line in bounded(f"said:      {text}"):
        found = as_text(line).plain
        assert moves_nothing(found)
        assert len(found) < 10_000
    assert as_text("a [b]c[/b] [/] [@click=app.quit]d").plain == "a [b]c[/b] [/] [@click=app.quit]d"


class _Sized(PagedTable):
    """A table of a size, without an application."""

    size: Any = None

    def get_component_rich_style(self, *_: Any, **__: Any) -> Any:
        from rich.style import Style

        return Style.null()

    def refresh(self, *_: Any, **__: Any) -> Any:
        return self

    def post_message(self, *_: Any) -> bool:
        return True


@settings(max_examples=40)
@given(text=TEXTS, width=st.integers(1, 120), height=st.integers(1, 12))
def test_a_row_is_exactly_as_wide_as_the_table(text: str, width: int, height: int) -> None:
    from textual.geometry import Size

    columns = (
        TableColumn(title="ONE", cell=lambda one: one, width=10),
        TableColumn(title="TWO", cell=lambda one: (one, "red"), flexible=True),
        TableColumn(title="THREE", cell=str, width=8, right=True, spare=1),
    )
    table = _Sized(columns, key_of=str, id_of=str, empty=text)
    table.size = Size(width, height)
    table._measure(table.size)
    table.give(table.window.begin(), Page(items=[text, "b"], total=2))
    for y in range(height):
        line: Strip = table.render_line(y)
        assert line.cell_length == width
        assert moves_nothing(line.text)


@pytest.mark.parametrize("columns", [INCIDENT_COLUMNS, ERROR_COLUMNS, DlqView.columns])
def test_what_an_error_says_has_its_place_on_forty_columns(
    columns: tuple[TableColumn, ...],
) -> None:
    assert widths_of(columns, 40)[-1][0].title in {"TITLE", "MESSAGE"}


@given(width=st.integers(0, 300))
def test_columns_always_fit_and_one_is_always_left(width: int) -> None:
    columns = (
        TableColumn(title="A", cell=str, width=26, spare=2),
        TableColumn(title="B", cell=str, width=6),
        TableColumn(title="C", cell=str, flexible=True),
    )
    found = widths_of(columns, width)
    assert found
    if width > 30:
        assert sum(size for _, size in found) + 2 + 2 * (len(found) - 1) <= width


@given(values=st.lists(st.integers(0, 10**9), max_size=40), width=st.integers(1, 40))
def test_bars_are_as_many_as_there_is_room_for(values: list[int], width: int) -> None:
    assert len(spark(values, width)) == len(values[-width:])


@given(text=TEXTS)
def test_words_of_a_rule_are_an_expression_that_finds_the_message(text: str) -> None:
    import re

    first = text.strip().partition("\n")[0][:80]
    assert re.search(words_of_rule(text), first) is not None


@given(text=TEXTS, width=st.integers(1, 100))
def test_a_line_of_a_log_is_one_line(text: str, width: int) -> None:
    line = LogView()._line_of(LogLine(text, 1_700_000_000_000, "e", text), width, on_it=True)
    assert line.cell_length == width
    assert moves_nothing(line.text)


def test_signs_that_differ_differ_without_utf_8_too() -> None:
    """The dashboard's latest errors have no word beside the sign of their category."""
    signs = {look.sign for look in LOOKS.values()}
    assert len({harmless(sign, ascii_only=True) for sign in signs}) == len(signs)


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_no_screen_lets_hostile_text_out(
    daemon: StoreServer, ascii_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the store is full of it, in messages, types, tags, tails and tracebacks."""
    daemon.problems = [HOSTILE]
    if ascii_only:
        monkeypatch.setenv("NO_COLOR", "1")
    async with running(daemon.paths, size=(120, 30), ascii_only=ascii_only) as (app, pilot):
        await until_shown(pilot, "running")
        for name in VIEWS:
            if name == "rules":
                continue
            view = await app.show_view(name)
            await settled(pilot)
            if isinstance(view, ListView):
                await until(pilot, lambda view=view: view.table.window.loaded)
                if name in {"tasks", "errors", "dlq"}:
                    await until_shown(pilot, "[rank0]:")
                await pilot.press("enter")
                await until(pilot, lambda view=view: view.has_class("-opened"))
                await settled(pilot)
            lines = [
                "".join(part.text for part in app._harmless.apply(list(strip), Color(0, 0, 0)))
                for strip in app.screen._compositor.render_strips()
            ]
            assert all(is_harmless(line) for line in lines)
            if ascii_only:
                assert all(line.isascii() for line in lines)
            assert len(lines) == len(lines_of(app))
