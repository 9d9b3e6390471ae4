"""Parts of a screen by themselves: the chosen line is to be seen, and stays where it is."""

from __future__ import annotations

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from tui_home import StoreServer, running, settled, until, until_shown

from fnr.tui.screens.dashboard import CONCERNS_SHOWN, DashboardView
from fnr.tui.widgets.log_lines import LINES_MAX, LogLine, LogView
from fnr.tui.widgets.panel import ChoicePanel


class Stage(App[None]):
    """A panel of ten lines with room for four."""

    def __init__(self) -> None:
        super().__init__()
        self.panel = ChoicePanel("ten", empty="none", lines_max=4)

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_mount(self) -> None:
        self.panel.show([Text(f"line {number}") for number in range(10)])
        self.panel.focus()


async def test_the_chosen_line_is_always_to_be_seen() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        for number in range(10):
            rows = app.panel.render().plain.split("\n")
            assert f"▸line {number}" in rows
            assert len(rows) == 4
            assert any("more" in row for row in rows) is (number < 8)
            await pilot.press("down")


async def test_a_panel_shows_that_it_has_the_focus_also_while_it_is_empty() -> None:
    app = Stage()
    async with app.run_test():
        app.panel.show([])
        assert app.panel.render().plain == "▸none"


async def test_what_has_the_focus_stays_to_be_seen_when_what_is_above_grows(
    daemon: StoreServer,
) -> None:
    """As when somebody is there before it is filled."""
    async with running(daemon.paths, "dashboard", size=(40, 12)) as (app, pilot):
        await until_shown(pilot, "FUNCTION")
        view = app.view
        assert isinstance(view, DashboardView)
        view.latest.focus()
        await until_shown(pilot, "latest errors")
        view.attention.show([])
        await settled(pilot)
        view.attention.show([Text(f"line {number}") for number in range(8)])
        await until(pilot, lambda: view.attention.size.height == CONCERNS_SHOWN)
        await until_shown(pilot, "▸")


async def test_a_click_chooses_the_line_that_stands_there() -> None:
    app = Stage()
    async with app.run_test() as pilot:
        await pilot.press(*["down"] * 9)
        assert app.panel.render().plain.startswith(" line 6")
        await pilot.click(app.panel, offset=(3, 2))
        assert app.panel.cursor == 7


def line(number: int) -> LogLine:
    source = "render 1" if number % 2 else "upload 2"
    return LogLine(source, 0, "o", f"line {number}")


@pytest.mark.parametrize("source", ["", "render 1"])
def test_a_log_that_stands_still_stays_on_its_line(source: str) -> None:
    """Also when there are more lines than are kept, and earlier ones make room."""
    view = LogView()
    view.add([line(number) for number in range(LINES_MAX)])
    view.choose(source=source)
    view.action_move(-100)
    before = view.line
    view.add([line(number) for number in range(LINES_MAX, LINES_MAX + 300)])
    assert view.line == before
    view.add([line(number) for number in range(LINES_MAX)])
    assert view.line is not None
    assert view.cursor == 0
