"""The red line of a drill: on every screen, whatever else stands still or lies before it."""

from __future__ import annotations

import pytest
from tui_home import StoreServer, running, settled, until, until_gone, until_shown

from fnr.api.requests import Event
from fnr.client.instants import now_ms
from fnr.policy.chaos import Drilled, Injection


def acting() -> Drilled:
    injection = Injection(
        injection_id="01M8JQ3WMY5A1RT7CG914DSA0Q", drill_id="01M8JQ3WMY5A1RT7CG914DSA0Q",
        fault="worker-stop", reason="game day", by="root", begun_at_ms=now_ms(),
        duration_ms=60_000, until_boot_ms=0, boot_id="", folder="",
    )  # fmt: skip
    return Drilled(injection=injection, state="active")


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
