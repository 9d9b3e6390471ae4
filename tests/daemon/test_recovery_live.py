"""Recovery through a real daemon: smaller ways, budgets that run dry and fill, the whole ledger."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path

import msgspec
from live_home import LiveHome
from test_task_life import HomeAt, end_of, function, submit

from fnr.api import requests as ask
from fnr.api.letter_requests import EditLetter, ListLetters, ReplayLetters
from fnr.client import store_file
from fnr.policy.task import TaskState

LADDER = """
[[functions.render.degrade]]
when = ["resource"]
set = { batch_size = "half" }

[[functions.render.degrade]]
when = ["resource"]
function = "render_cpu"
"""


def whole(home: LiveHome) -> bool:
    """Does `fnr db check` find nothing?"""
    return store_file.check(home.paths) == []


def test_a_task_that_does_not_fit_is_done_in_a_smaller_way(home_at: HomeAt) -> None:
    home = home_at(function("render", "needs_room") + LADDER + function("render_cpu", "echo")).up()
    task_id = submit(home, "render", {"batch_size": 8})
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE
    assert msgspec.json.decode(end.result) == {"batch_size": 4, "where": "gpu"}
    assert [step.set for step in end.task.degraded] == [{"batch_size": "half"}]
    shown = home.fnr("task", "show", task_id).stdout
    assert "degraded:  batch_size halved (resource)" in shown
    assert 'input:     {"batch_size":8}' in shown
    told = home.fnr("task", "history", task_id).stdout
    assert "so degraded: batch_size halved (step 1: resource), try in " in told
    assert told.rstrip().endswith("now done, degraded: batch_size halved (resource)")
    assert whole(home)


def test_a_failure_is_told_of_the_function_that_failed_and_not_of_who_takes_over(
    home_at: HomeAt,
) -> None:
    way = '[[functions.render.degrade]]\nwhen = ["resource"]\nfunction = "render_cpu"\n'
    home = home_at(function("render", "fail") + way + function("render_cpu", "noop")).up()
    events = home.connection().watch(
        ask.Watch(kinds=["error"], functions=["render"]),
        on_watching=lambda: submit(home, "render", {"kind": "MemoryError"}),
    )
    failed = next(events)
    assert (failed.what, failed.function) == ("resource", "render")
    assert end_of(home, failed.task_id or "").task.function == "render_cpu"
    [line] = [line for line in home.log().splitlines() if "attempt failed" in line]
    assert " function=render " in line


def test_what_has_no_room_while_it_is_loaded_goes_another_way_at_once(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """The other function has nothing else to do, and looked for work before."""
    (tmp_path / "model.py").write_text('raise MemoryError("cannot hold it")')
    way = '[[functions.render.degrade]]\nwhen = ["resource"]\nfunction = "render_cpu"\n'
    render = f'[functions.render]\npython = "model:run"\ncwd = "{tmp_path}"\n'
    render += 'workers = { min = 0, max = 1 }\nretry = { delay = "10ms" }\n'
    home = home_at(render + way + function("render_cpu", "echo")).up()
    end_of(home, submit(home, "render_cpu"))
    for task_id in [submit(home, "render", {"n": number}) for number in range(3)]:
        end = end_of(home, task_id)
        assert (end.task.state, end.task.function) == (TaskState.DONE, "render_cpu")
    assert whole(home)


def test_who_takes_over_and_cannot_be_loaded_costs_one_task(home_at: HomeAt) -> None:
    """Whose letter lies under the function that was asked for."""
    broken = '[functions.render_cpu]\npython = "no_such_module:run"\n'
    ladder = LADDER.replace('set = { batch_size = "half" }', 'function = "render_cpu"', 1)
    soon = '\n[daemon]\nrestart_delay = "1ms"\n'
    home = home_at(function("render", "fail") + ladder + broken + soon).up()
    first, second = (submit(home, "render", {"kind": "MemoryError"}) for _ in range(2))
    while not {one.task_id for one in home.ask(ListLetters()).items}:
        pass
    tried = {one.worker_id for one in home.ask(ask.ListWorkers(gone=True))}
    while len({one.worker_id for one in home.ask(ask.ListWorkers(gone=True))} - tried) < 5:
        pass
    [letter] = home.ask(ListLetters()).items
    assert letter.function == "render"
    [left] = {first, second} - {letter.task_id}
    assert home.ask(ask.GetTask(task_id=left)).task.function == "render_cpu"


def test_another_function_takes_over_and_a_replay_starts_as_submitted(home_at: HomeAt) -> None:
    home = home_at(
        function("render", "needs_room") + LADDER + function("render_cpu", "never_fits", "")
        .replace('wait = "50ms"', "waits_max = 0")
    ).up()  # fmt: skip
    task_id = submit(home, "render", {"batch_size": 64})
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DEAD
    assert end.task.function == "render"
    assert [step.to for step in end.task.degraded] == ["", "render_cpu"]
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert [error.function for error in detail.errors] == ["render", "render", "render_cpu"]
    assert [row.decision.action for row in detail.ledger] == ["degrade", "degrade", "bury"]
    page = home.fnr("dlq", "show", task_id).stdout
    assert "degraded:   batch_size halved (resource); by render_cpu (resource)\n" in page
    [letter] = home.ask(ListLetters()).items
    assert letter.function == "render"
    assert whole(home)
    home.ask(ReplayLetters(task_ids=[task_id]))
    again = end_of(home, task_id)
    assert [step.rung for step in again.task.degraded] == [0, 1]
    assert json.loads(bytes(detail.input)) == {"batch_size": 64}
    assert whole(home)


def test_an_empty_budget_parks_and_a_success_wakes(home_at: HomeAt, tmp_path: Path) -> None:
    budget = 'budget = "0s", budget_max = "50ms", budget_share = 1.0, wait = "1h", delay = "1ms"'
    table = function("flaky", "fail_or_block").replace(
        'delay = "10ms", delay_max = "20ms", wait = "50ms"', budget
    )
    home = home_at(table).up()
    task_id = submit(home, "flaky", {"path": str(tmp_path / "tries"), "times": 1})
    while not (parked := home.ask(ask.GetTask(task_id=task_id))).ledger:
        pass
    end_of(home, submit(home, "flaky", {}))
    assert parked.ledger[0].decision.action == "park"
    assert "retry budget of flaky is empty: 0 ms of work left" in parked.ledger[0].decision.why
    # What the success of the second task earned has paid for the first one's retry.
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE
    assert whole(home)


def test_a_checkpoint_survives_the_worker(home_at: HomeAt) -> None:
    """SIGKILL right behind it; the task is done, so nothing is kept of it."""
    home = home_at(function("render", "go_on")).up()
    end = end_of(home, submit(home, "render", {}))
    assert msgspec.json.decode(end.result) == {"frame": 41, "why": "ü"}
    assert end.task.attempts == 2
    assert whole(home)
    with sqlite3.connect(home.paths.store_file) as store:
        assert store.execute("SELECT count(*) FROM checkpoint").fetchone() == (0,)
    store.close()


def test_a_checkpoint_survives_daemon_and_worker(home_at: HomeAt, tmp_path: Path) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("render", "keep_and_hang")).up()
    task_id = submit(home, "render", {"started": str(started), "gate": str(gate)})
    pid = int(started.read_text())
    home.kill()
    os.kill(pid, signal.SIGKILL)
    home.up()
    end = end_of(home, task_id)
    assert msgspec.json.decode(end.result) == "half"


def test_a_replay_with_another_input_does_not_begin_from_the_old_one(home_at: HomeAt) -> None:
    table = function("render", "go_on").replace('delay = "10ms"', 'delay = "10ms", deaths_max = 1')
    home = home_at(table).up()
    task_id = submit(home, "render", {})
    assert end_of(home, task_id).task.state is TaskState.DEAD
    home.ask(EditLetter(task_id=task_id, input=msgspec.Raw(b'{"bell": "other"}')))
    home.ask(ReplayLetters(task_ids=[task_id]))
    assert end_of(home, task_id).task.state is TaskState.DEAD
    home.ask(ReplayLetters(task_ids=[task_id]))
    assert msgspec.json.decode(end_of(home, task_id).result) == {"frame": 41, "why": "ü"}


def test_a_removed_function_keeps_its_tasks_and_letters_until_it_is_back(home_at: HomeAt) -> None:
    both = function("bad", "fail") + function("echo", "echo")
    home = home_at(both).up()
    dead = submit(home, "bad", {"kind": "PermissionError"})
    assert end_of(home, dead).task.state is TaskState.DEAD
    home.ask(ask.PauseFunction(functions=["bad"]))
    left = submit(home, "bad", {"kind": "PermissionError"})
    home.write(function("echo", "echo"))
    home.ask(ask.ReloadConfig())
    status = {line.function: line for line in home.ask(ask.GetStatus()).functions}
    assert status["bad"].problem == "not in fnr.toml; 1 task waits for it"
    report = home.ask(ReplayLetters(task_ids=[dead]))
    assert report.blocked == {"function bad is not in fnr.toml": 1}
    home.kill()
    home.up()
    assert home.ask(ask.GetTask(task_id=left)).task.state is TaskState.QUEUED
    home.write(both)
    home.ask(ask.ReloadConfig())
    home.ask(ask.ResumeFunction(functions=["bad"]))
    assert end_of(home, left).task.state is TaskState.DEAD
    assert home.ask(ReplayLetters(task_ids=[dead])).replayed == 1
    assert whole(home)


def test_a_smaller_input_for_the_same_service_is_not_in_the_way_of_another_way(
    home_at: HomeAt,
) -> None:
    """It would be taken behind a failure; a task that may not begin has none."""
    ways = (
        '[[functions.render.degrade]]\nwhen = ["breaker:gpu"]\nset = { size = "half" }\n'
        '[[functions.render.degrade]]\nwhen = ["breaker:gpu"]\nfunction = "render_cpu"\n'
    )
    uses = 'services = ["gpu"]\n'
    home = home_at(function("render", "echo", uses + ways) + function("render_cpu", "echo")).up()
    assert home.fnr("breaker", "open", "gpu", "--for", "1h", "--reason", "test").returncode == 0
    end = end_of(home, submit(home, "render", {"size": 8}))
    assert [(step.rung, step.to) for step in end.task.degraded] == [(1, "render_cpu")]
    assert end.task.state is TaskState.DONE


def test_while_a_breaker_is_open_queued_tasks_go_another_way(home_at: HomeAt) -> None:
    """Those that wait when it opens, and those that come while it is open."""
    way = '[[functions.render.degrade]]\nwhen = ["breaker:gpu"]\nfunction = "render_cpu"\n'
    home = home_at(
        function("render", "echo", 'services = ["gpu"]') + way + function("render_cpu", "echo")
    ).up()
    home.ask(ask.PauseFunction(functions=["render_cpu"]))
    assert home.fnr("breaker", "open", "gpu", "--for", "1h", "--reason", "test").returncode == 0
    first, second = submit(home, "render", {"n": 1}), submit(home, "render", {"n": 2})
    home.ask(ask.ResumeFunction(functions=["render_cpu"]))
    for task_id in (first, second):
        end = end_of(home, task_id)
        assert (end.task.state, end.task.function) == (TaskState.DONE, "render_cpu")
        assert [step.why for step in end.task.degraded] == ["breaker:gpu"]
    told = home.fnr("task", "history", first).stdout
    assert "submitted by" in told
    assert "degraded: by render_cpu (step 1: breaker:gpu) before it began" in told
    assert whole(home)


def test_queued_tasks_go_another_way_also_behind_a_restart_or_a_reload(home_at: HomeAt) -> None:
    """The breaker was open before; only a move of it let anybody look."""
    way = '[[functions.render.degrade]]\nwhen = ["breaker:gpu"]\nfunction = "render_cpu"\n'
    before = function("render", "echo", 'services = ["gpu"]')
    home = home_at(before + function("render_cpu", "echo")).up()
    assert home.fnr("breaker", "open", "gpu", "--for", "1h", "--reason", "test").returncode == 0
    task_id = submit(home, "render", {"n": 1})
    home.write(before + way + function("render_cpu", "echo"))
    assert home.ask(ask.ReloadConfig()).changed == ["render"]
    assert end_of(home, task_id).task.function == "render_cpu"
    home.kill()
    home.up()
    assert end_of(home, submit(home, "render", {"n": 2})).task.function == "render_cpu"
    assert whole(home)
