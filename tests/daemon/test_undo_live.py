"""What failed tasks did is undone, by a real daemon, whoever is killed in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from live_home import FUNCTIONS, LiveHome

from fnr.api import requests as ask
from fnr.policy.task import TaskState
from fnr.policy.undo import Step, StepState

HomeAt = Callable[[str], LiveHome]


def function(name: str, extra: str = "") -> str:
    """One [functions.NAME] table that runs the function of that name in undo_functions.py."""
    return f"""
[functions.{name}]
python = "undo_functions:{name}"
cwd = "{FUNCTIONS}"
grace = "1s"
retry = {{ delay = "10ms", delay_max = "20ms", wait = "50ms" }}
{extra}
"""


def submit(home: LiveHome, name: str, **given: Any) -> str:
    """Submit one task; its id."""
    raw = msgspec.Raw(msgspec.json.encode(given))
    answer = home.ask(ask.Submit(task=ask.TaskSpec(function=name, input=raw)))
    task_id: str = answer.task_id
    return task_id


def steps_of(home: LiveHome, task_id: str) -> list[Step]:
    """A task's steps, oldest first."""
    steps: list[Step] = home.ask(ask.GetTask(task_id=task_id)).undo
    return steps


def until(
    home: LiveHome, do: Callable[[], Any], *, what: str = "finished", task_id: str = ""
) -> Any:
    """Do something, and wait until those who watch undo are told so; what doing it gave."""
    gave: list[Any] = []
    connection = home.connection(timeout_ms=30_000)
    for event in connection.watch(ask.Watch(kinds=["undo"]), on_watching=lambda: gave.append(do())):
        if event.what == what and task_id in {"", event.task_id}:
            break
    return gave[0]


def whole(home: LiveHome) -> None:
    """The store keeps its promises."""
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_a_failed_task_made_is_removed(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(function("make")).up()
    made = tmp_path / "made"
    task_id = until(home, lambda: submit(home, "make", path=str(made)))
    assert not made.exists()
    [step] = steps_of(home, task_id)
    assert (step.state, step.kind, step.tries, step.reason) == (
        StepState.UNDONE, "remove_file", 1, "removed",
    )  # fmt: skip
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert detail.task.state is TaskState.DEAD
    assert [row.decision.action for row in detail.ledger][-1] == "undo"
    assert not [*Path(home.paths.spool_dir).glob("*.undo")]
    whole(home)


def test_what_a_task_that_succeeds_made_stays(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(function("make")).up()
    made = tmp_path / "made"
    task_id = submit(home, "make", path=str(made), then="")
    home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    assert made.exists()
    assert steps_of(home, task_id) == []
    assert not [*Path(home.paths.spool_dir).glob("*.undo")]
    whole(home)
