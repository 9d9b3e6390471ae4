"""A daemon on a backup that was restored: attempts that ran in it, and what is said of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from live_home import LiveHome
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.policy.task import AttemptOutcome, TaskState

HomeAt = Callable[[str], LiveHome]


@pytest.mark.parametrize("worker_ends", [False, True])
def test_an_attempt_that_ended_after_the_backup_is_neither_unreceived_nor_failed(
    home_at: HomeAt, tmp_path: Path, worker_ends: bool
) -> None:
    started, gate, copy = tmp_path / "started", tmp_path / "gate", tmp_path / "copy.db"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    pid = int(started.read_text())
    assert home.fnr("db", "backup", str(copy)).returncode == 0
    gate.write_text("first")
    assert end_of(home, task_id).task.state is TaskState.DONE
    # A worker that has begun the next one has heard that the first is settled.
    submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    gate.write_text("next")
    home.kill()
    if worker_ends:
        os.kill(pid, signal.SIGKILL)
    assert home.fnr("db", "restore", str(copy), "-y").returncode == 0
    home.up()
    started.read_text()
    gate.write_text("again")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts, end.task.deaths) == (TaskState.DONE, 2, 0)
    first, second = home.ask(ask.GetTask(task_id=task_id)).attempts
    assert (first.outcome, second.outcome) == (AttemptOutcome.INTERRUPTED, AttemptOutcome.DONE)
    told = home.fnr("task", "history", task_id).stdout
    assert "attempt 1 began in worker" in told
    assert "it ran when the backup was made that was restored: what came of it is not" in told


def test_what_still_runs_of_a_restored_backup_goes_on(home_at: HomeAt, tmp_path: Path) -> None:
    started, gate, copy = tmp_path / "started", tmp_path / "gate", tmp_path / "copy.db"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    assert home.fnr("db", "backup", str(copy)).returncode == 0
    home.kill()
    assert home.fnr("db", "restore", str(copy), "-y").returncode == 0
    home.up()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)
