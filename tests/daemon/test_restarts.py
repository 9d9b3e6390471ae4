"""Workers and their work outlive the daemon; nothing is lost, nothing runs twice by a guess."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from live_home import LiveHome
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api import wire
from fnr.api.errors import ConfigError, DaemonDown, TimedOut
from fnr.client.sdk import AsyncClient
from fnr.daemon.parts import Parts
from fnr.host import procfs
from fnr.host.procfs import environ_of
from fnr.policy.evidence import DAEMON_KILLED, KilledBy
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


@pytest.fixture
def gated(home_at: HomeAt, tmp_path: Path) -> tuple[LiveHome, str, int, Path]:
    """A home with one attempt that runs until its gate is opened."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on") + function("echo", "echo")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    return home, task_id, int(started.read_text()), gate


def test_running_work_survives_a_killed_daemon(
    gated: tuple[LiveHome, str, int, Path],
) -> None:
    home, task_id, pid, gate = gated
    home.kill()
    assert Path(f"/proc/{pid}").exists()
    home.up()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)
    assert bytes(end.result) == b'"open"'


def test_a_result_finished_while_the_daemon_was_away_is_delivered(
    gated: tuple[LiveHome, str, int, Path],
) -> None:
    home, task_id, _, gate = gated
    home.kill()
    gate.write_text("alone")
    home.up()
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1)


def test_the_deadline_of_running_work_survives_a_killed_daemon(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Nothing else is handed out, as on a host that has nothing else to do."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on")).up()
    given = {"fifo": str(gate), "started": str(started)}
    task_id = submit(home, "hang", given, retries_max=0, timeout_ms=2_000)
    started.read_text()
    home.kill()
    home.up()
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DEAD, 1)
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.killed_by is KilledBy.TIMEOUT


def test_a_worker_that_was_stopped_while_no_daemon_watched_is_found_to_hang(
    home_at: HomeAt, tmp_path: Path
) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on", 'hang_timeout = "1s"')).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    pid = int(started.read_text())
    home.kill()
    os.kill(pid, signal.SIGSTOP)
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.killed_by is KilledBy.HANG


def test_a_cancel_that_was_committed_is_carried_out_by_the_next_daemon(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: the daemon dies between the commit and the stop."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on"))
    assert home.start(env={"FNR_FAILPOINT": "cancel-committed"}), home.log()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    with pytest.raises(DaemonDown):
        home.ask(ask.CancelTasks(task_ids=[task_id], reason="not needed"))
    home.up()
    end = end_of(home, task_id)
    assert end.task.state is TaskState.CANCELLED
    assert end.task.reason.endswith(": not needed")


def test_a_worker_killed_while_no_daemon_watched_is_known_to_be_gone(
    gated: tuple[LiveHome, str, int, Path],
) -> None:
    home, task_id, pid, _ = gated
    home.kill()
    os.kill(pid, signal.SIGKILL)
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.worker_died
    assert error.evidence.missing


def test_what_a_worker_leaves_that_died_without_a_daemon_is_cleared_up(
    gated: tuple[LiveHome, str, int, Path],
) -> None:
    home, task_id, pid, _ = gated
    home.kill()
    os.kill(pid, signal.SIGKILL)
    with closing(sqlite3.connect(home.paths.store_file)) as store, store:
        # Its pid may be a zombie's until somebody reaps it; so it is another process's at once.
        [(now_path,)] = store.execute(
            "UPDATE worker SET pid_start = 1 WHERE pid = ? RETURNING now_path", (pid,)
        ).fetchall()
    half = Path(home.paths.spool_dir) / f"{task_id}.json.{pid}-1.tmp"
    half.touch()
    assert Path(now_path).exists()
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    home.ask(ask.GetStatus())  # who waits may hear of it first; in the same turn the files go
    assert (Path(now_path).exists(), half.exists()) == (False, False)


def test_of_a_worker_without_a_row_only_its_own_files_are_removed(
    gated: tuple[LiveHome, str, int, Path],
) -> None:
    home, task_id, pid, _ = gated
    home.kill()
    with closing(sqlite3.connect(home.paths.store_file)) as store, store:
        [(now_path,)] = store.execute(
            "DELETE FROM worker WHERE pid = ? RETURNING now_path", (pid,)
        ).fetchall()
    assert Path(now_path).exists()
    home.up()
    # Refused, as nobody knows its secret; what it had begun is read from its own file.
    assert end_of(home, task_id).task.state is TaskState.DEAD
    home.end()
    assert not Path(now_path).exists()
    assert Path(os.devnull).is_char_device()


def test_a_handover_leaves_the_worker_running(gated: tuple[LiveHome, str, int, Path]) -> None:
    home, task_id, pid, gate = gated
    assert home.ask(ask.StopDaemon())
    assert home.process is not None
    assert home.process.wait(timeout=30) == 0
    assert Path(f"/proc/{pid}").exists()
    home.up()
    gate.write_text("handed over")
    assert end_of(home, task_id).task.attempts == 1


async def test_who_submits_while_the_daemon_is_restarted_hears_nothing_of_it(
    home_at: HomeAt,
) -> None:
    """Method: twenty go on submitting, so that some do in the moment in which it leaves.

    Restart follows upon restart, so that some requests meet several.
    """
    home = home_at(function("echo", "echo")).up()
    ids: list[list[str]] = [[] for _ in range(20)]
    over = False
    all_begun = asyncio.Event()

    async def submit_on(client: AsyncClient, mine: list[str]) -> None:
        while not over:
            mine.append(await client.submit("echo", delay="1h"))
            if all(ids):
                all_begun.set()

    def restart() -> None:
        assert home.ask(ask.StopDaemon())
        assert home.process is not None
        assert home.process.wait(timeout=30) == 0
        home.up()

    async with AsyncClient(home.folder, timeout="30s", reconnect="30s") as client:
        async with asyncio.TaskGroup() as group:
            for mine in ids:
                group.create_task(submit_on(client, mine))
            # Nobody has patience with a daemon that was not there at first.
            await all_begun.wait()
            for _ in range(3):
                await asyncio.to_thread(restart)
            over = True
        found = [task.task_id async for task in client.tasks("function:echo")]
    assert sorted(found) == sorted(task_id for mine in ids for task_id in mine)


def test_sigterm_drains_and_a_second_one_hurries(
    gated: tuple[LiveHome, str, int, Path],
) -> None:
    home, task_id, pid, _ = gated
    assert home.process is not None
    term = partial(home.process.send_signal, signal.SIGTERM)
    news = home.connection(timeout_ms=60_000).watch(ask.Watch(), on_watching=term)
    # Two signals sent at once would be one to the kernel.
    assert any(event.what == "draining" for event in news)
    term()
    assert home.process.wait(timeout=30) == 0
    assert not Path(f"/proc/{pid}").exists()
    home.up()
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert detail.attempts[0].outcome == "interrupted"
    assert detail.task.state in {TaskState.QUEUED, TaskState.RUNNING}
    home.ask(ask.CancelTasks(task_ids=[task_id]))


@pytest.mark.parametrize("now", [False, True])
def test_who_waits_for_a_task_that_does_not_begin_keeps_no_daemon_from_ending(
    home_at: HomeAt, now: bool
) -> None:
    home = home_at(function("echo", "echo")).up()
    task_id = submit(home, "echo", delay_ms=3_600_000)
    with socket.socket(socket.AF_UNIX) as waiter:
        waiter.connect(home.paths.socket_file)
        waiter.sendall(wire.encode_request(ask.WaitTasks(task_ids=[task_id]), request_id=1))
        # Answered behind it: the wait has begun.
        waiter.sendall(wire.encode_request(ask.GetStatus(), request_id=2))
        answers = waiter.makefile("rb")
        assert wire.decode_reply(answers.readline()).id == 2
        home.ask(ask.StopDaemon(now=now, drain=not now))
        assert home.process is not None
        assert home.process.wait(timeout=20) == 0
        assert answers.readline() == b""


def test_a_daemon_that_ends_does_not_try_to_claim_what_it_puts_back(home_at: HomeAt) -> None:
    """The last line of the log was a warning that the store is closed."""
    home = home_at("").up()
    assert home.process is not None
    begun = home.folder / "begun"
    home.fnr("run", "--detach", "--", "sh", "-c", f"touch {begun}; exec sleep 1000")
    while not begun.exists():
        home.ask(ask.GetStatus())
    term = partial(home.process.send_signal, signal.SIGTERM)
    news = home.connection(timeout_ms=60_000).watch(ask.Watch(), on_watching=term)
    assert any(event.what == "draining" for event in news)
    term()
    assert home.process.wait(timeout=30) == 0
    assert home.log().rstrip().endswith(" info ended")


def test_who_asks_for_a_drain_again_interrupts_nothing(home_at: HomeAt, tmp_path: Path) -> None:
    """Only a second signal hurries. Method: the daemon dies where it would interrupt."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on"))
    assert home.start(env={"FNR_FAILPOINT": "interrupt-begins"})
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    for _ in range(3):
        home.ask(ask.StopDaemon(drain=True))
    assert home.ask(ask.GetStatus()).state == "draining"
    gate.write_text("open")
    assert home.process is not None
    assert home.process.wait(timeout=30) == 0
    home.up()
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert [attempt.outcome for attempt in detail.attempts] == ["done"]


def test_what_hangs_in_a_thread_keeps_no_daemon_from_ending(home_at: HomeAt) -> None:
    """Method: a reload reads a pipe into which nobody writes, as it would from a dead disk."""
    home = home_at("").up()
    file = Path(home.paths.config_file)
    file.unlink()
    os.mkfifo(file)
    with socket.socket(socket.AF_UNIX) as operator:
        operator.connect(home.paths.socket_file)
        operator.sendall(wire.encode_request(ask.ReloadConfig(), request_id=1))
        operator.sendall(wire.encode_request(ask.GetStatus(), request_id=2))
        assert wire.decode_reply(operator.makefile("rb").readline()).id == 2
        home.ask(ask.StopDaemon())
        assert home.process is not None
        assert home.process.wait(timeout=20) == 0
    last = home.log().splitlines()[-1]
    assert "ending without waiting any longer" in last
    assert home.fnr("--config", os.devnull, "db", "vacuum").returncode == 0


async def test_what_does_not_settle_down_is_cut_off_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    never = loop.create_task(asyncio.Event().wait(), name="undo of task 1")
    soon = loop.create_task(asyncio.wait_for(asyncio.Event().wait(), 0), name="reload")
    clock = SimpleNamespace(boot_ms=lambda: 1_000 if soon.done() else 0)
    parts: Any = SimpleNamespace(_tasks={never, soon}, clock=clock)
    soon.add_done_callback(parts._tasks.discard)
    await Parts.settle_down(parts, 100)
    with pytest.raises(asyncio.CancelledError):
        await never
    with pytest.raises(TimeoutError):
        await soon
    [record] = caplog.records
    assert record.__dict__["what"] == ["undo of task 1"]


def test_a_second_daemon_on_one_home_is_refused(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    assert home.process is not None
    second = home.fnr("daemon")
    assert second.returncode == 6
    assert f"pid {home.process.pid}" in second.stderr


def test_nobody_answers_when_the_daemon_is_down(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo"))
    with pytest.raises(DaemonDown):
        home.ask(ask.GetStatus())


def test_a_bad_file_changes_nothing_at_reload(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    home.write(function("echo", "echo") + "\n[functions.echo2]\npython = 3\n")
    with pytest.raises(ConfigError):
        home.ask(ask.ReloadConfig())
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE
    home.write(function("echo", "echo") + function("echo2", "echo"))
    assert home.ask(ask.ReloadConfig()).added == ["echo2"]
    assert end_of(home, submit(home, "echo2")).task.state is TaskState.DONE


def test_a_file_that_is_gone_is_not_taken_for_an_empty_one_at_reload(home_at: HomeAt) -> None:
    """An editor that replaces it, a link to a place that is not mounted: all functions would go."""
    home = home_at(function("echo", "echo")).up()
    (home.folder / "fnr.toml").unlink()
    with pytest.raises(ConfigError, match="is gone: nothing has changed"):
        home.ask(ask.ReloadConfig())
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE
    home.write("")
    assert home.ask(ask.ReloadConfig()).removed == ["echo"]


def test_a_file_that_is_gone_is_not_taken_for_an_empty_one_at_a_start(home_at: HomeAt) -> None:
    """Tasks would wait for functions that nobody declares any more, and nobody would say so."""
    home = home_at(function("echo", "echo")).up()
    task_id = submit(home, "echo")
    end_of(home, task_id)
    (home.folder / "fnr.toml").unlink()
    refused = home.fnr("daemon", "restart")
    assert (refused.returncode, "is gone: the daemon runs on" in refused.stderr) == (78, True)
    assert home.ask(ask.GetTask(task_id=task_id)).task.state is TaskState.DONE
    home.kill()
    refused = home.fnr("daemon", "start")
    assert refused.returncode == 78
    assert "an empty file says that this is meant" in refused.stderr
    assert home.fnr("config", "check").returncode == 78
    home.write("")
    home.up()
    assert [one.state for one in home.ask(ask.GetStatus()).functions] == ["removed"]


def test_a_function_that_comes_back_into_the_file_is_paused_still(home_at: HomeAt) -> None:
    """Method: it is paused, leaves fnr.toml, the daemon starts without it, and it is back."""
    both = function("echo", "echo") + function("other", "echo")
    home = home_at(both).up()
    home.ask(ask.PauseFunction(functions=["other", "other"], reason="GPU 1 is being changed"))
    home.write(function("echo", "echo"))
    home.kill()
    home.up()
    home.write(both)
    assert home.ask(ask.ReloadConfig()).added == ["other"]
    [other] = [one for one in home.ask(ask.GetStatus()).functions if one.function == "other"]
    assert (other.state, other.paused_by.partition(": ")[2]) == ("paused", "GPU 1 is being changed")
    with pytest.raises(TimedOut):
        home.ask(ask.WaitTasks(task_ids=[submit(home, "other")], timeout_ms=20))
    assert home.ask(ask.ResumeFunction(functions=["other"])).changed == ["other"]


def test_a_worker_that_cannot_say_what_it_has_begun_holds_one_attempt(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Of two in its window nobody knew which one took it down; the first was blamed by a guess."""
    started, gate, next_started, next_gate = pipes(tmp_path, "a", "b", "c", "d")
    home = home_at(function("hang", "block_on", "workers = { min = 0, max = 1 }\nwindow = 2")).up()
    now = Path(home.paths.run_dir, "now")
    now.rmdir()
    now.symlink_to("a folder that is not there")
    items = [
        {"function": "hang", "input": {"fifo": str(fifo), "started": str(bell)}}
        for fifo, bell in ((gate, started), (next_gate, next_started))
    ]
    many = ask.SubmitMany(items=[msgspec.Raw(msgspec.json.encode(item)) for item in items])
    first, second = home.ask(many).task_ids
    started.read_text()
    assert home.ask(ask.GetTask(task_id=second)).task.state is TaskState.QUEUED
    gate.write_text("once")
    os.kill(int(next_started.read_text()), signal.SIGKILL)
    while not (found := home.ask(ask.GetTask(task_id=second)).errors):
        pass
    assert [error.evidence.worker_died for error in found] == [True]
    assert home.ask(ask.GetTask(task_id=first)).errors == []


def test_what_waits_behind_a_long_attempt_is_taken_back_once(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It was claimed and taken back ten times a second, for as long as the other ran.

    Method: meanwhile a task of another function becomes due, a second later, and ends.
    """
    started, gate, next_started, next_gate = pipes(tmp_path, "a", "b", "c", "d")
    home = home_at(
        function("hang", "block_on", "workers = 1\nwindow = 2") + function("echo", "echo")
    ).up()
    submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    behind = submit(home, "hang", {"fifo": str(next_gate), "started": str(next_started)})
    end_of(home, submit(home, "echo", delay_ms=1_000))
    assert home.ask(ask.ListLogSpans(task_id=behind)) == [], "what the other prints is not its own"
    gate.write_text("open")
    next_started.read_text()
    next_gate.write_text("open")
    assert end_of(home, behind).task.state is TaskState.DONE
    attempts = home.ask(ask.GetTask(task_id=behind)).attempts
    assert [attempt.outcome for attempt in attempts] in (["done"], ["returned", "done"])
    assert home.fnr("task", "history", behind).stdout.count(" began in worker ") == 1


def bound(extra: str = "") -> str:
    """A function whose workers end with the daemon."""
    return function("hang", "block_on", f'on_daemon_exit = "kill"\n{extra}') + function(
        "echo", "echo"
    )


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_what_ends_with_its_daemon_has_not_failed(
    home_at: HomeAt, tmp_path: Path, how: str
) -> None:
    """Three such deaths made a dead letter of it: poison."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(bound()).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    for _ in range(3):
        pid = int(started.read_text())
        pidfd = os.pidfd_open(pid)
        if how == "killed":
            home.kill()
        else:
            home.ask(ask.StopDaemon())
            assert home.process is not None
            assert home.process.wait(timeout=30) == 0
        assert select.select([pidfd], [], [], 30)[0]
        os.close(pidfd)
        home.up()
    started.read_text()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.deaths, end.task.retries) == (TaskState.DONE, 0, 0)
    outcomes = [attempt.outcome for attempt in home.ask(ask.GetTask(task_id=task_id)).attempts]
    assert outcomes == ["interrupted"] * 3 + ["done"]


def test_a_command_that_ends_with_its_daemon_does_not_wait_for_the_next(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Its program went on by itself until another daemon came, if one did."""
    started, gate = pipes(tmp_path, "started", "gate")
    script = 'echo $$ > "$0"; cat "$1"; echo done'
    command = f'command = ["sh", "-c", {script!r}, "{started}", "{gate}"]'
    home = home_at(f'[functions.hang]\n{command}\non_daemon_exit = "kill"\n').up()
    task_id = submit(home, "hang", {}, retries_max=0)
    pidfd = os.pidfd_open(int(started.read_text()))
    home.kill()
    assert select.select([pidfd], [], [], 30)[0]
    os.close(pidfd)
    home.up()
    started.read_text()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.deaths, end.task.retries) == (TaskState.DONE, 0, 0)
    told = [row.decision.why for row in home.ask(ask.GetTask(task_id=task_id)).ledger]
    assert [reason for reason in told if DAEMON_KILLED in reason], told


@pytest.mark.parametrize("guard", ["lives", "was ended before"])
def test_what_a_function_started_ends_with_its_daemon_too(
    home_at: HomeAt, tmp_path: Path, guard: str
) -> None:
    """No next daemon comes: programs of another session had run on until one did."""
    started, gate = pipes(tmp_path, "started", "gate")
    extra = 'on_daemon_exit = "kill"\nworkers = { min = 0, max = 1 }\nmax_tasks_per_worker = 1\n'
    home = home_at(function("hang", "start_and_block", extra)).up()
    given = {"started": str(started), "gate": str(gate)}
    first = submit(home, "hang", given, retries_max=0)
    started.read_text()
    if guard == "was ended before":
        guard_fd = os.pidfd_open(guard_of(home))
        signal.pidfd_send_signal(guard_fd, signal.SIGKILL)
        assert select.select([guard_fd], [], [], 30)[0]
        os.close(guard_fd)
    gate.write_text("open")
    assert end_of(home, first).task.state is TaskState.DONE
    submit(home, "hang", given, retries_max=0)
    pidfd = os.pidfd_open(int(started.read_text()))
    guard_fd = os.pidfd_open(guard_of(home))
    home.kill()
    for fd in (pidfd, guard_fd):
        assert select.select([fd], [], [], 30)[0]
        os.close(fd)


def guard_of(home: LiveHome) -> int:
    """The living process that outlives the daemon to end what workers have started."""
    assert home.process is not None
    [pid] = [
        pid
        for pid, stat in procfs.scan().items()
        if stat.parent == home.process.pid
        and stat.alive
        and b"fnr.host.wards" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return pid


def test_what_does_not_end_with_the_daemon_is_left_by_one_that_is_stopped(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Of two functions only the workers of one end with it."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(bound().replace("hang", "bound") + function("hang", "block_on")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    pid = int(started.read_text())
    home.ask(ask.StopDaemon())
    assert home.process is not None
    assert home.process.wait(timeout=30) == 0
    assert Path(f"/proc/{pid}").exists()
    home.up()
    gate.write_text("open")
    assert end_of(home, task_id).task.attempts == 1


def test_a_changed_fnr_toml_counts_with_the_next_daemon(
    gated: tuple[LiveHome, str, int, Path], tmp_path: Path
) -> None:
    """Workers that were taken over went on as they had been started, for as long as they lived."""
    home, task_id, _, gate = gated
    workers = {worker.function: worker.worker_id for worker in home.ask(ask.ListWorkers())}
    changed = 'env = { WORD = "new" }'
    home.write(function("hang", "block_on", changed) + function("echo", "echo"))
    home.kill()
    home.up()
    gate.write_text("open")
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DONE, 1), "what runs is finished"
    started, gate = tmp_path / "started-2", tmp_path / "gate-2"
    os.mkfifo(started)
    os.mkfifo(gate)
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    environ = environ_of(int(started.read_text()))
    gate.write_text("open")
    end_of(home, task_id)
    assert environ["WORD"] == "new"
    # And whose function has not changed stays.
    now = {worker.worker_id for worker in home.ask(ask.ListWorkers())}
    assert workers["echo"] in now
