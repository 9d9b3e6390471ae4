"""How replays go, below the dead letters: told by events, steered with two keys."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tui_home import (
    HOSTILE,
    SIZES,
    StoreServer,
    lines_of,
    running,
    settled,
    shown,
    until,
    until_shown,
)

from fnr.api.replay_requests import ListReplays
from fnr.api.requests import Event
from fnr.client.instants import now_ms
from fnr.policy.record import Page
from fnr.policy.replay import ReplayPlan, ReplayState
from fnr.tui.replay_lines import (
    ENDED_SHOWN_MS,
    given_up,
    paused_or_resumed,
    plan_line,
    worth_showing,
)

PLAN = ReplayPlan(
    plan_id="01JDPLANPLANPLAN", state=ReplayState.RUNNING, state_at_ms=1_000, created_at_ms=500,
    created_by="bob", total=200, pending=96, live=4, done=80, dead=15, skipped=5,
    why=f"the first ones came home {HOSTILE}",
)  # fmt: skip


class Told:
    """Plans as the daemon knows them at the moment."""

    def __init__(self, daemon: StoreServer, *plans: ReplayPlan) -> None:
        self.plans = list(plans)
        daemon.answers[ListReplays] = lambda _: Page(items=self.plans, total=len(self.plans))


@pytest.mark.parametrize("size", SIZES)
async def test_a_replay_is_watched_while_it_goes(
    daemon: StoreServer, size: tuple[int, int]
) -> None:
    told = Told(daemon, PLAN)
    async with running(daemon.paths, "dlq", size=size) as (app, pilot):
        await until_shown(pilot, "80 of 200 home")
        line = next(one for one in lines_of(app) if "80 of 200 home" in one)
        assert "● running" in line
        assert "██████████··········" in line
        told.plans = [
            replace(PLAN, state=ReplayState.DONE, state_at_ms=now_ms(), done=180, live=0, pending=0)
        ]
        daemon.tell(Event(kind="plan", what="done", at_ms=now_ms(), detail=PLAN.plan_id))
        await until_shown(pilot, "180 of 200 home")
        assert "✓ done" in next(one for one in lines_of(app) if "180 of 200" in one)


async def test_without_replays_nothing_is_said_of_them(daemon: StoreServer) -> None:
    Told(daemon)
    async with running(daemon.paths, "dlq", size=(120, 30)) as (app, pilot):
        await until_shown(pilot, "CAUSE")
        await settled(pilot)
        assert "K gives it up" not in shown(app)
        await pilot.press("T")
        await until_shown(pilot, "no replay goes on")
        assert len(app.screen_stack) == 1


async def test_keys_steer_the_chosen_replay(daemon: StoreServer) -> None:
    waiting = replace(PLAN, plan_id="01JDOTHEROTHER00", state=ReplayState.PAUSED)
    Told(daemon, PLAN, waiting)
    async with running(daemon.paths, "dlq", size=(120, 40)) as (app, pilot):
        # The top line says "● running", too, and sooner.
        await until_shown(pilot, "15 died again")
        await pilot.press("T")
        await until_shown(pilot, f"replay pause {PLAN.plan_id}")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "cancel")
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        app.view.query_one("#replays").focus()
        await pilot.press("down", "T")
        await until_shown(pilot, f"replay resume {waiting.plan_id}")
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press("K")
        await until_shown(pilot, f"replay cancel {waiting.plan_id}")
        await pilot.press("escape")
        assert not app.done


def test_what_has_ended_is_shown_for_a_while_and_no_longer_steered() -> None:
    ended = replace(PLAN, state=ReplayState.CANCELLED)
    assert worth_showing([ended], now_ms=ended.state_at_ms + ENDED_SHOWN_MS - 1) == [ended]
    assert worth_showing([ended], now_ms=ended.state_at_ms + ENDED_SHOWN_MS) == []
    assert worth_showing([PLAN], now_ms=PLAN.state_at_ms + 10 * ENDED_SHOWN_MS) == [PLAN]
    assert given_up(ended) is None
    assert paused_or_resumed(ended) is None


def test_a_bar_is_full_only_when_all_has_ended() -> None:
    almost = replace(PLAN, done=179, live=1, pending=0)
    assert "█" * 20 not in plan_line(almost).plain
    assert "█" * 20 in plan_line(replace(almost, done=180, live=0)).plain
    assert "█" not in plan_line(replace(PLAN, total=0, done=0, dead=0, skipped=0)).plain
