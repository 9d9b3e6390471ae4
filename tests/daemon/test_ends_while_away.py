"""When an attempt ended that did so while no daemon was there to hear of it."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from live_home import LiveHome
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.host.clock import ulid_ms
from fnr.policy.task import Attempt, TaskState

HomeAt = Callable[[str], LiveHome]
COMMAND = """[functions.hang]
command = ["sh", "-c", 'echo $$ > "$0"; cat "$1"', "{started}", "{gate}"]
on_daemon_exit = "kill"
"""


def spooled_at_ms(home: LiveHome) -> int:
    """Wait until one result lies in the spool; since when."""
    while not (found := [*Path(home.paths.spool_dir).glob("*.json")]):
        pass
    return found[0].stat().st_mtime_ns // 1_000_000


def first_attempt(home: LiveHome, task_id: str) -> Attempt:
    """Wait until the daemon has heard of its end."""
    while (one := home.ask(ask.GetTask(task_id=task_id)).attempts[0]).outcome == "running":
        pass
    return one


@pytest.mark.parametrize("ends_with_daemon", [False, True])
def test_an_attempt_that_ended_while_no_daemon_ran_ended_then_and_not_when_one_heard_of_it(
    home_at: HomeAt, tmp_path: Path, ends_with_daemon: bool
) -> None:
    """By its own end, its worker there still; or by that of the daemon, its worker gone with it."""
    started, gate = pipes(tmp_path, "started", "gate")
    command = COMMAND.format(started=started, gate=gate)
    home = home_at(command if ends_with_daemon else function("hang", "block_on")).up()
    given = {} if ends_with_daemon else {"fifo": str(gate), "started": str(started)}
    task_id = submit(home, "hang", given, retries_max=0)
    started.read_text()
    home.kill()
    if not ends_with_daemon:
        gate.write_text("alone")
    at_ms = spooled_at_ms(home)
    home.up()
    attempt = first_attempt(home, task_id)
    # The clock of the file system may be a tick behind that of the ids.
    assert attempt.ended_at_ms == max(at_ms, ulid_ms(attempt.token))
    home.ask(ask.CancelTasks(task_ids=[task_id]))


def test_what_was_done_by_a_worker_that_ends_with_its_daemon_is_not_done_again(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It took a millisecond, and was only in the memory of a worker that was killed with it."""
    marks = tmp_path / "marks"
    home = home_at(function("mark", "mark", 'on_daemon_exit = "kill"'))
    home.start(env={"FNR_FAILPOINT": "end-heard"})
    task_id = submit(home, "mark", {"path": str(marks), "line": "once"})
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DONE
    assert marks.read_text() == "once\n"


def test_what_dead_workers_have_started_is_ended_at_the_same_time(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """In turn, each with its whole grace, it kept the next daemon from answering for minutes."""
    [meet] = pipes(tmp_path, "meet")
    begun, left = tmp_path / "begun", tmp_path / "left"
    toml = function("leave", "leave_or_mark", "workers = { min = 2, max = 2 }")
    home = home_at(toml.replace('grace = "1s"', 'grace = "20s"')).up()
    # Asked to end, each of the two waits for the other before it leaves.
    asks = [(str(meet), "/dev/null"), (str(begun), str(meet))]
    for asked, gate in asks:
        submit(home, "leave", {"path": str(left), "asked": asked, "gate": gate})
    meet.read_text()
    while not begun.exists():
        pass
    workers = home.ask(ask.ListWorkers())
    home.kill()
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
    with closing(sqlite3.connect(home.paths.store_file)) as store, store:
        # Zombies have their pids until somebody reaps them; so they are other processes' at once.
        store.execute("UPDATE worker SET pid_start = 1")
    home.up()
    assert left.read_text() == "left\nleft\n"


def test_a_sighup_is_heeded_that_comes_while_the_daemon_takes_over_what_was_left(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It was ignored: fnr.toml had been read before, and what was written since did not count."""
    asked, gate = pipes(tmp_path, "asked", "gate")
    toml = function("leave", "leave_or_mark").replace('grace = "1s"', 'grace = "20s"')
    home = home_at(toml).up()
    given = {"path": str(tmp_path / "left"), "asked": str(asked), "gate": str(gate)}
    submit(home, "leave", given)
    asked.read_text()
    [worker] = home.ask(ask.ListWorkers())
    home.kill()
    os.kill(worker.pid, signal.SIGKILL)
    with closing(sqlite3.connect(home.paths.store_file)) as store, store:
        store.execute("UPDATE worker SET pid_start = 1")
    killed = home.process
    with ThreadPoolExecutor() as beside:
        begins = beside.submit(home.up)
        asked.read_text()
        while home.process is killed:
            pass
        assert home.process is not None
        home.write(toml + function("more", "echo"))
        home.process.send_signal(signal.SIGHUP)
        gate.write_text("go")
        begins.result()
    while "more" not in {one.function for one in home.ask(ask.GetStatus()).functions}:
        pass
