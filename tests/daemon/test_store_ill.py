"""A disk that takes no writes for a while: nothing of that time is lost or repeated.

The limit on the size of files, set on the daemon alone, is the disk: every write of the store ends
with an error that is not "full".
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from live_home import LiveHome
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api.errors import StorageError
from fnr.daemon.ending import STORE_PATIENCE_S
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]
# More than the daemon's log has at such a time, less than its store.
LOG_BYTES_MAX = 64 * 1024
WITHOUT_END = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextmanager
def no_writes(home: LiveHome, *, bytes_max: int = 0) -> Iterator[None]:
    """The store is ill for as long as this lasts; files of at most bytes_max are well."""
    assert home.process is not None
    pid = home.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_max, resource.RLIM_INFINITY))
    try:
        with pytest.raises(StorageError):
            submit(home, "echo")
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, WITHOUT_END)


def well_again(home: LiveHome) -> None:
    """Ask for a task until one is taken; the daemon looks again every few seconds."""
    while True:
        try:
            submit(home, "echo")
        except StorageError:
            continue
        return


def says(home: LiveHome, words: str) -> bool:
    return any(words in problem for problem in home.ask(ask.GetStatus()).problems)


def buried(home: LiveHome, pid: int) -> None:
    """Kill a worker and wait until the daemon has another one in its place."""
    os.kill(pid, signal.SIGKILL)
    while pid in {worker.pid for worker in home.ask(ask.ListWorkers())}:
        pass


def test_what_was_done_while_the_store_was_ill_is_not_done_again(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Also when the worker that did it has died before the store was well."""
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(function("hang", "block_on") + function("echo", "echo")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    pid = int(started.read_text())
    with no_writes(home):
        gate.write_text("once")
        while not says(home, "1 ended attempts wait for the store"):
            pass
        buried(home, pid)
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)
    assert bytes(end.result) == b'"once"'


def test_who_was_to_begin_next_when_the_store_fell_ill_begins_when_it_is_well(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Its claim went with the COMMIT that failed, and so does the place it had been promised."""
    bells = [pipes(tmp_path, f"started-{number}", f"gate-{number}") for number in range(3)]
    home = home_at(function("hang", "block_on", "workers = 1")).up()
    ids = [
        submit(home, "hang", {"fifo": str(gate), "started": str(started)})
        for started, gate in bells
    ]
    assert home.process is not None
    pid = home.process.pid
    bells[0][0].read_text()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LOG_BYTES_MAX, resource.RLIM_INFINITY))
    bells[0][1].write_text("once")
    while not says(home, "1 ended attempts wait for the store"):
        pass
    resource.prlimit(pid, resource.RLIMIT_FSIZE, WITHOUT_END)
    for started, gate in bells[1:]:
        started.read_text()
        assert len(home.ask(ask.ListTasks(where="state:running")).items) == 1
        gate.write_text("next")
    assert {end_of(home, task_id).task.attempts for task_id in ids} == {1}


def submitted_at_once(home: LiveHome, *pairs: tuple[Path, Path]) -> list[str]:
    """A task for each gate and bell, all of one worker's window."""
    items = [
        {"function": "hang", "input": {"fifo": str(gate), "started": str(bell)}}
        for gate, bell in pairs
    ]
    many = ask.SubmitMany(items=[msgspec.Raw(msgspec.json.encode(item)) for item in items])
    return home.ask(many).task_ids


def let_go(started: Path, gate: Path) -> None:
    """Wait until somebody has begun, and let him end."""
    started.read_text()
    gate.write_text("done")


def test_what_went_back_while_the_store_was_ill_begins_when_it_is_well(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Its worker died before it began, and so it is nobody's until that is on disk."""
    home = home_at(
        function("hang", "block_on", "workers = 1\nwindow = 2") + function("echo", "echo")
    ).up()
    started, gate, next_started, next_gate = pipes(tmp_path, "a", "b", "c", "d")
    first, second = submitted_at_once(home, (gate, started), (next_gate, next_started))
    pid = int(started.read_text())
    with no_writes(home):
        buried(home, pid)
    # Which of them is next is not said here.
    for bell, fifo in ((started, gate), (next_started, next_gate)):
        Thread(target=let_go, args=(bell, fifo), daemon=True).start()
    for task_id in (first, second):
        assert end_of(home, task_id).task.state is TaskState.DONE
    [back, *_] = home.ask(ask.GetTask(task_id=second)).attempts
    assert back.outcome == "returned"


def test_a_worker_that_was_started_while_the_store_was_ill_is_adopted(
    home_at: HomeAt, tmp_path: Path
) -> None:
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(function("hang", "block_on") + function("echo", "echo")).up()
    # Its worker is there before it is killed.
    first = submit(home, "hang", {"fifo": "/dev/null", "started": str(started)})
    pid = int(started.read_text())
    end_of(home, first)
    with no_writes(home):
        buried(home, pid)
    well_again(home)
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    pid = int(started.read_text())
    home.kill()
    home.up()
    gate.write_text("once")
    assert end_of(home, task_id).task.state is TaskState.DONE
    [attempt] = home.ask(ask.GetTask(task_id=task_id)).attempts
    assert attempt.pid == pid
    assert "refused" not in home.log()


def test_a_limit_on_the_size_of_files_is_called_by_its_name(home_at: HomeAt) -> None:
    """SQLite says "disk I/O error" of it, and the disk is well."""
    home = home_at(function("echo", "echo")).up()
    assert home.process is not None
    resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    told = ""
    while "RLIMIT_FSIZE" not in told or not says(home, "RLIMIT_FSIZE"):
        # A write of the daemon's own may meet the limit first; then it is being looked at.
        with pytest.raises(StorageError) as refused:
            submit(home, "echo")
        told = refused.value.why


def test_what_is_left_of_a_log_that_was_cut_short_is_not_spoilt(home_at: HomeAt) -> None:
    """Tasks were taken, and wrote a hole into it that became the first pages of the store."""
    home = home_at(function("echo", "echo")).up()
    end_of(home, submit(home, "echo"))
    os.truncate(f"{home.paths.store_file}-wal", 0)
    with pytest.raises(StorageError, match="the store is ill") as refused:
        submit(home, "echo")
    assert "-wal was cut short: 0 bytes" in refused.value.why
    stopped = home.fnr("daemon", "stop", "--now")
    assert stopped.returncode == 0, stopped.stderr
    with closing(sqlite3.connect(home.paths.store_file)) as left:
        assert left.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_whoever_empties_the_log_through_sqlite_keeps_nobody_out(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    end_of(home, submit(home, "echo"))
    with closing(sqlite3.connect(home.paths.store_file)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE
    assert "store trouble" not in home.log()


def test_which_attempt_had_begun_is_known_until_its_end_is_on_disk(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Of two in a window the second took the worker down; the daemon dies before it is written."""
    home = home_at(
        function("hang", "block_on", "workers = 1\nwindow = 2") + function("echo", "echo")
    ).up()
    started, gate, next_started, next_gate = pipes(tmp_path, "a", "b", "c", "d")
    first, second = submitted_at_once(home, (gate, started), (next_gate, next_started))
    pid = int(started.read_text())
    with no_writes(home):
        gate.write_text("once")
        next_started.read_text()
        while not says(home, "1 ended attempts wait for the store"):
            pass
        buried(home, pid)
        home.kill()
    home.up()
    while not (found := home.ask(ask.GetTask(task_id=second)).errors):
        pass
    assert [error.evidence.worker_died for error in found] == [True]
    assert home.ask(ask.GetTask(task_id=first)).errors == []


def test_who_stops_the_daemon_now_does_not_wait_for_a_store_that_takes_nothing(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """What was done meanwhile lies in the spool, and the log tells no lie about its worker."""
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(function("hang", "block_on") + function("echo", "echo")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    with no_writes(home, bytes_max=LOG_BYTES_MAX):
        gate.write_text("once")
        while not says(home, "1 ended attempts wait for the store"):
            pass
        stopped = home.fnr("daemon", "stop", "--now")
        assert stopped.returncode == 0, stopped.stderr
        assert home.process is not None
        home.process.wait()
    assert "ends of attempts are left to the next daemon" in home.log()
    assert "workers cannot be ended" not in home.log()
    home.up()
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)
    while [*Path(home.paths.spool_of(None)).iterdir()]:
        pass  # it goes once its attempt is settled


def test_who_stops_the_daemon_now_waits_for_the_store_if_a_result_is_nowhere_else(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Its worker could not spool it either: what is done would be done again."""
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(function("hang", "block_on") + function("echo", "echo")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    worker = int(started.read_text())
    with no_writes(home, bytes_max=LOG_BYTES_MAX):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        gate.write_text("once")
        while not says(home, "1 ended attempts wait for the store"):
            pass
        assert home.process is not None
        home.process.send_signal(signal.SIGTERM)
        home.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            home.process.wait(timeout=2 * STORE_PATIENCE_S)
    home.process.wait()
    home.up()
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)


def test_a_daemon_whose_store_cannot_be_read_can_be_stopped(home_at: HomeAt) -> None:
    """A restore needs it gone, and it cannot say how it is."""
    home = home_at(function("echo", "echo")).up()
    end_of(home, submit(home, "echo"))
    store = home.paths.store_file
    with closing(sqlite3.connect(store)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(store, 4096)
    with suppress(StorageError):
        submit(home, "echo")
    while home.fnr("status").returncode != StorageError.exit_code:
        pass
    stopped = home.fnr("daemon", "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert home.process is not None
    home.process.wait()
