"""The Logs screen: whose logs it follows while workers come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec import Raw
from msgspec.structs import replace
from tui_home import StoreServer, lines_of, running, until, until_shown

from fnr.api.requests import GetTask, ListTasks, ListWorkers
from fnr.client.log_tail import FIRST_BYTES
from fnr.policy.record import Page, TaskDetail, WorkerRecord
from fnr.policy.task import Task, TaskState
from fnr.tui.screens.logs import GONE_SHOWN, LogsView


def worker(number: int, *, gone: bool, folder: Path) -> WorkerRecord:
    log = folder / f"{number}.log"
    log.touch()
    return WorkerRecord(
        worker_id=f"01M8JQ3WMY5A1RT7CG91{number:06}", function="render", boot_id="", pid=number,
        pid_start=0, started_at_ms=number, log_path=str(log), state="gone" if gone else "idle",
        ended_at_ms=number if gone else None,
    )  # fmt: skip


async def test_of_many_workers_that_went_only_the_last_are_followed(
    daemon: StoreServer, tmp_path: Path
) -> None:
    """One a task, for days: each look asks the size of every log that it follows."""
    alive = worker(0, gone=False, folder=tmp_path)
    gone = [worker(number, gone=True, folder=tmp_path) for number in range(1, 10 * GONE_SHOWN)]
    workers = [alive, *gone[:GONE_SHOWN]]
    daemon.answers[ListWorkers] = lambda _: workers
    async with running(daemon.paths, "logs", size=(120, 30)) as (app, pilot):
        view = app.view
        assert isinstance(view, LogsView)
        await until(pilot, lambda: "render 000000" in view.sources)
        for begin in range(0, len(gone), GONE_SHOWN):
            workers[1:] = gone[: begin + GONE_SHOWN]
            newest = f"render {workers[-1].pid:06}"
            view.look()
            await until(pilot, lambda newest=newest: newest in view.sources)
            assert len(view.sources) == GONE_SHOWN + 1
        assert "render 000000" in view.sources


async def test_that_older_lines_are_not_searched_is_said(
    daemon: StoreServer, tmp_path: Path
) -> None:
    daemon.answers[ListWorkers] = lambda _: [worker(0, gone=False, folder=tmp_path)]
    lines = ["no such device\n", *["all is well\n"] * FIRST_BYTES]
    await asyncio.to_thread((tmp_path / "0.log").write_text, "".join(lines))
    async with running(daemon.paths, "logs", size=(120, 30)) as (app, pilot):
        await until_shown(pilot, "all is well")
        await pilot.press("slash", *"device", "enter")
        await until_shown(pilot, "no line fits")
        assert any("older ones: fnr logs -n 0" in line for line in lines_of(app))


async def test_what_a_command_of_fnr_run_was_given_as_a_secret_is_hidden(
    daemon: StoreServer, tmp_path: Path
) -> None:
    """No settings tell of it: its task does."""
    task = Task(task_id="01JD0000000000000000000000", function="run", state=TaskState.RUNNING)
    given = Raw(b'{"argv": ["x"], "env": {"HF_TOKEN": "value-of-a-variable"}}')
    running_now = replace(worker(0, gone=False, folder=tmp_path), function="run")
    await asyncio.to_thread((tmp_path / "0.log").write_text, "with value-of-a-variable\n")
    daemon.answers[ListWorkers] = lambda _: [running_now]
    daemon.answers[ListTasks] = lambda _: Page(items=[task], total=1)
    daemon.answers[GetTask] = lambda _: TaskDetail(task=task, input=given)
    async with running(daemon.paths, "logs", size=(120, 30)) as (app, pilot):
        await until_shown(pilot, "with [redacted]")
        assert not any("value-of-a-variable" in line for line in lines_of(app))
        await pilot.press("slash", *"elsewhere", "enter")
        await until_shown(pilot, "no line fits")
