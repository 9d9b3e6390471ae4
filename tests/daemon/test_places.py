"""A worker's place is filled again when nothing is left of it, and no sooner."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from live_home import LiveHome
from test_breakers_live import function
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def fifos(folder: Path, *names: str) -> list[Path]:
    found = [folder / name for name in names]
    for path in found:
        os.mkfifo(path)
    return found


def workers_of(home: LiveHome) -> list[int]:
    """The pids of those that are not known to have ended."""
    return [worker.pid for worker in home.ask(ask.ListWorkers())]


def test_nobody_takes_the_place_of_a_dead_worker_while_a_program_of_it_is_there(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It may hold the memory of the GPU, or the port, that the next attempt needs."""
    asked, gate = fifos(tmp_path, "asked", "gate")
    marks = tmp_path / "marks"
    home = home_at(function("leave", "leave_or_mark", 'grace = "30s"')).up()
    given = {"asked": str(asked), "gate": str(gate), "path": str(marks)}
    submit(home, "leave", given, retries_max=0)
    asked.read_text()
    [killed] = workers_of(home)
    os.kill(killed, signal.SIGKILL)
    asked.read_text()
    follows = submit(home, "leave", {"path": str(marks), "line": "next"})
    assert workers_of(home) in ([], [killed])
    gate.write_text("")
    assert end_of(home, follows).task.state is TaskState.DONE
    assert marks.read_text().split() == ["left", "next"]


def test_after_a_reload_a_place_is_free_when_its_attempt_has_ended(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """With one worker there is one attempt at a time, whatever changes."""
    started, gate = fifos(tmp_path, "started", "gate")
    table = function("one", "block_if")
    home = home_at(table).up()
    first = submit(home, "one", {"fifo": str(gate), "started": str(started)})
    busy = int(started.read_text())
    home.write(table + 'grace = "1s"\n')
    assert home.ask(ask.ReloadConfig()).changed == ["one"]
    second = submit(home, "one")
    assert workers_of(home) == [busy]
    gate.write_text("")
    assert end_of(home, first).task.state is TaskState.DONE
    assert end_of(home, second).task.state is TaskState.DONE


def test_a_stopped_worker_is_replaced_when_there_is_work_again(home_at: HomeAt) -> None:
    home = home_at(function("one", "echo")).up()
    assert end_of(home, submit(home, "one")).task.state is TaskState.DONE
    [idle] = workers_of(home)
    home.ask(ask.StopWorkers(workers=["one"]))
    while idle in workers_of(home):
        pass
    assert workers_of(home) == []
    assert end_of(home, submit(home, "one")).task.state is TaskState.DONE
