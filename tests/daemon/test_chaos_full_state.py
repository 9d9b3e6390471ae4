"""A drill fills the disk under the store: no new work, what runs is settled, nothing is left."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from live_home import LiveHome, small_state
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api.chaos_requests import AbortDrills, InjectFault, InjectReport, ListDrills
from fnr.api.errors import StorageError
from fnr.api.requests import GetStatus
from fnr.daemon.chaos import WATCH_MS
from fnr.host import chaos_records as records
from fnr.policy.chaos import Drilled
from fnr.policy.task import TaskState

TOML = (
    function("echo", "echo")
    + function("block", "block_on")
    + """
[daemon]
disk_free_min = "1MiB"
[store]
reserve = "4MiB"
[chaos]
enabled = true
stop_load = 1000.0
stop_disk_free = "8MiB"
"""
)


@pytest.fixture
def home(home_at: Callable[[str], LiveHome]) -> Iterator[LiveHome]:
    made = home_at(TOML)
    with small_state(made):
        yield made.up()


def fill(home: LiveHome) -> InjectReport:
    request = InjectFault(
        fault="disk-full", options={"path": "state"}, duration_ms=60_000, reason="a test"
    )
    report: InjectReport = home.ask(request)
    return report


def until_refused(home: LiveHome) -> None:
    """The balloon leaves no room but what the store has in its own files."""
    with pytest.raises(StorageError):
        while True:
            submit(home, "echo", {"text": "x" * 100_000}, delay_ms=3_600_000)


def outcome_of(home: LiveHome) -> Drilled:
    """The one injection, once it is over."""
    [known] = home.ask(ListDrills(past=True))
    assert known.outcome is not None
    assert "No space left" in known.outcome.effect
    assert known.outcome.reverted
    assert not [*Path(home.paths.state_dir).glob(".fnr-chaos*")]
    drilled: Drilled = known
    return drilled


def until_taken(home: LiveHome) -> str:
    """A store that was full finds out within a second that there is room again."""
    while True:
        with suppress(StorageError):
            return submit(home, "echo")


def all_is_well(home: LiveHome) -> None:
    assert end_of(home, until_taken(home)).task.state is TaskState.DONE
    status = home.ask(GetStatus())
    assert (status.state, status.limits) == ("running", [])
    assert home.fnr("db", "check").returncode == 0


def killed(pid: int) -> None:
    """SIGKILL, and wait until it is gone."""
    pidfd = os.pidfd_open(pid)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    select.select([pidfd], [], [], 30)
    os.close(pidfd)


def holder_of(home: LiveHome) -> int:
    [injection] = records.active(home.paths.chaos_dir)
    known = records.holder(injection.folder)
    assert known is not None
    return known.pid


def test_no_new_work_and_what_runs_is_settled(home: LiveHome, tmp_path: Path) -> None:
    started, gate = pipes(tmp_path, "started", "gate")
    task_id = submit(home, "block", {"started": str(started), "fifo": str(gate)})
    started.read_text()
    due = submit(home, "echo", delay_ms=4 * WATCH_MS)
    report = fill(home)
    assert report.outcome is not None
    assert "No space left" in report.outcome.effect
    until_refused(home)
    status = home.ask(GetStatus())
    assert status.state == "degraded"
    assert "new tasks" in {one.refused for one in status.limits}
    gate.write_text("settled on a full disk")
    assert end_of(home, task_id).task.state is TaskState.DONE
    # By then the conditions under which a drill is ended were looked at more than once.
    assert end_of(home, due).task.state is TaskState.DONE
    assert len(home.ask(ListDrills())) == 1, "stop_disk_free ended what it is about"
    assert home.ask(AbortDrills(ids=[report.injection_id])).unchanged == {}
    outcome_of(home)
    all_is_well(home)


def test_a_killed_dead_man_process_leaves_room_behind(home: LiveHome) -> None:
    fill(home)
    until_refused(home)
    killed(holder_of(home))
    home.ask(AbortDrills(all=True))
    drilled = outcome_of(home)
    assert drilled.outcome is not None
    assert "killed" in drilled.outcome.undone_by
    all_is_well(home)


def test_daemon_and_dead_man_process_are_killed_and_the_next_daemon_makes_room(
    home: LiveHome,
) -> None:
    fill(home)
    until_refused(home)
    assert home.process is not None
    pid = holder_of(home)
    os.kill(pid, signal.SIGSTOP)
    home.kill()
    killed(pid)
    assert len(records.active(home.paths.chaos_dir)) == 1, "nobody was left to undo it"
    home.up()
    home.ask(AbortDrills(all=True))
    outcome_of(home)
    all_is_well(home)
