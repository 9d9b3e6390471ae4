"""A task's whole way through a real daemon and real workers."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_home import FUNCTIONS, LiveHome

from fnr.api import requests as ask
from fnr.api import wire
from fnr.api.errors import BadData, NotFound, StorageError, TimedOut, TryAgain
from fnr.api.letter_requests import ListLetters, ReplayLetters
from fnr.api.resource_requests import ExplainWait
from fnr.host.clock import Clock, Dice, Ulids, ulid_ms
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def function(name: str, target: str, extra: str = "") -> str:
    """One [functions.NAME] table that runs something of worked_functions.py."""
    return f"""
[functions.{name}]
python = "worked_functions:{target}"
cwd = "{FUNCTIONS}"
grace = "1s"
retry = {{ delay = "10ms", delay_max = "20ms", wait = "50ms" }}
{extra}
"""


def submit(home: LiveHome, name: str, given: dict[str, Any] | None = None, **more: Any) -> str:
    """Submit one task; its id."""
    raw = msgspec.Raw(msgspec.json.encode(given or {}))
    answer = home.ask(ask.Submit(task=ask.TaskSpec(function=name, input=raw, **more)))
    task_id: str = answer.task_id
    return task_id


def end_of(home: LiveHome, task_id: str) -> Any:
    """How a task ended; waits for it."""
    [end] = home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    return end


def test_a_python_function_gives_its_result(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    end = end_of(home, submit(home, "echo", {"n": 3, "word": "ü"}))
    assert end.task.state is TaskState.DONE
    assert msgspec.json.decode(end.result) == {"n": 3, "word": "ü"}


def test_who_waits_is_told_what_the_store_says_later(home_at: HomeAt, tmp_path: Path) -> None:
    """Method: wait while it runs, then ask again what has ended."""
    began, gate = tmp_path / "began", tmp_path / "gate"
    os.mkfifo(began)
    os.mkfifo(gate)
    told = f"read x < {gate}; echo Authorization: Bearer ghp_{'a1' * 18}"
    command = f'[functions.says]\ncommand = ["sh", "-c", "echo > {began}; {told}"]\n'
    home = home_at(function("hang", "block_on") + command).up()
    for name, given in (("hang", {"fifo": str(gate), "started": str(began)}), ("says", {})):
        task_id = submit(home, name, given)
        began.read_text()
        wait = ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000)
        with socket.socket(socket.AF_UNIX) as waiter:
            waiter.connect(home.paths.socket_file)
            waiter.sendall(wire.encode_request(wait, request_id=1))
            waiter.sendall(wire.encode_request(ask.GetTask(task_id=task_id), request_id=2))
            answers = waiter.makefile("rb")
            # What was asked before that one waits by now.
            assert wire.decode_reply(answers.readline()).id == 2
            gate.write_text("x\n")
            ends = wire.open_answer(wait, wire.decode_reply(answers.readline()))
        assert ends == [end_of(home, task_id)]
        assert ends[0].task.state is TaskState.DONE
        assert b"ghp_" not in bytes(ends[0].result)


def test_a_command_gets_whole_arguments_and_gives_its_stdout(home_at: HomeAt) -> None:
    home = home_at(
        """
[functions.say]
command = ["printf", "%s|", "{text}", "{text}!"]
result = "stdout"
"""
    ).up()
    end = end_of(home, submit(home, "say", {"text": "a b; $(rm -rf /)"}))
    assert msgspec.json.decode(end.result) == "a b; $(rm -rf /)|a b; $(rm -rf /)!|"


def test_a_transient_failure_is_retried_until_it_passes(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(function("flaky", "fail_until")).up()
    task_id = submit(home, "flaky", {"path": str(tmp_path / "tries"), "times": 2})
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert [attempt.outcome for attempt in detail.attempts] == ["failed", "failed", "done"]
    assert {error.classification.category for error in detail.errors} == {"transient"}
    assert len([row for row in detail.ledger if row.token]) == 3


@pytest.mark.parametrize(
    ("kind", "message", "category", "attempts"),
    [
        ("ValueError", "width must be positive", "validation", 1),
        ("PermissionError", "denied", "permanent", 1),
        ("ConnectionResetError", "reset", "transient", 4),
        ("RuntimeError", "the flux capacitor hums", "unknown", 2),
    ],
)
def test_each_category_has_its_strategy(
    home_at: HomeAt, kind: str, message: str, category: str, attempts: int
) -> None:
    no_guess = "\n[rules]\ntext_model = false\n"
    home = home_at(function("bad", "fail") + no_guess).up()
    end = end_of(home, submit(home, "bad", {"kind": kind, "message": message}))
    assert (end.task.state, end.category) == (TaskState.DEAD, category)
    assert end.task.attempts == attempts
    [letter] = home.ask(ListLetters()).items
    assert letter.task_id == end.task.task_id
    assert letter.reason


def test_a_killed_worker_is_named_and_replaced(home_at: HomeAt) -> None:
    home = home_at(function("die", "die")).up()
    end = end_of(home, submit(home, "die", {"signal_number": int(signal.SIGKILL)}))
    assert end.task.state is TaskState.DEAD
    assert end.signal == signal.SIGKILL
    detail = home.ask(ask.GetTask(task_id=end.task.task_id))
    assert all(error.evidence.worker_died for error in detail.errors)
    assert len({attempt.pid for attempt in detail.attempts}) == len(detail.attempts)


def test_what_systemd_tells_the_daemon_is_not_told_to_workers(home_at: HomeAt) -> None:
    """A program that believed it would be the one whose signs of life count."""
    home = home_at(
        """
[functions.say]
command = ["sh", "-c", 'echo "$NOTIFY_SOCKET|$WATCHDOG_USEC|$WATCHDOG_PID|$FROM_OUTSIDE"']
result = "stdout"
"""
    )
    home.start(env={"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1", "FROM_OUTSIDE": "yes"})
    end = end_of(home, submit(home, "say"))
    assert msgspec.json.decode(end.result) == "|||yes\n"


def test_a_log_that_cannot_be_cut_stops_no_deadline(home_at: HomeAt, tmp_path: Path) -> None:
    """Method: a folder stands where the worker's log was."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on", 'timeout = "1100ms"')).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    started.read_text()
    [log] = (Path(home.paths.log_dir) / "hang").iterdir()
    log.unlink()
    log.mkdir()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    assert home.log().count("a log cannot be cut") == 1


def test_a_timeout_really_stops_the_work(home_at: HomeAt, tmp_path: Path) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on", 'timeout = "900ms"')).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    pid = int(started.read_text())
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DEAD
    assert "timed out" in end.message
    assert not Path(f"/proc/{pid}").exists()
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert detail.errors[-1].evidence.killed_by == "timeout"


def test_a_running_task_can_be_cancelled(home_at: HomeAt, tmp_path: Path) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    home = home_at(function("hang", "block_on")).up()
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    changed = home.ask(ask.CancelTasks(task_ids=[task_id], reason="not needed"))
    assert changed.changed == [task_id]
    end = end_of(home, task_id)
    assert end.task.state is TaskState.CANCELLED
    assert "not needed" in end.task.reason


def test_who_waits_for_a_cancelled_task_is_told_that_and_not_what_it_had_failed_with(
    home_at: HomeAt,
) -> None:
    toml = function("fail", "fail").replace("10ms", "1h").replace("20ms", "1h")
    home = home_at(toml).up()
    task_id = submit(home, "fail", {"kind": "ConnectionResetError", "message": "gone"})
    while home.ask(ask.GetTask(task_id=task_id)).task.retries == 0:
        home.ask(ask.GetStatus())
    home.ask(ask.CancelTasks(task_ids=[task_id], reason="no more wanted"))
    waited = home.fnr("task", "wait", task_id)
    assert (waited.returncode, "no more wanted" in waited.stdout) == (1, True)
    assert end_of(home, task_id).message.endswith(": no more wanted")


def test_a_task_that_is_named_twice_is_cancelled_once(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    task_id = submit(home, "echo", delay_ms=3_600_000)
    changed = home.ask(ask.CancelTasks(task_ids=[task_id, task_id]))
    assert (changed.changed, changed.unchanged) == ([task_id], {})


def test_who_waits_for_an_import_is_told_so(home_at: HomeAt, tmp_path: Path) -> None:
    os.mkfifo(gate := tmp_path / "gate")
    (tmp_path / "slow_module.py").write_text(f"open({str(gate)!r}).close()\ndef f(): return 1\n")
    table = f'[functions.slow]\npython = "slow_module:f"\ncwd = "{tmp_path}"\n'
    home = home_at(table).up()
    task_id = submit(home, "slow")
    facts = home.ask(ExplainWait(task_id=task_id))
    assert facts.holds["workers"].startswith("its worker is loading slow, for ")
    gate.write_text("")
    assert end_of(home, task_id).task.state is TaskState.DONE
    assert home.ask(ExplainWait(task_id=submit(home, "slow"))).holds == {}


def test_wrong_requests_are_refused_in_words(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo", 'input = { n = "int" }')).up()
    with pytest.raises(NotFound, match="no function 'ecko'"):
        submit(home, "ecko")
    with pytest.raises(BadData, match="refused"):
        submit(home, "echo", {"n": "three"})
    with pytest.raises(NotFound):
        home.ask(ask.WaitTasks(task_ids=["0" * 26]))


def test_waiting_has_a_deadline(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    task_id = submit(home, "echo", delay_ms=3_600_000)
    with pytest.raises(TimedOut):
        home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=50))


def test_unique_and_idempotency_keys_give_the_same_task(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    first = home.ask(ask.Submit(task=ask.TaskSpec(function="echo", unique="u", delay_ms=60_000)))
    again = home.ask(ask.Submit(task=ask.TaskSpec(function="echo", unique="u")))
    assert (again.task_id, again.duplicate) == (first.task_id, True)
    one = home.ask(ask.Submit(task=ask.TaskSpec(function="echo", key="k")))
    end_of(home, one.task_id)
    two = home.ask(ask.Submit(task=ask.TaskSpec(function="echo", key="k")))
    assert (two.task_id, two.duplicate) == (one.task_id, True)


def test_a_pause_takes_back_what_a_worker_holds_and_has_not_begun(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: two tasks in one window, and the function is paused while the first runs."""
    began, gate, next_began, next_gate = (tmp_path / name for name in "abcd")
    for pipe in (began, gate, next_began, next_gate):
        os.mkfifo(pipe)
    bell = os.open(next_began, os.O_RDONLY | os.O_NONBLOCK)
    home = home_at(function("hang", "block_on", "workers = 1\nwindow = 2")).up()
    first = submit(home, "hang", {"fifo": str(gate), "started": str(began)})
    second = submit(home, "hang", {"fifo": str(next_gate), "started": str(next_began)})
    assert began.read_text()
    assert home.ask(ask.GetTask(task_id=second)).task.state is TaskState.RUNNING
    home.ask(ask.PauseFunction(functions=["hang"]))
    gate.write_text("one")
    assert end_of(home, first).task.state is TaskState.DONE
    while home.ask(ask.GetTask(task_id=second)).task.state is TaskState.RUNNING:
        assert not select.select([bell], [], [], 0)[0], "it began though its function is paused"
    home.ask(ask.ResumeFunction(functions=["hang"]))
    next_gate.write_text("two")
    assert end_of(home, second).task.state is TaskState.DONE
    os.close(bell)


def test_who_asks_again_gets_the_answer_also_when_the_queue_is_full(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo") + "\n[daemon]\nqueue_max = 2\n").up()
    home.ask(ask.PauseFunction(functions=["echo"]))
    first, second = (submit(home, "echo", key=key) for key in "ab")
    with pytest.raises(TryAgain) as refused:
        submit(home, "echo", key="c")
    assert "2 tasks are queued, 1 more does not fit: queue_max is 2" in refused.value.why
    specs = [ask.TaskSpec(function="echo", key=key) for key in "ab"]
    assert home.ask(ask.Submit(task=specs[0])).task_id == first
    assert home.ask(ask.SubmitMany(items=specs)).task_ids == [first, second]


def test_who_asks_again_gets_the_answer_also_of_a_daemon_that_takes_nothing_new(
    home_at: HomeAt,
) -> None:
    """Method: the daemon dies behind its commits; the next one has no room, and another file."""
    home = home_at(function("echo", "echo") + function("gone", "echo")).up()
    names = [{"task_id": Ulids(Clock(), Dice()).new()}, {"key": "nightly"}]
    specs = [ask.TaskSpec(function="echo", delay_ms=3_600_000, **name) for name in names]
    gone = ask.TaskSpec(function="gone", delay_ms=3_600_000, key="gone")
    ids = [home.ask(ask.Submit(task=spec)).task_id for spec in (*specs, gone)]
    home.kill()
    home.write(function("echo", "echo") + '\n[daemon]\ndisk_free_min = "1000TiB"\n')
    home.up()
    for spec, task_id in zip((*specs, gone), ids, strict=True):
        again = home.ask(ask.Submit(task=spec))
        assert (again.task_id, again.duplicate) == (task_id, True)
    many = home.ask(ask.SubmitMany(items=specs))
    assert (many.task_ids, many.duplicates) == (ids[:2], 2)
    new = ask.TaskSpec(function="echo", key="new")
    for request in (ask.Submit(task=new), ask.SubmitMany(items=[*specs, new])):
        with pytest.raises(StorageError, match="the disk is nearly full") as found:
            home.ask(request)
        assert found.value.next_step == "fnr db stats"


def test_a_client_may_name_the_id_and_asking_twice_is_once(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    task_id = Ulids(Clock(), Dice()).new()
    spec = ask.TaskSpec(function="echo", task_id=task_id)
    answers = [home.ask(ask.Submit(task=spec)) for _ in range(2)]
    assert [(answer.task_id, answer.duplicate) for answer in answers] == [
        (task_id, False),
        (task_id, True),
    ]
    assert end_of(home, task_id).task.created_at_ms == ulid_ms(task_id)
    with pytest.raises(BadData, match="refused"):
        home.ask(ask.Submit(task=ask.TaskSpec(function="echo", task_id="mine")))


def test_an_expired_task_is_a_dead_letter_and_told_of_like_every_other(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo")).up()
    news = home.connection(timeout_ms=10_000).watch(
        ask.Watch(kinds=["letter"]),
        on_watching=lambda: submit(home, "echo", delay_ms=3_600_000, expires_ms=50),
    )
    told = next(news)
    assert end_of(home, told.task_id or "").task.state is TaskState.DEAD
    [letter] = home.ask(ListLetters()).items
    assert (letter.task_id, letter.cause, told.what) == (told.task_id, "expired", "expired")
    assert "warning dead letter" in home.log()


def test_a_replayed_letter_stays_until_its_replay_succeeded(
    home_at: HomeAt, tmp_path: Path
) -> None:
    home = home_at(function("flaky", "fail_until")).up()
    tries = tmp_path / "tries"
    task_id = submit(home, "flaky", {"path": str(tries), "times": 1}, retries_max=0)
    assert end_of(home, task_id).task.state is TaskState.DEAD
    report = home.ask(ReplayLetters(all=True, dry_run=True))
    assert (report.eligible, report.replayed) == (1, 0)
    report = home.ask(ReplayLetters(task_ids=[task_id]))
    assert report.replayed == 1
    assert end_of(home, task_id).task.state is TaskState.DONE
    assert home.ask(ListLetters()).items == []


def test_an_unloadable_function_is_named_and_its_other_tasks_wait(home_at: HomeAt) -> None:
    home = home_at(
        """
[functions.gone]
python = "no_such_module:run"
"""
    ).up()
    end = end_of(home, submit(home, "gone"))
    assert (end.task.state, end.category) == (TaskState.DEAD, "permanent")
    assert "no_such_module" in end.message
    status = home.ask(ask.GetStatus())
    assert any("cannot be loaded" in problem for problem in status.problems)


LATE = """
[functions.late]
python = "late:run"
cwd = "{folder}"

[daemon]
restart_delay = "{delay}"
restart_delay_max = "1h"
"""


@pytest.mark.parametrize("code", ["import no_such_module", "import os; os._exit(3)"])
def test_one_task_carries_the_error_however_often_a_start_is_tried(
    home_at: HomeAt, tmp_path: Path, code: str
) -> None:
    """Each start cost one: a night with a broken module left nothing in the queue."""
    (tmp_path / "late.py").write_text(code)
    home = home_at(LATE.format(folder=tmp_path, delay="1ms")).up()
    first, second = submit(home, "late"), submit(home, "late")
    assert end_of(home, first).task.state is TaskState.DEAD
    tried = {one.worker_id for one in home.ask(ask.ListWorkers(gone=True))}
    while len({one.worker_id for one in home.ask(ask.ListWorkers(gone=True))} - tried) < 3:
        pass
    assert home.ask(ask.GetTask(task_id=second)).task.state is TaskState.QUEUED
    (tmp_path / "late.py").write_text("def run(): return 1")
    assert end_of(home, second).task.state is TaskState.DONE


def test_a_reload_tries_what_could_not_be_loaded_again_at_once(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Its code is not in fnr.toml, and nothing there has changed."""
    home = home_at(LATE.format(folder=tmp_path, delay="1h")).up()
    first, second = submit(home, "late"), submit(home, "late")
    assert end_of(home, first).task.state is TaskState.DEAD
    (tmp_path / "late.py").write_text("def run(): return 1")
    home.ask(ask.ReloadConfig())
    assert end_of(home, second).task.state is TaskState.DONE


def test_a_paused_function_that_cannot_be_loaded_loses_no_task(
    home_at: HomeAt, tmp_path: Path
) -> None:
    home = home_at(LATE.format(folder=tmp_path, delay="1ms")).up()
    home.ask(ask.PauseFunction(functions=["late"]))
    task_id = submit(home, "late")
    tried = {one.worker_id for one in home.ask(ask.ListWorkers(gone=True))}
    while len({one.worker_id for one in home.ask(ask.ListWorkers(gone=True))} - tried) < 2:
        pass
    assert home.ask(ask.GetTask(task_id=task_id)).task.state is TaskState.QUEUED
