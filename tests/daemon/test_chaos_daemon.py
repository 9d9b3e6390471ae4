"""Faults and a daemon that is killed: the next one, or an abort without any, puts them right."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from live_home import LiveHome
from msgspec.structs import replace

from fnr.api.chaos_requests import AbortDrills, InjectFault
from fnr.api.errors import DaemonDown, Refused, TryAgain
from fnr.api.requests import ListTasks, PauseFunction, ReloadConfig
from fnr.client.sdk import Client
from fnr.daemon.main import Daemon
from fnr.host import chaos_records as records
from fnr.host.lock import lock_holder
from fnr.policy.chaos import Drilled, Injection

TOML = """
[chaos]
enabled = true
stop_load = 1000.0
stop_disk_free = "1MiB"
[functions.rock]
python = "fnr.worker.canary:canary"
workers = { min = 1, max = 1 }
"""


@pytest.fixture
def home() -> Iterator[LiveHome]:
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), TOML)
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def inject(home: LiveHome, fault: str, **more: object) -> str:
    request = {"fault": fault, "duration_ms": 60_000, "reason": "a test", **more}
    answer = home.ask(InjectFault(**request))  # type: ignore[arg-type]  # msgspec checks the fields
    return str(answer.injection_id)


def all_over(home: LiveHome) -> list[Drilled]:
    """Wait until no record is active; all that are known."""
    for _ in range(2_000):
        if not records.active(home.paths.chaos_dir):
            return records.history(home.paths.chaos_dir)
        threading.Event().wait(0.01)
    raise AssertionError(records.active(home.paths.chaos_dir))


def killed_in_the_middle(home: LiveHome) -> Injection:
    """A fault whose daemon and dead-man process are both gone, and nobody has undone it."""
    [active] = records.active(home.paths.chaos_dir)
    holder = records.holder(active.folder)
    assert holder is not None
    os.kill(home.process.pid if home.process else 0, signal.SIGSTOP)
    os.kill(holder.pid, signal.SIGKILL)
    home.kill()
    return active


@pytest.mark.parametrize("point", ["undo-record-committed", "flooding"])
def test_a_daemon_that_dies_while_it_injects_leaves_nothing(home: LiveHome, point: str) -> None:
    assert home.start(env={"FNR_FAILPOINT": f"chaos/{point}"})
    with pytest.raises(DaemonDown):
        inject(home, "queue-flood", options={"function": "rock", "count": "600"})
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    home.up()
    [over] = all_over(home)
    assert over.outcome is not None
    assert over.outcome.reverted
    waiting = home.ask(ListTasks(where="tag:flood state:queued,waiting"))
    assert waiting.items == []


def test_the_fault_ends_with_the_daemon_though_nobody_else_is_there(home: LiveHome) -> None:
    home.up()
    good = Path(home.paths.config_file).read_bytes()
    inject(home, "config-broken")
    assert Path(home.paths.config_file).read_bytes() != good
    home.kill()
    [over] = all_over(home)
    assert over.outcome is not None
    assert over.outcome.undone_by == "the daemon let go, or died"
    assert Path(home.paths.config_file).read_bytes() == good


def test_a_configuration_that_is_a_link_stays_one(home: LiveHome) -> None:
    link, real = Path(home.paths.config_file), home.folder / "real.toml"
    good = link.read_bytes()
    link.rename(real)
    link.symlink_to(real)
    home.up()
    injection_id = inject(home, "config-broken")
    assert real.read_bytes() != good
    home.ask(AbortDrills(ids=[injection_id]))
    assert (link.readlink(), real.read_bytes()) == (real, good)


def test_a_killed_dead_man_process_is_noticed_and_without_a_daemon_an_abort_helps(
    home: LiveHome,
) -> None:
    home.up()
    good = Path(home.paths.config_file).read_bytes()
    inject(home, "config-broken")
    [active] = records.active(home.paths.chaos_dir)
    holder = records.holder(active.folder)
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    [over] = all_over(home)
    assert over.outcome is not None
    assert "dead-man process was killed" in over.outcome.undone_by
    assert over.outcome.proven
    assert Path(home.paths.config_file).read_bytes() == good
    injection_id = inject(home, "config-broken")
    killed_in_the_middle(home)
    assert "active" in home.fnr("chaos", "list").stdout
    assert Path(home.paths.config_file).read_bytes() != good
    done = home.fnr("chaos", "abort", "--all")
    assert (done.returncode, done.stdout.strip()) == (0, injection_id), done.stderr
    assert Path(home.paths.config_file).read_bytes() == good
    assert home.fnr("chaos", "abort", "--all").returncode == 0
    assert home.fnr("chaos", "abort", injection_id).returncode == 4


def test_chaos_is_off_by_default_and_an_abort_condition_ends_it(home: LiveHome) -> None:
    """Somebody else's task dies while a drill is under way."""
    home.write('[functions.rock]\npython = "fnr.worker.canary:canary"\n')
    home.up()
    with pytest.raises(Refused, match="no fault may be injected"):
        inject(home, "error", where="tag.case:x")
    assert not Path(home.paths.chaos_dir).exists()
    home.write(TOML + "retry = { max = 0, unknown_max = 0 }\n")
    home.ask(ReloadConfig())
    inject(home, "error", where="tag.case:x")
    with Client(home.folder, timeout="30s") as client:
        task_id = client.submit("rock", {"linger_ms": 60_000}, timeout="100ms")
        assert client.wait(task_id, timeout="30s").task.state == "dead"
    [over] = all_over(home)
    assert over.outcome is not None
    assert over.outcome.reverted
    assert "a drill is stopped" in home.log()
    assert over.outcome.undone_by == "abort condition: 1 other task died (stop_letters 1)"


def test_what_a_flood_is_about_is_no_reason_to_end_it(home: LiveHome) -> None:
    """It is drained at its end, and that is what ended it."""
    home.write(TOML.replace("enabled = true", "enabled = true\nstop_queue = 300"))
    home.up()
    home.ask(PauseFunction(functions=["rock"]))
    inject(home, "queue-flood", options={"function": "rock", "count": "600"}, duration_ms=3_000)
    [over] = all_over(home)
    assert over.outcome is not None
    assert over.outcome.undone_by == "its deadline"


def test_a_flood_that_the_store_does_not_take_is_over_when_it_is_free(home: LiveHome) -> None:
    """It was told as an error, and kept every other drill away until its deadline."""
    home.up()
    with closing(sqlite3.connect(home.paths.store_file, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryAgain, match="locked by another program"):
            inject(home, "queue-flood", options={"function": "rock", "count": "600"})
    [over] = all_over(home)
    assert over.outcome is not None
    assert over.outcome.reverted
    assert over.outcome.undone_by == "the daemon could not do its part"


def test_a_daemon_that_is_brought_back_logs_as_the_killed_one_was_told_to(home: LiveHome) -> None:
    home.flags = ["--log-level", "warning", "--log-format", "json"]
    home.up()
    inject(home, "daemon-kill")
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    all_over(home)
    pid = lock_holder(home.paths.lock_file)
    assert pid is not None
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        assert words[words.index("--log-file") + 2 : -1] == home.flags
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_a_newer_fnr_has_injected_is_in_the_way_of_nothing_else(home: LiveHome) -> None:
    """Somebody went back to an older version; one record is past, two are active."""
    place = home.folder / "output"
    home.up()
    inject(home, "disk-full", options={"path": str(place)})
    active = killed_in_the_middle(home)
    assert place.is_symlink()
    newer = replace(active, fault="flood-of-frogs")
    for folder, name in (("active", "0"), ("past", "1")):
        known = records.injection_folder(home.paths.chaos_dir, name).replace("active", folder)
        records.commit(replace(newer, injection_id=name, folder=known))
    home.up()
    while place.is_symlink():
        pass
    done = home.fnr("chaos", "abort", "--all")
    assert done.returncode == 1
    assert "this fnr knows no fault flood-of-frogs" in done.stderr


async def test_what_a_drill_left_is_undone_when_there_is_a_descriptor_to_look_with() -> None:
    """It was looked for once, and a fault stayed until the next start."""
    answers: Any = iter(
        [OSError(24, "Too many open files"), RuntimeError("can't start new thread")]
    )
    timers: list[Callable[[], None]] = []
    started: list[Any] = []
    done: list[bool] = []

    async def replay() -> None:
        if (error := next(answers, None)) is not None:
            raise error
        done.append(True)

    daemon = Daemon.__new__(Daemon)
    daemon._answers = cast("Any", SimpleNamespace(chaos=SimpleNamespace(replay=replay)))
    daemon.parts = cast(
        "Any",
        SimpleNamespace(
            start=lambda work, **_: started.append(work),
            later=lambda _, call: timers.append(call),
        ),
    )
    daemon._undo_drills()
    for _ in range(2):
        await started.pop()
        timers.pop()()
    await started.pop()
    assert done == [True]
    assert not timers
