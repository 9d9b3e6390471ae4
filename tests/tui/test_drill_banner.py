"""The red line of a drill: on every screen, whatever else stands still or lies before it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator

import pytest
from tui_home import StoreServer, running, settled, until, until_gone, until_shown

from fnr.api.requests import Event
from fnr.client.instants import now_ms
from fnr.config.paths import Paths
from fnr.host import chaos_records as records
from fnr.policy.chaos import Drilled, Injection


def acting(folder: str = "") -> Drilled:
    injection = Injection(
        injection_id="01M8JQ3WMY5A1RT7CG914DSA0Q", drill_id="01M8JQ3WMY5A1RT7CG914DSA0Q",
        fault="worker-stop", reason="game day", by="root", begun_at_ms=now_ms(),
        duration_ms=60_000, until_boot_ms=0, boot_id="", folder=folder,
    )  # fmt: skip
    return Drilled(injection=injection, state="active")


@pytest.fixture
def recorded(filled: Paths) -> Iterator[str]:
    """The undo record of a fault that acts, in a home whose daemon is away."""
    one = acting(records.injection_folder(filled.chaos_dir, "01M8JQ3WMY5A1RT7CG914DSA0Q"))
    records.commit(one.injection)
    yield one.injection.folder
    shutil.rmtree(filled.chaos_dir, ignore_errors=True)


@pytest.mark.parametrize("key", ["P", "question_mark"])
async def test_a_drill_is_told_of_also_while_all_else_stands_still(
    daemon: StoreServer, key: str
) -> None:
    async with running(daemon.paths, size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "needs attention")
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: app.held or len(app.screen_stack) > 1)
        daemon.drills = [acting()]
        daemon.tell(Event(kind="chaos", what="begun", at_ms=now_ms()))
        await until_shown(pilot, "! DRILL")
        daemon.drills = []
        daemon.tell(Event(kind="chaos", what="over", at_ms=now_ms()))
        await until_gone(pilot, "! DRILL")
        assert app.held or len(app.screen_stack) > 1


async def test_a_drill_is_told_of_also_while_the_daemon_is_away(
    filled: Paths, recorded: str
) -> None:
    """It may be the drill that has killed it."""
    async with running(filled, "chaos", size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "the daemon is not there")
        await until_shown(pilot, "! DRILL")
        await until_shown(pilot, "! worker-stop")
        shutil.rmtree(recorded)
        await until_gone(pilot, "! DRILL")
        await until_shown(pilot, "nothing is broken on purpose")
        assert app.is_running


async def test_what_cannot_be_seen_is_not_said_to_be_nothing(
    filled: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: a record's folder that only its owner may read; root may read everything."""

    def history(folder: str) -> list[Drilled]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)

    monkeypatch.setattr(records, "history", history)
    async with running(filled, "chaos", size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "what is broken on purpose cannot be read")
        await until_shown(pilot, "worker-kill")
        assert app.is_running
