"""Days on which something is wrong: each ends with a clear word, and nothing is lost."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from live_home import LiveHome, small_state
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api import wire
from fnr.api.errors import StorageError
from fnr.host.procfs import read_stat, scan
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]
CLIENTS = 500


def pipes(tmp_path: Path, *names: str) -> list[Path]:
    """FIFOs to wait on instead of sleeping."""
    made = [tmp_path / name for name in names]
    for path in made:
        os.mkfifo(path)
    return made


def is_alive(pid: int) -> bool:
    """Whether a process can still do anything; a zombie that nobody has reaped yet cannot."""
    stat = read_stat(pid)
    return stat is not None and stat.alive


def test_five_hundred_clients_are_answered(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    connections = [home.connection() for _ in range(CLIENTS)]
    specs = [ask.TaskSpec(function="echo", key=f"k{number}") for number in range(CLIENTS)]
    ids = {
        connection.ask(ask.Submit(task=spec)).task_id
        for connection, spec in zip(connections, specs, strict=True)
    }
    assert len(ids) == CLIENTS
    ends = home.ask(ask.WaitTasks(task_ids=sorted(ids), timeout_ms=50_000))
    assert {end.task.state for end in ends} == {TaskState.DONE}


def test_a_client_that_never_reads_is_cut_and_nobody_waits_for_it(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    big = msgspec.json.encode({"text": "x" * 1_000_000})
    task_id = submit(home, "echo", msgspec.json.decode(big))
    end_of(home, task_id)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(home.paths.socket_file)
    question = wire.encode_request(ask.GetTask(task_id=task_id), request_id=1)
    # Far more answers than the daemon is willing to keep for one client. Reset or broken pipe,
    # whichever comes first.
    with deaf, pytest.raises(OSError):
        while True:
            deaf.sendall(question)
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE


@pytest.mark.parametrize("words", [b"\xff\x00\n", b"{}\n", b'{"v":1,"id":9,"ask":{"op":"Zork"}}\n'])
def test_garbage_from_a_client_is_answered_with_an_error(home_at: HomeAt, words: bytes) -> None:
    home = home_at(function("echo", "echo")).up()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(home.paths.socket_file)
        stranger.sendall(words)
        reply = wire.decode_reply(stranger.makefile("rb").readline())
    assert reply.error is not None
    assert reply.error["code"] in {"bad_data", "protocol_mismatch"}


@pytest.mark.parametrize("target", ["garble", "hang_up", "close_socket"])
def test_a_worker_that_ruins_its_connection_still_delivers(home_at: HomeAt, target: str) -> None:
    home = home_at(function("ruin", target)).up()
    end = end_of(home, submit(home, "ruin"))
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)


def test_a_result_that_was_lost_with_its_worker_is_not_said_to_be_of_nothing(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Of two in a window nobody heard of the first one's end, and the second took all down."""
    home = home_at(function("lost", "lose_result", "workers = 1\nwindow = 2")).up()
    items = [
        {"function": "lost", "input": {"path": str(tmp_path / "first")}},
        {"function": "lost", "input": {"path": str(tmp_path / "second"), "dies": True}},
    ]
    many = ask.SubmitMany(items=[msgspec.Raw(msgspec.json.encode(item)) for item in items])
    first, second = home.ask(many).task_ids
    assert bytes(end_of(home, first).result) == b'"told"'
    assert bytes(end_of(home, second).result) == b'"told"'
    told = [home.ask(ask.GetTask(task_id=one)) for one in (first, second)]
    outcomes = [[attempt.outcome for attempt in detail.attempts] for detail in told]
    assert outcomes == [["interrupted", "done"], ["failed", "done"]]


def test_a_worker_that_ignores_sigterm_is_ended_all_the_same(
    home_at: HomeAt, tmp_path: Path
) -> None:
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(function("deaf", "ignore_sigterm", 'timeout = "900ms"')).up()
    task_id = submit(home, "deaf", {"started": str(started), "gate": str(gate)}, retries_max=0)
    pid = int(started.read_text())
    assert end_of(home, task_id).task.state is TaskState.DEAD
    assert not is_alive(pid)
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert (error.evidence.killed_by, error.evidence.stop_proven) == ("timeout", True)


def test_processes_that_escaped_are_found_and_ended(home_at: HomeAt, tmp_path: Path) -> None:
    [pids] = pipes(tmp_path, "pids")
    home = home_at(function("escape", "leave_escapees", 'timeout = "900ms"')).up()
    task_id = submit(home, "escape", {"pids": str(pids)}, retries_max=0)
    escaped = int(pids.read_text())
    assert end_of(home, task_id).task.state is TaskState.DEAD
    assert not is_alive(escaped)


def test_a_gibibyte_on_stderr_fills_neither_disk_nor_memory(home_at: HomeAt) -> None:
    home = home_at(function("shout", "shout") + '\n[log]\nworker_file_size = "1MiB"\n').up()
    end = end_of(home, submit(home, "shout", {"mib": 1024}))
    assert end.task.state is TaskState.DONE
    [span] = home.ask(ask.ListLogSpans(task_id=end.task.task_id))
    kept_bytes = Path(span.log_path).stat().st_blocks * 512
    assert kept_bytes <= 64 * 1024 * 1024


def test_a_result_over_the_limit_is_refused_and_named(home_at: HomeAt) -> None:
    home = home_at(function("big", "big")).up()
    end = end_of(home, submit(home, "big", {"mib": 11}))
    assert end.task.state is TaskState.DEAD
    assert str(10 * 1024 * 1024) in end.message


def test_a_worker_that_ends_without_a_result_is_named(home_at: HomeAt) -> None:
    home = home_at(function("leave", "leave")).up()
    end = end_of(home, submit(home, "leave", {"code": 0}))
    assert end.task.state is TaskState.DEAD
    [first, *_] = home.ask(ask.GetTask(task_id=end.task.task_id)).errors
    assert (first.evidence.exit_code, first.evidence.worker_died) == (0, True)


def test_a_task_that_ends_its_own_worker_by_sigterm_is_poison(home_at: HomeAt) -> None:
    """A program stops its child by the process group, and is of the same group."""
    home = home_at(function("own-goal", "die")).up()
    given = {"signal_number": int(signal.SIGTERM)}
    end = end_of(home, submit(home, "own-goal", given, retries_max=0))
    assert end.task.state is TaskState.DEAD
    assert end.task.reason.startswith("poison")
    assert (end.task.interruptions, end.task.retries) == (2, 0)


@pytest.mark.parametrize("extra", ["max_tasks_per_worker = 1", "workers = { min = 0, max = 1 }"])
def test_a_worker_whose_threads_never_end_is_ended(home_at: HomeAt, extra: str) -> None:
    """It leaves by itself, or is asked to while it is idle."""
    home = home_at(function("thread", "leave_a_thread", extra)).up()
    pid = msgspec.json.decode(end_of(home, submit(home, "thread")).result)
    pidfd = os.pidfd_open(pid)
    stay = [one.worker_id for one in home.ask(ask.ListWorkers()) if one.pid == pid]
    home.ask(ask.StopWorkers(workers=stay))
    ended, _, _ = select.select([pidfd], [], [], 20)
    os.close(pidfd)
    assert ended
    assert end_of(home, submit(home, "thread")).task.state is TaskState.DONE


@pytest.mark.parametrize("target", ["echo", "die"])
def test_a_worker_that_ends_is_not_replaced_when_nothing_waits(
    home_at: HomeAt, target: str
) -> None:
    """Its model was loaded again, onto a GPU maybe, for a task that there was not."""
    few = "max_tasks_per_worker = 1\nworkers = { min = 0, max = 1 }"
    home = home_at(function("few", target, few) + function("other", "echo")).up()
    end_of(home, submit(home, "few", retries_max=0))
    while not any(one.ended_at_ms for one in home.ask(ask.ListWorkers(gone=True))):
        pass
    end_of(home, submit(home, "other"))
    assert [one.function for one in home.ask(ask.ListWorkers())] == ["other"]
    end_of(home, submit(home, "few", retries_max=0))


def test_what_a_function_did_not_wait_for_stays_with_nobody(home_at: HomeAt) -> None:
    """It came to the daemon with the end of its worker, which kept it as a zombie for ever."""
    once = "max_tasks_per_worker = 1\nworkers = { min = 0, max = 1 }"
    home = home_at(function("leaves", "wait_for_nobody", once)).up()
    assert home.process is not None
    assert end_of(home, submit(home, "leaves")).task.state is TaskState.DONE
    while not any(one.ended_at_ms for one in home.ask(ask.ListWorkers(gone=True))):
        pass
    assert [one for one in scan().values() if one.parent == home.process.pid] == []


def test_a_stopped_worker_is_found_hung(home_at: HomeAt, tmp_path: Path) -> None:
    started, gate = pipes(tmp_path, "started", "gate")
    home = home_at(function("hang", "block_on", 'hang_timeout = "1500ms"')).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    os.kill(int(started.read_text()), signal.SIGSTOP)
    end = end_of(home, task_id)
    assert end.message.startswith("hung: no beat")
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.killed_by == "hang"


def test_who_sleeps_in_the_kernel_is_not_ended_as_hung(home_at: HomeAt, tmp_path: Path) -> None:
    """A disk that gave no answer for some seconds cost the work of all who wrote to it.

    Method: another one that began later, and is stopped, is found to hang meanwhile.
    """
    started, gate, stopped, never = pipes(tmp_path, "started", "gate", "stopped", "never")
    soon = 'hang_timeout = "1s"'
    waits = function("waits", "sleep_in_the_kernel", soon)
    home = home_at(waits + function("hang", "block_on", soon)).up()
    task_id = submit(home, "waits", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    waiting = read_stat(int(started.read_text()))
    assert waiting is not None
    given = {"fifo": str(never), "started": str(stopped)}
    other_id = submit(home, "hang", given, retries_max=0)
    os.kill(int(stopped.read_text()), signal.SIGSTOP)
    assert end_of(home, other_id).message.startswith("hung: no beat")
    os.close(os.open(gate, os.O_RDWR | os.O_NONBLOCK))
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)
    assert waiting.state == "D"


@pytest.fixture
def small_disk(home_at: HomeAt) -> Iterator[LiveHome]:
    """A home whose state lies on a file system of 24 MiB."""
    home = home_at(
        function("echo", "echo") + '\n[daemon]\ndisk_free_min = "1MiB"\n[store]\nreserve = "4MiB"\n'
    )
    with small_state(home):
        yield home


def until_refused(home: LiveHome) -> Iterator[str]:
    """Submit big tasks until the disk is too full for another."""
    while True:
        try:
            yield submit(home, "echo", {"text": "x" * 400_000}, delay_ms=3_600_000)
        except StorageError:
            return


def test_a_daemon_comes_up_on_a_full_disk_from_what_was_set_aside(small_disk: LiveHome) -> None:
    """And the store is read while none is there."""
    home = small_disk.up()
    task_id = submit(home, "echo")
    end_of(home, task_id)
    assert home.end() == 0
    filler = Path(home.paths.state_dir) / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", 0) as file:
        while True:
            file.write(b"x" * 4_096)
    shown = home.fnr("task", "show", task_id, "-o", "json")
    assert (shown.returncode, json.loads(shown.stdout)["task"]["state"]) == (0, "done")
    home.up()
    with pytest.raises(StorageError):
        submit(home, "echo")
    assert home.ask(ask.GetTask(task_id=task_id)).task.state is TaskState.DONE
    filler.unlink()
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE


def test_a_daemon_that_has_to_settle_first_comes_up_on_a_full_disk(
    small_disk: LiveHome,
) -> None:
    """What was set aside makes room for the end of a worker that died with the daemon."""
    home = small_disk.up()
    end_of(home, submit(home, "echo"))
    [worker] = home.ask(ask.ListWorkers())
    home.kill()
    os.kill(worker.pid, signal.SIGKILL)
    while Path(f"/proc/{worker.pid}").exists():
        os.sched_yield()
    state = Path(home.paths.state_dir)
    filler = state / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", 0) as file:
        while True:
            file.write(b"x" * 4_096)
    home.up()
    known = {one.worker_id: one.state for one in home.ask(ask.ListWorkers(gone=True))}
    assert known[worker.worker_id] == "gone"
    filler.unlink()


def test_a_full_disk_refuses_new_work_and_loses_none(small_disk: LiveHome) -> None:
    home = small_disk.up()
    accepted = list(until_refused(home))
    assert accepted
    filler = Path(home.paths.state_dir) / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb") as file:
        while True:
            file.write(b"x" * 65_536)
            file.flush()
    with pytest.raises(StorageError):
        submit(home, "echo")
    status = home.ask(ask.GetStatus())
    assert status.state == "degraded"
    assert "new tasks" in {one.refused for one in status.limits}
    assert all(one.served and one.why for one in status.limits)
    changed = home.ask(ask.CancelTasks(task_ids=accepted))
    assert sorted(changed.changed) == sorted(accepted)
    filler.unlink()
    for task_id in accepted:
        assert home.ask(ask.GetTask(task_id=task_id)).task.state is TaskState.CANCELLED


def test_a_store_from_a_newer_version_is_refused(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    home.end()
    with sqlite3.connect(home.paths.store_file) as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    refused = home.fnr("daemon")
    assert refused.returncode == 69
    assert "newer" in refused.stderr


def test_a_socket_path_that_is_too_long_is_explained(home_at: HomeAt, tmp_path: Path) -> None:
    deep = LiveHome(tmp_path / ("x" * 120), function("echo", "echo"))
    refused = deep.fnr("daemon")
    assert refused.returncode == 78
    assert "107" in refused.stderr


def test_a_home_that_is_a_file_is_explained(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(function("echo", "echo"))
    Path(home.paths.state_dir).write_text("in the way")
    refused = home.fnr("daemon")
    assert refused.returncode in {74, 77}
    assert home.paths.state_dir in refused.stderr
