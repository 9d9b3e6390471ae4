"""Calls that functions guard themselves, in a running daemon: each counts once, whoever dies."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from breaker_news import breaker_of
from live_home import LiveHome
from test_breakers_live import GUARDED, LONG, function, parked
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers, ListBreakers
from fnr.config.breakers import BREAKERS_MAX
from fnr.policy.breaker import BreakerState

HomeAt = Callable[[str], LiveHome]


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """While this file is there the service is ill."""
    path = tmp_path / "bad"
    path.touch()
    return path


def test_a_guarded_call_counts_once_from_the_first_attempt_on(
    home_at: HomeAt, bad: Path, tmp_path: Path
) -> None:
    """Also when the daemon that saw the attempt begin is not the one that sees it end."""
    began, gate = tmp_path / "began", tmp_path / "gate"
    os.mkfifo(began)
    os.mkfifo(gate)
    home = home_at(LONG + GUARDED).up()
    given = {"bad": str(bad)}
    end_of(home, submit(home, "guard", given, retries_max=0))
    assert breaker_of(home).streak == 1
    given |= {"gate": str(gate), "began": str(began)}
    task_id = submit(home, "guard", given, retries_max=0)
    began.read_text()
    home.kill()
    home.up()
    gate.write_text("go")
    end_of(home, task_id)
    assert breaker_of(home).streak == 2


def test_a_guarded_call_counts_once_also_when_its_attempt_has_to_be_settled_twice(
    home_at: HomeAt, bad: Path, tmp_path: Path
) -> None:
    """Method: the disk takes no writes just when the end of the attempt is the first of them."""
    began, gate = tmp_path / "began", tmp_path / "gate"
    os.mkfifo(began)
    os.mkfifo(gate)
    home = home_at(LONG + function("guard", "guard_early")).up()
    given = {"bad": str(bad), "gate": str(gate), "began": str(began)}
    task_id = submit(home, "guard", given, retries_max=0)
    began.read_text()
    while breaker_of(home).streak != 1:
        pass
    assert home.process is not None
    pid = home.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    gate.write_text("go")
    while not any("ended attempts wait" in one for one in home.ask(ask.GetStatus()).problems):
        pass
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert end_of(home, task_id).task.state == "dead"
    assert breaker_of(home).streak == 1


def test_a_file_that_was_removed_while_no_daemon_ran_misleads_no_worker(
    home_at: HomeAt, bad: Path
) -> None:
    """Method: the worker has the removed file open, in which the breaker is closed for ever."""
    home = home_at(LONG + GUARDED).up()
    bad.unlink()
    assert end_of(home, submit(home, "guard", {"bad": str(bad)})).task.state == "done"
    [worker] = home.ask(ask.ListWorkers())
    home.kill()
    Path(home.paths.breaker_file).unlink()
    home.up()
    open_ = BreakerState.FORCED_OPEN
    home.ask(ForceBreakers(names=["storage"], state=open_, for_ms=3_600_000, reason="a test"))
    assert parked(home, bad).waiting_for == "service:storage"
    assert [one.worker_id for one in home.ask(ask.ListWorkers())] == [worker.worker_id]


def test_what_is_known_is_counted_however_many_breakers_there_are(
    home_at: HomeAt, bad: Path
) -> None:
    tables = "".join(f"[breakers.b{number}]\n" for number in range(BREAKERS_MAX))
    home = home_at(tables + GUARDED).up()
    for service, refused in (("storage", False), ("one-too-many", True)):
        end_of(home, submit(home, "guard", {"bad": str(bad), "service": service}, retries_max=0))
        assert ("services that cannot be: ['one-too-many']" in home.log()) == refused
    assert breaker_of(home).streak == 1
    assert home.fnr("breaker", "show", "one-too-many").returncode == 4
    home.write(tables + GUARDED + 'services = ["declared"]\n')
    assert home.ask(ask.ReloadConfig()).changed == ["guard"]
    while "declared" not in {one.name for one in home.ask(ListBreakers())}:
        pass


def test_a_service_of_an_impossible_name_is_refused(home_at: HomeAt, bad: Path) -> None:
    home = home_at(GUARDED).up()
    task_id = submit(home, "guard", {"bad": str(bad), "service": "Storage!"})
    assert end_of(home, task_id).task.state == "dead"
    said = "WrongCallError: fnr.breaker: 'Storage!' is no name: one is 1 to 64 of a-z, 0-9, _ and -"
    assert said in home.fnr("task", "show", task_id).stdout
