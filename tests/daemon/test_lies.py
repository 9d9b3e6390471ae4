"""What a worker says of attempts that are not its own counts for nothing and touches nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from live_home import LiveHome
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]
LIAR = function("lie", "lie").replace("retry = { ", "retry = { deaths_max = 1, ")


def test_no_worker_ends_what_another_was_given(home_at: HomeAt, tmp_path: Path) -> None:
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(LIAR + function("block_on", "block_on")).up()
    task_id = submit(home, "block_on", {"started": str(started), "fifo": str(gate)})
    started.read_text()
    [attempt] = home.ask(ask.GetTask(task_id=task_id)).attempts
    assert end_of(home, submit(home, "lie", {"token": attempt.token})).task.state is TaskState.DONE
    gate.write_text("true")
    assert msgspec.json.decode(end_of(home, task_id).result) == "true"


def test_a_token_that_was_made_up_names_no_file(home_at: HomeAt, tmp_path: Path) -> None:
    """Method: the store is locked, so the worker is gone before its word is settled."""
    started, gate = pipes(tmp_path, "started", "gate")
    precious = tmp_path / "precious.json"
    precious.write_text("{}")
    home = home_at(LIAR).up()
    made_up = str(tmp_path / "precious")
    given = {"token": made_up, "started": str(started), "gate": str(gate)}
    task_id = submit(home, "lie", given)
    started.read_text()
    lock = sqlite3.connect(home.paths.store_file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    gate.write_text("go")
    while "worker ended" not in home.log():
        pass
    lock.execute("ROLLBACK")
    lock.close()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    assert precious.exists()


@pytest.mark.parametrize(
    "said",
    ['"result":"\xff"', f'"duration_ms":{10**400}', f'"output":{{"cpu_ms":{2**80}}}'],
    ids=["no-utf-8", "no-float", "no-int64"],
)
def test_what_no_store_can_hold_ends_the_attempt_of_which_it_is_said(
    home_at: HomeAt, said: str
) -> None:
    """It was tried again every second, for ever, and the task ran on."""
    home = home_at(function("misreport", "misreport")).up()
    end = end_of(home, submit(home, "misreport", {"said": said}, retries_max=0))
    assert end.task.state is TaskState.DEAD
    assert "what its worker said of its end cannot be stored" in end.message
