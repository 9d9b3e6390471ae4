"""The contact with the daemon: dead, there, killed and replaced, out of reach."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tui_home import StoreServer, lines_of, running, settled, until, until_gone, until_shown

from fnr.api.errors import PermissionDenied
from fnr.api.requests import Event, GetStatus, ListTasks, Status, Watch
from fnr.client.instants import now_ms
from fnr.config.paths import Paths
from fnr.tui.feed import Contact
from fnr.tui.screens.list_view import ListView


@pytest.fixture
def mistaken(daemon: StoreServer) -> Iterator[Path]:
    """An fnr.toml that cannot be read as one."""
    file = Path(daemon.paths.config_file)
    before = file.read_bytes() if file.exists() else b""
    file.write_text("[functions")
    yield file
    file.write_bytes(before)


async def test_that_mistakes_in_the_settings_let_secrets_be_shown_is_said_and_no_longer(
    daemon: StoreServer, mistaken: Path
) -> None:
    """From when something is shown that secrets are hidden in, until fnr.toml was read again."""
    async with running(daemon.paths, "tasks", size=(160, 40)) as (app, pilot):
        await until_shown(pilot, "of 200")
        await pilot.press("enter")
        await until_shown(pilot, "has mistakes: secrets that only it tells of are shown")
        await asyncio.to_thread(mistaken.write_text, "")
        daemon.tell(Event(kind="config", what="reloaded", at_ms=now_ms()))
        await until_gone(pilot, "has mistakes")
        assert app.is_running


async def test_with_a_dead_daemon_the_stored_state_is_shown(filled: Paths) -> None:
    async with running(filled, "tasks", size=(120, 30)) as (app, pilot):
        await until_shown(pilot, "of 200")
        await until_shown(pilot, "the daemon is not there")
        await until_shown(pilot, "daemon start")
        await until_shown(pilot, "stored state")
        # What needs the daemon says so, and goes on living.
        await pilot.press("enter")
        await until_shown(pilot, "submitted")
        assert app.is_running


async def test_a_daemon_that_is_killed_and_replaced_under_it(filled: Paths) -> None:
    server = StoreServer(Path(filled.home))
    async with running(filled, "tasks", size=(120, 30)) as (app, pilot):
        await until(pilot, lambda: app.feed.state.contact is Contact.DOWN)
        server.start()
        try:
            await until(pilot, lambda: app.feed.state.contact is Contact.LIVE)
            await until_shown(pilot, "● running")
            await until_gone(pilot, "the daemon is not there")
            view = app.view
            assert isinstance(view, ListView)
            await until(pilot, lambda: view.table.window.loaded)
            await pilot.press("j", "j", "space")
            await until(pilot, lambda: view.table.window.cursor == 3)
            chosen = view.subject
            server.stop()
            await until(pilot, lambda: app.feed.state.contact is Contact.DOWN)
            await until_shown(pilot, "the daemon is not there")
            assert view.subject == chosen
            server.start()
            await until_shown(pilot, "the daemon is back")
            assert view.subject == chosen
            assert len(view.table.window.marked) == 1
        finally:
            server.close()


async def test_events_make_the_screen_look_again(daemon: StoreServer) -> None:
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "● running")
        await until(pilot, lambda: bool(daemon._watchers))
        await settled(pilot)
        before = len(daemon.asked)
        at_ms = now_ms()
        # In a thread: the socket holds less than this, and who empties it is this very loop.
        await asyncio.to_thread(
            daemon.tell,
            *[
                Event(kind="error", what="unknown", at_ms=at_ms, task_id=str(n), function="render")
                for n in range(1_000)
            ],
            *[
                Event(kind="task", what="done", at_ms=at_ms, task_id=str(n), function="render")
                for n in range(900)
            ],
        )
        await until(pilot, lambda: app.pulse.in_last("recovered", 60_000, now_ms=at_ms) == 900)
        await until(pilot, lambda: len(daemon.asked) > before)
        await until_shown(pilot, "900/min")
        await settled(pilot)
        # A thousand events are one reason to look, not a thousand.
        assert len(daemon.asked) - before < 40


async def test_while_paused_nothing_moves(daemon: StoreServer) -> None:
    async with running(daemon.paths, "errors") as (app, pilot):
        await until_shown(pilot, "● running")
        await settled(pilot)
        await pilot.press("P")
        await until(pilot, lambda: app.held)
        await settled(pilot)
        before = len(daemon.asked)
        daemon.tell(Event(kind="error", what="unknown", at_ms=now_ms()))
        await until(pilot, lambda: "error" in app._changed)
        app._look()
        await settled(pilot)
        assert len(daemon.asked) == before
        await pilot.press("P")
        await until(pilot, lambda: len(daemon.asked) > before)


async def test_a_daemon_that_hangs_is_told_of_though_its_connection_stands(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: nothing happens any more, and what it is asked then is not answered for a while."""
    wakes = threading.Event()

    def status(asked: GetStatus) -> Status:
        wakes.wait()
        return daemon.status(asked)

    async with running(daemon.paths, "tasks", size=(120, 30)) as (app, pilot):
        await until_shown(pilot, "7 dead")
        await settled(pilot)
        monkeypatch.setattr("fnr.tui.app.BEAT_MS", 0)
        daemon.answers[GetStatus] = status
        try:
            await until_shown(pilot, "the daemon has not answered for")
            assert app.feed.state.contact is Contact.LIVE
            assert "7 dead" in lines_of(app)[0]
        finally:
            wakes.set()
        await until_gone(pilot, "the daemon has not answered")


async def test_a_list_that_a_daemon_gave_no_answer_for_is_asked_for_when_it_answers(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: it is stopped while the list is opened for the first time, and nothing happens."""
    wakes = threading.Event()

    def slow(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answered(asked: Any) -> Any:
            wakes.wait()
            return answer(asked)

        return answered

    async with running(daemon.paths, size=(120, 30)) as (app, pilot):
        await until_shown(pilot, "7 dead")
        await settled(pilot)
        monkeypatch.setattr("fnr.tui.app.BEAT_MS", 0)
        monkeypatch.setattr("fnr.tui.feed.TIMEOUT_MS", 1_000)
        daemon.answers[GetStatus] = slow(daemon.status)
        daemon.answers[ListTasks] = slow(daemon.from_store)
        try:
            await pilot.press("2")
            await until_shown(pilot, "no answer within 1000 ms")
            await until_shown(pilot, "the daemon has not answered for")
        finally:
            wakes.set()
        await until_gone(pilot, "no answer within")
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.loaded)
        assert view.table.window.count == 200


async def test_without_access_to_the_socket_it_says_so(filled: Paths) -> None:
    server = StoreServer(Path(filled.home))
    server.answers[Watch] = PermissionDenied(
        "user bob may not talk to this daemon", next_step="ls -l"
    )
    server.start()
    try:
        async with running(filled, "tasks", size=(120, 30)) as (app, pilot):
            await until_shown(pilot, "may not talk to this daemon")
            await until(pilot, lambda: app.feed.state.contact is Contact.REFUSED)
            await until_shown(pilot, "of 200")
            assert "refused" in lines_of(app)[0]
    finally:
        server.close()


@pytest.mark.parametrize("name", ["tasks", "errors", "dlq"])
async def test_a_home_without_a_store_shows_empty_lists(tmp_path: Path, name: str) -> None:
    from fnr.config.paths import find_paths

    async with running(find_paths(str(tmp_path)), name) as (app, pilot):
        await until_shown(pilot, "no ")
        await until_shown(pilot, "the daemon is not there")
        await until_shown(pilot, "there is no store yet at")
        assert app.feed.state.contact is Contact.DOWN
