"""Tasks wait for something that is used up, and go on when it is free: real sockets and disks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_home import FUNCTIONS, LiveHome
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers, ResetBreakers
from fnr.policy.breaker import BreakerState
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def needing(name: str, target: str, extra: str = "") -> str:
    """A function whose waits end by their condition or not within this test."""
    return f"""
[functions.{name}]
python = "needing_functions:{target}"
env = {{ PYTHONPATH = "{FUNCTIONS}" }}
retry = {{ wait = "10m", waits_max = 5 }}
{extra}
"""


def test_a_taken_port_is_waited_for_and_used_when_it_is_free(home_at: HomeAt) -> None:
    home = home_at(needing("serve", "bind")).up()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        task_id = submit(home, "serve", {"port": port})
        wait_until_waiting(home, task_id)
        detail = home.ask(ask.GetTask(task_id=task_id))
        assert detail.task.waiting_for == f"port:{port}"
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert [str(row.decision.action) for row in detail.ledger] == ["wait", "wake", "complete"]
    assert "free" in detail.ledger[1].decision.why


@pytest.mark.parametrize("how", ["paused", "removed", "breaker"])
def test_what_is_free_is_not_kept_for_a_task_that_cannot_start(home_at: HomeAt, how: str) -> None:
    """It is older, and would be the first; what it waits for, others wait for as well."""
    idle, busy = needing("idle", "bind", 'services = ["storage"]'), needing("serve", "bind")
    home = home_at(idle + busy).up()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        first = submit(home, "idle", {"port": port})
        wait_until_waiting(home, first)
        second = submit(home, "serve", {"port": port})
        wait_until_waiting(home, second)
        match how:
            case "paused":
                home.ask(ask.PauseFunction(functions=["idle"]))
            case "removed":
                home.write(busy)
                home.ask(ask.ReloadConfig())
            case _:
                forced = ForceBreakers(
                    names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=600_000
                )
                home.ask(forced)
    assert end_of(home, second).task.state is TaskState.DONE
    assert home.ask(ask.GetTask(task_id=first)).task.state is TaskState.WAITING
    match how:
        case "paused":
            home.ask(ask.ResumeFunction(functions=["idle"]))
        case "removed":
            home.write(idle + busy)
            home.ask(ask.ReloadConfig())
        case _:
            home.ask(ResetBreakers(names=["storage"]))
    assert end_of(home, first).task.state is TaskState.DONE


def wait_until_waiting(home: LiveHome, task_id: str) -> None:
    """Return when the task waits."""
    seen = threading.Event()
    while not seen.is_set():
        task = home.ask(ask.GetTask(task_id=task_id)).task
        assert task.state is not TaskState.DEAD, task
        if task.state is TaskState.WAITING:
            seen.set()
        else:
            seen.wait(0.02)


def wait_until_held(home: LiveHome, *names: str) -> dict[str, str]:
    """Why these functions are held back, once all are and what they need was read."""
    while True:
        status = home.ask(ask.GetStatus())
        held = {one.function: one.holds.get("resources", "") for one in status.functions}
        unread = [word for word in ("is looking", "not read yet") for n in names if word in held[n]]
        if not unread and all(held[name] for name in names):
            return {name: held[name] for name in names}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "fnr-test", str(folder)],
        check=False,
        capture_output=True,
    )
    if os.geteuid() != 0 or mounted.returncode != 0:
        pytest.skip(f"only root can mount a small disk: {mounted.stderr.decode().strip()}")
    yield folder
    # The daemon, which looks at it now and then, ends later.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_waited_for_and_used_when_there_is_room(
    home_at: HomeAt, small_disk: Path
) -> None:
    home = home_at(
        needing("write", "fill")
        + needing("declared", "fill", f'disk = "{small_disk}:4MiB"')
        + '\n[daemon]\ndisk_free_min = "3MiB"\n'
    ).up()
    hog = small_disk / "hog"
    hog.write_bytes(b"x" * (6 << 20))
    task_id = submit(home, "write", {"path": str(small_disk / "out"), "mib": 4})
    wait_until_waiting(home, task_id)
    task = home.ask(ask.GetTask(task_id=task_id)).task
    assert task.waiting_for == f"disk:{small_disk}:3MiB"
    shown = home.fnr("task", "show", task_id)
    assert f"waits for {task.waiting_for}: 3MiB needed, now 2MiB" in shown.stdout
    held = submit(home, "declared", {"path": str(small_disk / "more"), "mib": 1})
    assert "needs 4MiB of disk" in wait_until_held(home, "declared")["declared"]
    hog.unlink()
    assert end_of(home, task_id).task.state is TaskState.DONE
    (small_disk / "out").unlink()
    end = end_of(home, held)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)


@pytest.mark.parametrize("point", ["condition-in-unit", "condition-woken"])
def test_a_daemon_killed_while_it_wakes_a_task_has_lost_nothing(
    home_at: HomeAt, point: str
) -> None:
    home = home_at(needing("serve", "bind"))
    assert home.start(env={"FNR_FAILPOINT": point}), home.log()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        task_id = submit(home, "serve", {"port": taken.getsockname()[1]})
        wait_until_waiting(home, task_id)
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DONE
    assert home.fnr("db", "check").returncode == 0
