"""A function changes in fnr.toml, or leaves it, while there is work of it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from breaker_news import BreakerNews
from live_home import FUNCTIONS, LiveHome
from test_breakers_live import function, is_whole
from test_task_life import end_of, submit
from undo_waits import ended

from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers
from fnr.api.errors import ConfigError
from fnr.api.resource_requests import ExplainWait
from fnr.config.gone_file import WHY_GONE
from fnr.daemon.reload import BEHIND, REFUSED
from fnr.policy.breaker import BreakerState
from fnr.policy.evidence import KilledBy
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def test_the_trial_and_the_needs_of_a_killed_worker_are_free_at_once(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: its only attempt tests a half-open breaker; its worker is killed behind a reload."""
    stays = function("stays", "echo", 'services = ["storage"]\ncpus = 1')
    goes = function("goes", "block_on", 'services = ["storage"]\ncpus = 1')
    home = home_at(stays + goes).up()
    news = BreakerNews(home)
    force = ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=1)
    news.until("storage half_open", act=lambda: home.ask(force))
    started = tmp_path / "started"
    os.mkfifo(started)
    os.mkfifo(tmp_path / "gate")
    left = submit(home, "goes", {"fifo": str(tmp_path / "gate"), "started": str(started)})
    worker_pid = int(started.read_text())
    waits = submit(home, "stays")
    home.write(stays)
    assert home.ask(ask.ReloadConfig()).removed == ["goes"]
    os.kill(worker_pid, signal.SIGKILL)
    assert end_of(home, waits).task.state is TaskState.DONE
    assert home.ask(ask.GetTask(task_id=left)).task.state is TaskState.QUEUED
    is_whole(home)


def test_the_trial_of_a_function_that_uses_the_service_no_more_is_free_when_it_ends(
    home_at: HomeAt, tmp_path: Path
) -> None:
    stays = function("stays", "echo", 'services = ["storage"]')
    goes = function("goes", "block_on", 'services = ["storage"]')
    home = home_at(stays + goes).up()
    news = BreakerNews(home)
    force = ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=1)
    news.until("storage half_open", act=lambda: home.ask(force))
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    trial = submit(home, "goes", {"fifo": str(gate), "started": str(started)})
    assert started.read_text()
    waits = submit(home, "stays")
    home.write(stays + function("goes", "block_on"))
    assert home.ask(ask.ReloadConfig()).changed == ["goes"]
    gate.write_text("well")
    assert end_of(home, trial).task.state is TaskState.DONE
    assert end_of(home, waits).task.state is TaskState.DONE
    is_whole(home)


@pytest.mark.parametrize("kept", ['services = ["storage"]', 'memory = "9000GiB"'])
def test_what_held_it_back_and_is_taken_out_of_the_file_holds_it_back_no_longer(
    home_at: HomeAt, kept: str
) -> None:
    """Without a worker of its own nobody would ask again whether it may start."""
    none = "workers = { min = 0, max = 1 }\n"
    home = home_at(function("call", "echo", none + kept)).up()
    force = ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=3_600_000)
    home.ask(force)
    task_id = submit(home, "call")
    while not home.ask(ExplainWait(task_id=task_id)).holds.keys() & {"breaker", "resources"}:
        pass
    home.write(function("call", "echo", none))
    assert home.ask(ask.ReloadConfig()).changed == ["call"]
    assert end_of(home, task_id).task.state is TaskState.DONE


def test_what_was_wrong_with_a_function_that_left_the_file_is_wrong_no_longer(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Status called it broken until the next start of the daemon, and no drill was allowed.

    Method: the folder that its worker is to start in is removed meanwhile.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    stays = function("stays", "echo")
    none = "workers = { min = 0, max = 1 }"
    goes = f'[functions.goes]\ncommand = ["true"]\ncwd = "{folder}"\n{none}\n'
    home = home_at(stays + goes).up()
    folder.rmdir()
    task_id = submit(home, "goes")
    while not home.ask(ask.GetStatus()).problems:
        pass
    home.write(stays)
    assert home.ask(ask.ReloadConfig()).removed == ["goes"]
    home.ask(ask.CancelTasks(task_ids=[task_id]))
    assert home.ask(ask.GetStatus()).problems == []


def test_what_left_the_file_while_it_ran_is_judged_and_undone_as_it_had_been_declared(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It was not to be tried again, and was put back for when its function comes back."""
    makes = f"""
[functions.make]
python = "undo_functions:make"
cwd = "{FUNCTIONS}"
retry = {{ max = 0 }}
"""
    home = home_at(makes).up()
    made, bell, gate = (tmp_path / name for name in ("made", "bell", "gate"))
    os.mkfifo(bell)
    os.mkfifo(gate)
    given = {"path": str(made), "then": "reset", "bell": str(bell), "gate": str(gate)}
    task_id = submit(home, "make", given)
    bell.read_text()
    home.write("")
    assert home.ask(ask.ReloadConfig()).removed == ["make"]
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DEAD, 1)
    ended(home, task_id)
    assert not made.exists()


@pytest.mark.parametrize("restarted", [False, True])
def test_living_workers_keep_as_much_of_their_log_as_the_file_says_now(
    home_at: HomeAt, restarted: bool
) -> None:
    """Method: one prints sixteen times what was kept when it was started."""
    shouts = function("shout", "shout")
    home = home_at(f'{shouts}\n[log]\nworker_file_size = "64KiB"\n').up()
    end_of(home, submit(home, "shout", {"mib": 0}))
    [before] = home.ask(ask.ListWorkers())
    home.write(f'{shouts}\n[log]\nworker_file_size = "8MiB"\n')
    if restarted:
        home.kill()
        home.up()
    else:
        assert home.ask(ask.ReloadConfig()).settings == ["log.worker_file_size"]
    end = end_of(home, submit(home, "shout", {"mib": 1}))
    [after] = home.ask(ask.ListWorkers())
    assert after.worker_id == before.worker_id
    [span] = home.ask(ask.ListLogSpans(task_id=end.task.task_id))
    assert Path(span.log_path).stat().st_blocks * 512 >= 1024 * 1024


def test_who_reloads_by_a_signal_reads_all_of_it_in_the_log(home_at: HomeAt) -> None:
    """What waits for a restart, and what to type for this home where nothing has changed."""
    home = home_at(function("echo", "echo")).up()
    home.write(function("echo", "echo") + '\n[log]\nformat = "json"\nfiles = 3\n')
    assert home.process is not None
    hang_up = partial(home.process.send_signal, signal.SIGHUP)
    news = home.connection(timeout_ms=60_000).watch(ask.Watch(), on_watching=hang_up)
    assert any(event.what == "reloaded" for event in news)
    assert """needs_restart="['log.files', 'log.format']\"""" in home.log()
    (home.folder / "fnr.toml").unlink()
    hang_up()
    home.end()
    assert f"try: fnr --home {home.folder} config path" in home.log()


def test_mistakes_that_a_reload_found_are_named_until_the_file_is_another(home_at: HomeAt) -> None:
    """Who reloads by a signal is told by nobody, and the next daemon would not start."""
    home = home_at(function("one", "echo")).up()
    home.write("[functions")
    with pytest.raises(ConfigError):
        home.ask(ask.ReloadConfig())
    assert home.ask(ask.GetStatus()).problems == [f"{home.folder}/fnr.toml {REFUSED}"]
    home.write(function("one", "echo"))
    assert home.ask(ask.GetStatus()).problems == []


def test_a_file_that_was_changed_and_is_not_in_force_is_told_of(home_at: HomeAt) -> None:
    """Whoever has edited it wonders why nothing is different."""

    def problems() -> list[str]:
        found: list[str] = home.ask(ask.GetStatus()).problems
        return found

    home = home_at(function("one", "echo")).up()
    file = home.folder / "fnr.toml"
    file.touch()
    assert problems() == []
    home.write(function("one", "echo", 'timeout = "5m"'))
    assert problems() == [f"{file} {BEHIND}"]
    home.ask(ask.ReloadConfig())
    assert problems() == []
    file.unlink()
    assert problems() == [f"{file} is gone: {WHY_GONE}"]


def test_systemd_is_told_how_many_functions_there_are_now(home_at: HomeAt) -> None:
    """Those of fnr.toml, as `fnr config check` counts them."""
    home = home_at(function("one", "echo"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")
        systemd.settimeout(30)
        address = "@" + systemd.getsockname()[1:].decode()
        words = [sys.executable, "-m", "fnr", "--home", str(home.folder), "daemon"]
        env = {**os.environ, "NOTIFY_SOCKET": address}
        home.process = subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL)
        assert [systemd.recv(1_000) for _ in range(2)] == [b"READY=1", b"STATUS=1 function"]
        home.write(function("one", "echo") + function("two", "echo"))
        home.ask(ask.ReloadConfig())
        assert systemd.recv(1_000) == b"STATUS=2 functions"


@pytest.mark.parametrize("reloaded", [False, True])
def test_what_left_the_file_is_judged_as_declared_by_the_next_daemon_too(
    home_at: HomeAt, tmp_path: Path, *, reloaded: bool
) -> None:
    """It was put back for when its function comes back, as if nobody had ever said max = 0."""
    home = home_at(make_once("retry = { max = 0 }")).up()
    task_id, gate = under_way(home, tmp_path)
    home.write("")
    if reloaded:
        home.ask(ask.ReloadConfig())
        home.kill()
        # And the one after it knows it from this one.
        home.up()
    home.kill()
    home.up()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DEAD, 1)
    assert "secret" not in declared(home)
    is_whole(home)


def test_what_left_the_file_ends_at_its_timeout_under_the_next_daemon_too(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It ran for ever."""
    home = home_at(make_once('timeout = "1s"\nretry = { max = 0 }')).up()
    task_id, _ = under_way(home, tmp_path)
    home.kill()
    home.write("")
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.killed_by is KilledBy.TIMEOUT


def under_way(home: LiveHome, folder: Path) -> tuple[str, Path]:
    """A task of make that runs, and what lets it end."""
    bell, gate = (folder / name for name in ("bell", "gate"))
    os.mkfifo(bell)
    os.mkfifo(gate)
    given = {"path": str(folder / "made"), "then": "reset", "bell": str(bell), "gate": str(gate)}
    task_id = submit(home, "make", given)
    bell.read_text()
    return task_id, gate


def make_once(more: str) -> str:
    return f"""
[functions.make]
python = "undo_functions:make"
cwd = "{FUNCTIONS}"
env = {{ API_TOKEN = "secret" }}
{more}
"""


def declared(home: LiveHome) -> str:
    with closing(sqlite3.connect(home.paths.store_file)) as store:
        [(text,)] = store.execute("SELECT value FROM meta WHERE key = 'functions'")
    assert "make" in text
    return str(text)


def test_a_worker_of_another_version_of_fnr_is_replaced_when_it_has_ended_its_attempt(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """After an upgrade and a restart they went on with what was mended, for as long as they lived.

    Method: the first daemon and its workers take themselves for another version.
    """
    (tmp_path / "sitecustomize.py").write_text("import fnr\nfnr.__version__ = '0.0.1'\n")
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on") + function("echo", "echo"))
    home.prefix = ["env", f"PYTHONPATH={tmp_path}"]
    home.up()
    before = {worker.worker_id for worker in home.ask(ask.ListWorkers())}
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    home.kill()
    home.prefix = []
    home.up()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)
    ends: set[str] = {""}
    while "" in ends:
        workers = home.ask(ask.ListWorkers(gone=True))
        ends = {worker.end for worker in workers if worker.worker_id in before}
    assert ends == {"it is of another version of fnr"}
