"""Wait until undo is over, as those who watch are told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from live_home import LiveHome

from fnr.api import requests as ask
from fnr.policy.undo import Step, next_step


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


class _Over(Exception):
    """It was over before anybody watched."""


def ended(home: LiveHome, task_id: str) -> None:
    """Wait until no step of a task is to be undone any more."""

    def look() -> None:
        if steps_of(home, task_id) and next_step(steps_of(home, task_id)) is None:
            raise _Over

    with suppress(_Over):
        until(home, look, task_id=task_id)
