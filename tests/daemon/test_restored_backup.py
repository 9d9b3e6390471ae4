"""A daemon on a backup that was restored, and on a store that has lost everything."""

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


@pytest.mark.parametrize("how", ["emptied", "removed"])
def test_a_store_that_has_lost_everything_is_told_of(home_at: HomeAt, how: str) -> None:
    """It is begun anew, as for a home that is new; nobody was told that there had been tasks."""
    home = home_at(function("echo", "echo")).up()
    end_of(home, submit(home, "echo", {}))
    assert home.end() == 0
    store = Path(home.paths.store_file)
    if how == "emptied":
        store.write_bytes(b"")
    else:
        store.unlink()
    home.up()
    [told] = [line for line in home.log().splitlines() if "earlier tasks" in line]
    assert f"{store} was empty or gone" in told
    assert "fnr db restore FILE" in told
    assert home.ask(ask.ListTasks()).items == []
