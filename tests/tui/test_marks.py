"""What is marked is what a key means: the last line says it, and the command that is shown."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tui_home import StoreServer, lines_of, running, shown, until, until_shown

from fnr.api.errors import NotFound
from fnr.api.incident_requests import GetError, GetIncident, ListErrors, ListIncidents
from fnr.api.letter_requests import ListLetters
from fnr.policy.filter import LETTER_FIELDS, matches, parse
from fnr.tui.screens.dialog import Dialog
from fnr.tui.screens.dlq import DlqView
from fnr.tui.screens.list_view import ListView


@pytest.mark.parametrize(
    ("screen", "key", "words"),
    [
        ("breakers", "O", ["open breaker comfyui, storage", "breaker open comfyui storage --for"]),
        ("tasks", "C", ["task cancel --where state:queued,running,waiting"]),
        ("dlq", "R", ["replay every open dead letter", "dlq replay --all"]),
    ],
)
async def test_all_that_is_marked_is_meant(
    daemon: StoreServer, screen: str, key: str, words: list[str]
) -> None:
    async with running(daemon.paths, screen, size=(120, 40)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        await pilot.press("asterisk")
        await until(pilot, lambda: any(" marked" in line for line in lines_of(app)))
        await pilot.press(key)
        for one in words:
            await until_shown(pilot, one)


@pytest.mark.parametrize("incidents", [True, False])
async def test_all_incidents_and_all_errors_are_marked_by_their_ids(
    daemon: StoreServer, incidents: bool
) -> None:
    async with running(daemon.paths, "errors", size=(120, 40)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        if not incidents:
            await pilot.press("i")
        await until(pilot, lambda: view.table.window.rows)
        await until(pilot, lambda: hasattr(view.table.window.rows[0], "state") is incidents)
        await pilot.press("asterisk")
        window = view.table.window
        await until(pilot, lambda: window.marked)
        kind = ListIncidents if incidents else ListErrors
        there = daemon.from_store(kind(limit=1_000)).items
        assert set(window.marked) == {view.id_of(item) for item in there}
        await until_shown(pilot, f"{len(window.marked):,} marked")
        await pilot.press("asterisk")
        await until(pilot, lambda: not window.marked)


async def test_the_last_line_says_that_all_is_marked_until_one_is_chosen(
    daemon: StoreServer,
) -> None:
    async with running(daemon.paths, "dlq", size=(120, 40)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        await pilot.press("asterisk")
        await until_shown(pilot, "all marked")
        await pilot.press("space")
        await until_shown(pilot, "1 marked")
        assert "all marked" not in shown(app)
        await pilot.press("R")
        await until_shown(pilot, "replay 1 dead letter")


async def test_what_the_last_line_has_counted_can_be_purged(daemon: StoreServer) -> None:
    """A filter on words is counted by nobody; a list whose end is here needs nobody for that."""
    async with running(daemon.paths, "dlq", size=(120, 40)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        before = len(view.table.window.rows)
        await pilot.press("slash", *"message~' a'", "enter")
        await until(pilot, lambda: view.table.window.loaded)
        window = view.table.window
        await until(pilot, lambda: 0 < len(window.rows) < before)
        assert window.total is None
        await until_shown(pilot, f" of {len(window.rows)}")
        await pilot.press("asterisk", "X")
        await until_shown(pilot, f"type {len(window.rows)} to go on")


async def test_a_purge_means_what_was_counted_and_nothing_that_came_or_was_resolved(
    daemon: StoreServer,
) -> None:
    """The list holds open letters only, and --open would take the resolved ones along."""
    async with running(daemon.paths, "dlq", size=(160, 40)) as (app, pilot):
        view = app.view
        assert isinstance(view, DlqView)
        await until(pilot, lambda: view.table.window.rows)
        await pilot.press("slash", *"function:render OR function:x", "enter")
        await until(pilot, lambda: view.where and view.table.window.loaded)
        await pilot.press("asterisk", "X")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        assert isinstance(app.screen, Dialog)
        command = app.screen.wish.command({}).words
        where = command[command.index("--where") + 1]
        counted = daemon.from_store(ListLetters(where=where, limit=1_000)).items
        assert len(counted) == view.table.window.count
        assert {one.state for one in counted} == {"open"}
        expr = parse(where, fields=LETTER_FIELDS)
        latest = {"function": "render", "state": "open", "at": counted[0].died_at_ms}
        assert matches(expr, latest, 0)
        assert not matches(expr, latest | {"at": counted[0].died_at_ms + 1}, 0)
        assert not matches(expr, latest | {"state": "resolved"}, 0)


@pytest.mark.parametrize("key", ["C", "N"])
async def test_what_is_corrected_is_the_error_that_one_sees(daemon: StoreServer, key: str) -> None:
    """The page explains the latest that is kept; the row's own latest may be forgotten, or newer.

    Method: rows of incidents whose last error is not there any more.
    """
    asked = []

    def forgotten(request: ListIncidents) -> object:
        page = daemon.from_store(request)
        items = [replace(item, last_error_id="01" + "0" * 24) for item in page.items]
        return replace(page, items=items)

    def story(request: GetIncident) -> object:
        found = daemon.from_store(request)
        asked.append(found.errors[0].error_id)
        gone = replace(found.incident, last_error_id="01" + "0" * 24)
        return replace(found, incident=gone)

    def error(request: GetError) -> object:
        gone = request.error_id.startswith("010000")
        return NotFound("no such error") if gone else daemon.from_store(request)

    daemon.answers |= {ListIncidents: forgotten, GetIncident: story, GetError: error}
    async with running(daemon.paths, "errors", size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "the latest of them:")
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        if key == "C":
            await until_shown(pilot, f"errors reclassify {asked[-1]}")
        assert GetError(error_id=asked[-1]) in daemon.asked
