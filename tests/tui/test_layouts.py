"""What is laid out anew, and how often: laying out is the dearest that a screen does."""

from __future__ import annotations

from textual.pilot import Pilot
from tui_home import StoreServer, running, settled, until, until_shown

from fnr.tui.screens.list_view import ListView
from fnr.tui.widgets.panel import ChoicePanel, Panel


def counted(pilot: Pilot[None]) -> list[None]:
    """Grows by one with each layout from now on."""
    found: list[None] = []
    screen = pilot.app.screen
    screen.screen_layout_refresh_signal.subscribe(screen, lambda _: found.append(None))
    return found


async def test_a_look_that_says_as_much_as_before_moves_nothing(daemon: StoreServer) -> None:
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "incident")
        await until_shown(pilot, "✗ storage open")
        await settled(pilot)
        layouts, asked = counted(pilot), len(daemon.asked)
        app.view.look()
        await until(pilot, lambda: len(daemon.asked) > asked + 3)
        await settled(pilot)
        assert layouts == []


async def test_panels_have_room_for_what_they_say(daemon: StoreServer) -> None:
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "✗ storage open")
        await settled(pilot)
        layouts = counted(pilot)
        daemon.problems = ["one more", "and another"]
        app.view.look()
        await until_shown(pilot, "and another")
        await settled(pilot)
        assert layouts
        for panel in app.view.query(Panel):
            assert panel.size.height == (panel.display and len(panel.render().plain.split("\n")))
        for panel in app.view.query(ChoicePanel):
            assert panel.size.height == len(panel.render().plain.split("\n"))


async def test_another_screen_is_laid_out_when_it_is_whole(daemon: StoreServer) -> None:
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "✗ storage open")
        await settled(pilot)
        layouts = counted(pilot)
        view = await app.show_view("tasks")
        assert isinstance(view, ListView)
        await until_shown(pilot, "of 200")
        await settled(pilot)
        # With its page beside it, and for widgets that came with it; piece by piece it was five.
        assert 1 <= len(layouts) <= 3
        assert view.has_class("-wide")
