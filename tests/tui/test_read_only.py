"""Read-only and locked: no key, no wish and no palette entry changes anything."""

from __future__ import annotations

import importlib

import pytest
from textual.binding import Binding
from tui_home import StoreServer, running, settled, shown, until, until_shown

from fnr.client.own_command import OwnCommand
from fnr.tui.app import VIEWS, FnrApp
from fnr.tui.deeds import changes
from fnr.tui.screens.dialog import Dialog
from fnr.tui.screens.list_view import ListView
from fnr.tui.screens.view import View
from fnr.tui.widgets.log_lines import LogView
from fnr.tui.widgets.paged_table import PagedTable
from fnr.tui.widgets.story import Story
from fnr.tui.wishes import Wish, Wished

# Capital letters that change nothing: pause and lock the TUI itself, copy, jump to the end.
HARMLESS_CAPITALS = {"P", "L", "Y", "G", "N"}


def kinds() -> list[type]:
    views = [getattr(importlib.import_module(module), kind) for module, kind in VIEWS.values()]
    return [FnrApp, ListView, PagedTable, Story, LogView, *views]


def bindings(kind: type) -> list[Binding]:
    return [one for one in kind.__dict__.get("BINDINGS", ()) if isinstance(one, Binding)]


def test_what_changes_something_has_a_capital_letter_and_nothing_else_has() -> None:
    for kind in kinds():
        for binding in bindings(kind):
            for key in binding.key.split(","):
                capital = len(key) == 1 and key.isupper()
                if changes(binding.action):
                    assert capital, f"{kind.__name__}: {key} changes something"
                elif capital:
                    assert key in HARMLESS_CAPITALS, f"{kind.__name__}: {key} changes nothing"


@pytest.mark.parametrize("name", VIEWS)
async def test_read_only_blocks_every_changing_key(daemon: StoreServer, name: str) -> None:
    async with running(daemon.paths, name, read_only=True) as (app, pilot):
        await until_shown(pilot, "● running")
        if name != "rules":
            await settled(pilot)
        await until_shown(pilot, "READ-ONLY")
        blocked = [one for one in bindings(type(app.view)) if changes(one.action)]
        assert blocked or name == "logs"
        for binding in blocked:
            app._said.words = ""
            await pilot.press(binding.key)
            await until(pilot, lambda: app._said.words, what=f"an answer to {binding.key}")
            await pilot.pause()
            assert len(app.screen_stack) == 1, f"{binding.key} opened a dialog"
            assert "read-only" in app._said.words, f"{binding.key} was not refused"
        app._said.words = ""
        await pilot.press("L")
        await until(pilot, lambda: "read-only" in app._said.words)
        assert app.locked
        assert not app.done


async def test_a_wish_and_a_command_are_refused_wherever_they_come_from(
    daemon: StoreServer,
) -> None:
    own = OwnCommand(words=("function", "pause", "render"))
    wish = Wish(title="t", text="t", verb="Do", command=lambda _: own)
    async with running(daemon.paths, read_only=True) as (app, pilot):
        await until_shown(pilot, "● running")
        app.view.post_message(Wished(wish))
        await pilot.pause()
        assert len(app.screen_stack) == 1
        await app.carry_out(own)
        assert not app.done
        asks = Wish(title="t", text="t", verb="", command=lambda _: own, changes=False)
        app.view.post_message(Wished(asks))
        await until(pilot, lambda: isinstance(app.screen, Dialog) and app.screen.query("#cancel"))
        assert not app.screen.query("#do")
        await pilot.press("escape")


async def test_what_was_agreed_to_is_run_and_its_words_are_shown(daemon: StoreServer) -> None:
    """Method: a command that needs no daemon, agreed to in the dialog."""
    own = OwnCommand(words=("config", "path", "-o", "name"))
    wish = Wish(title="where is it", text="nothing changes", verb="Do it", command=lambda _: own)
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "● running")
        app.view.post_message(Wished(wish))
        await until_shown(pilot, f"$ fnr --home {daemon.home} config path -o name")
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await settled(pilot)
        assert not app.done
        app.view.post_message(Wished(wish))
        await until_shown(pilot, "Do it")
        await pilot.press("right", "enter")
        await until_shown(pilot, "ok: fnr config path")
        assert app.done == [("config path -o name", 0)]


async def test_why_something_was_not_done_stands_before_what_it_was(daemon: StoreServer) -> None:
    """A command with many ids fills the line."""
    ids = tuple(f"01JD{number:022}" for number in range(5))
    async with running(daemon.paths, size=(80, 24)) as (app, pilot):
        await until_shown(pilot, "● running")
        await app.carry_out(OwnCommand(words=("dlq", "purge", *ids)))
        await until_shown(pilot, "! exit 6: ")
        assert "not confirmed" in shown(app)


def test_every_view_is_a_view_with_its_own_name() -> None:
    for name, (module, kind) in VIEWS.items():
        found = getattr(importlib.import_module(module), kind)
        assert issubclass(found, View)
        assert found.name_of_screen == name
