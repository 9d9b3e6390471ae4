"""A daemon that takes its time: whoever looks goes on, and what it says at last is shown."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest
from tui_home import StoreServer, cards, running, settled, until, until_shown
from wire_server import Hang

from fnr.api.chaos_requests import ListDrills
from fnr.api.errors import TryAgain
from fnr.api.incident_requests import GetError, ListIncidents
from fnr.api.replay_requests import ListReplays
from fnr.api.requests import Event, GetStatus, GetTask, ListWorkers
from fnr.api.resource_requests import ListGpus
from fnr.client.instants import now_ms
from fnr.host.captured import Printed
from fnr.host.clock import Clock
from fnr.policy.chaos import Drilled, Injection
from fnr.policy.record import Page, WorkerRecord
from fnr.policy.replay import ReplayPlan, ReplayState
from fnr.tui.screens.list_view import ListView


@pytest.mark.parametrize(
    ("screen", "key", "unanswered"),
    [
        ("errors", "C", GetError),
        ("errors", "N", GetError),
        ("errors", "asterisk", ListIncidents),
        ("dlq", "E", GetTask),
    ],
)
async def test_other_keys_do_something_while_one_waits_for_the_daemon(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch, screen: str, key: str, unanswered: type
) -> None:
    monkeypatch.setattr("fnr.tui.feed.TIMEOUT_MS", 3_600_000)
    async with running(daemon.paths, screen, size=(80, 24)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        daemon.answers[unanswered] = Hang()
        app.simulate_key(key)
        await until(pilot, lambda: any(isinstance(one, unanswered) for one in daemon.asked))
        app.simulate_key("question_mark")
        await until_shown(pilot, f"on {screen}")


@pytest.mark.parametrize("key", ["C", "N"])
async def test_an_error_that_cannot_be_asked_for_is_told_of_and_ends_nothing(
    daemon: StoreServer, key: str
) -> None:
    async with running(daemon.paths, "errors", size=(80, 24)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        daemon.answers[GetError] = TryAgain("the store is busy")
        app.simulate_key(key)
        await until_shown(pilot, "the store is busy")


PLAN = ReplayPlan(
    plan_id="01JDPLANPLANPLAN", state=ReplayState.RUNNING, state_at_ms=1_000, created_at_ms=500,
    created_by="bob", total=200, pending=200,
)  # fmt: skip
WORKER = WorkerRecord(
    worker_id="01M8JQ3WMY5A1RT7CG91000001", function="render", boot_id="", pid=1, pid_start=0,
    started_at_ms=1, log_path="/", state="idle",
)  # fmt: skip
INJECTION = Injection(
    injection_id="01M8JQ3WMY5A1RT7CG914DSA0Q", drill_id="01M8JQ3WMY5A1RT7CG914DSA0Q",
    fault="worker-stop", reason="game day", by="root", begun_at_ms=now_ms(),
    duration_ms=3_600_000, until_boot_ms=0, boot_id="", folder="",
)  # fmt: skip
ANSWERS = {
    ListReplays: Page(items=[PLAN]),
    ListWorkers: [WORKER],
    ListDrills: [Drilled(injection=INJECTION, state="active")],
}


@pytest.mark.parametrize(
    ("screen", "kind", "slow", "words"),
    [
        ("tasks", "task", GetTask, "history"),
        ("dlq", "letter", ListReplays, "0 of 200 home"),
        ("chaos", "chaos", ListDrills, "! worker-stop"),
        ("logs", "worker", ListWorkers, "Is a directory"),
    ],
)
async def test_an_answer_is_shown_though_more_happens_before_it(
    daemon: StoreServer, screen: str, kind: str, slow: type, words: str
) -> None:
    """Method: each answer waits until something has happened and the screen has looked again."""
    looked = threading.Event()

    def answer(asked: Any) -> Any:
        looked.clear()
        daemon.tell(Event(kind=kind, what="", at_ms=now_ms()))
        looked.wait()
        return ANSWERS[slow] if slow in ANSWERS else daemon.from_store(asked)

    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "● running")
        await until(pilot, lambda: bool(daemon._watchers))
        daemon.answers[slow] = answer
        view = await app.show_view(screen)
        look = view.look

        def look_again() -> None:
            look()
            looked.set()

        view.look = look_again  # type: ignore[method-assign]  # to hear of it
        try:
            await until_shown(pilot, words)
        finally:
            daemon.answers[slow] = Hang()
            looked.set()
        assert slow in map(type, daemon.asked)


async def test_rules_are_shown_though_they_are_looked_at_again_while_they_load(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take some seconds, and with the daemon away the screen looks every three."""
    looks = asyncio.Event()
    names = ["first", "second"]

    async def listed(*_: Any, **__: Any) -> Printed:
        await looks.wait()
        looks.clear()
        app.deed_is_done()
        rule = {
            "name": names.pop(0) if len(names) > 1 else names[0], "category": "transient",
            "level": "text", "operator": True, "disabled": False, "state": "in force", "where": "",
        }  # fmt: skip
        # Whoever looks meanwhile lets the next one come to its end.
        if rule["name"] == "second":
            await looks.wait()
        return Printed(code=0, out=json.dumps({"items": [rule]}), err="")

    monkeypatch.setattr("fnr.tui.screens.rules.run_own_aside", listed)
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "● running")
        view = await app.show_view("rules")
        look = view.look

        def look_again() -> None:
            look()
            looks.set()

        view.look = look_again  # type: ignore[method-assign]  # to hear of it
        look_again()
        await until_shown(pilot, "second")
        assert names == ["second"]


async def test_the_daemon_is_asked_also_when_the_clock_was_set_back(
    daemon: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that hangs would be named, and what GPUs read be shown, an hour later."""
    monkeypatch.setattr("fnr.tui.app.BEAT_MS", 0)
    monkeypatch.setattr("fnr.tui.screens.dashboard.GPUS_READ_MS", 0)
    daemon.cards = cards()
    async with running(daemon.paths, size=(120, 60)) as (app, pilot):
        await until_shown(pilot, "● running")
        await until_shown(pilot, "GPUs")
        monkeypatch.setattr(Clock, "now_ms", lambda _: time.time_ns() // 1_000_000 - 3_600_000)
        await settled(pilot)
        daemon.asked.clear()
        both = {GetStatus, ListGpus}
        await until(pilot, lambda: both <= set(map(type, daemon.asked)))
        assert app.is_running
