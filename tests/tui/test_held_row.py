"""What somebody looks at is what a key means, also when the list moves under it meanwhile."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from tui_home import StoreServer, running, settled, until, until_shown

from fnr.api.errors import NotFound
from fnr.api.replay_requests import ListReplays
from fnr.api.requests import Event, GetTask, ListTasks
from fnr.client.instants import now_ms
from fnr.policy.record import Page
from fnr.policy.replay import ReplayPlan, ReplayState
from fnr.tui.screens.dashboard import DashboardView
from fnr.tui.screens.dialog import Dialog
from fnr.tui.screens.errors import ErrorsView
from fnr.tui.screens.list_view import ListView

PLAN = ReplayPlan(
    plan_id="01JDPLANPLANPLAN", state=ReplayState.RUNNING, state_at_ms=1_000, created_at_ms=500,
    created_by="bob", total=200, live=4, done=80, dead=15,
)  # fmt: skip
NEW = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


class Growing:
    """Tasks of the store, and above them one that is newer."""

    def __init__(self, daemon: StoreServer) -> None:
        self.daemon = daemon
        self.grown = False
        daemon.answers |= {ListTasks: self, GetTask: self.told}

    def __call__(self, asked: ListTasks) -> Any:
        page = self.daemon.from_store(asked)
        if not self.grown or asked.after:
            return page
        return replace(page, items=[replace(page.items[0], task_id=NEW), *page.items])

    def told(self, asked: GetTask) -> Any:
        """The newer one has no page."""
        return self.daemon.from_store(asked) if asked.task_id != NEW else NotFound("no such task")

    def grow(self) -> None:
        self.grown = True
        self.daemon.tell(Event(kind="task", what="queued", at_ms=now_ms(), task_id=NEW))


async def test_an_opened_page_stays_with_its_task_when_a_newer_one_comes(
    daemon: StoreServer,
) -> None:
    tasks = Growing(daemon)
    async with running(daemon.paths, "tasks", size=(80, 24)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        first = view.subject
        await pilot.press("enter")
        await until_shown(pilot, f"task:      {first}")
        tasks.grow()
        await until(pilot, lambda: view.id_of(view.table.window.rows[0]) == NEW)
        await settled(pilot)
        assert view.subject == first
        await until_shown(pilot, f"task:      {first}")


async def test_the_output_of_a_task_is_that_of_the_task_that_was_chosen(
    daemon: StoreServer,
) -> None:
    tasks = Growing(daemon)
    async with running(daemon.paths, "tasks", size=(120, 40)) as (app, pilot):
        view = app.view
        assert isinstance(view, ListView)
        await until(pilot, lambda: view.table.window.rows)
        await settled(pilot)
        first = view.subject
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        # An answer that was on its way when the dialog was opened.
        tasks.grown = True
        view.look()
        await until(pilot, lambda: view.subject == NEW)
        dialog = app.screen
        assert isinstance(dialog, Dialog)
        assert dialog.wish.command({}).words[1] == first


async def test_a_key_steers_the_replay_that_stands_chosen_when_a_newer_one_comes(
    daemon: StoreServer,
) -> None:
    plans = [PLAN]
    daemon.answers[ListReplays] = lambda _: Page(items=list(plans))
    async with running(daemon.paths, "dlq", size=(120, 40)) as (app, pilot):
        await until_shown(pilot, "15 died again")
        app.view.query_one("#replays").focus()
        plans.insert(0, replace(PLAN, plan_id="01JDNEWERNEWER00", dead=99))
        daemon.tell(Event(kind="plan", what="", at_ms=now_ms()))
        await until_shown(pilot, "99 died again")
        await pilot.press("K")
        await until_shown(pilot, f"replay cancel {PLAN.plan_id}")
        assert not app.done


async def test_a_line_is_picked_though_another_list_comes_before_somebody_hears_of_it(
    daemon: StoreServer,
) -> None:
    async with running(daemon.paths, size=(120, 60)) as (app, pilot):
        view = app.view
        assert isinstance(view, DashboardView)
        await until(pilot, lambda: view.latest.item is not None)
        view.latest.focus()
        await pilot.press("down")
        where = f"incident:{view.latest.item.incident_id}"
        view.latest.action_pick()
        view.latest.show([])
        await until(pilot, lambda: isinstance(app.view, ErrorsView) and app.view.where == where)
