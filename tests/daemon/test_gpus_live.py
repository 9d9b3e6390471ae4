"""GPU functions on a real daemon; the driver is a stand-in below the real binding."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_home import FUNCTIONS, LiveHome
from nvml_stub import Gpus, gpu, uuid
from test_bad_days import pipes
from test_conditions_live import wait_until_held, wait_until_waiting
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api.incident_requests import GetError
from fnr.daemon.gpus import FRESH_MS
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def on_gpu(name: str, target: str, extra: str = "gpus = 1") -> str:
    """A Python function that needs a GPU."""
    needing = target in {"visible_gpus", "wait_for_gpu"}
    module = "needing_functions" if needing else "worked_functions"
    return f"""
[functions.{name}]
python = "{module}:{target}"
env = {{ PYTHONPATH = "{FUNCTIONS}" }}
grace = "200ms"
{extra}
"""


# With workers that are there anyway, and with some that are started when a task is due.
WORKERS = ["gpus = 1", "gpus = 1\nworkers = { min = 0, max = 1 }"]
UNDONE = {"function": ["resume", "held"], "breaker": ["reset", "storage", "--reason", "new one"]}
COMMAND = """
[functions.look]
command = ["sh", "-c", "printf %s $CUDA_VISIBLE_DEVICES"]
result = "stdout"
workers = 2
vram = "6GiB"
"""


def result_of(home: LiveHome, task_id: str) -> Any:
    """The result of a task that must end well."""
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE, end
    return msgspec.json.decode(end.result)


def allocations(home: LiveHome) -> list[dict[str, Any]]:
    """What is given, as the command line says it."""
    answer = home.fnr("allocation", "list", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    items: list[dict[str, Any]] = json.loads(answer.stdout)["items"]
    return items


def test_a_gpu_is_given_by_health_and_free_memory_and_pinned_by_uuid(
    home_at: HomeAt, gpus: Gpus
) -> None:
    gpus.say(
        gpu(0, free_mib=4000),
        gpu(1, free_mib=8192, error=15),
        gpu(2, free_mib=8100, recovery=1),
        gpu(3, free_mib=7000),
        gpu(4, free_mib=6500),
    )
    home = home_at(COMMAND + on_gpu("see", "visible_gpus"))
    assert home.start(env=gpus.env), home.log()
    assert result_of(home, submit(home, "see")) == uuid(3)
    assert result_of(home, submit(home, "look")) == uuid(4)
    assert [one["owner"] == one["worker_id"] for one in allocations(home)] == [True]


def test_mig_instances_are_devices_of_their_own(home_at: HomeAt, gpus: Gpus) -> None:
    """A process can use one of them, so what needs two GPUs is never given two instances."""
    gpus.say(
        *(gpu(0), "mig", "part MIG-a 2048 2000 0", "part MIG-b 4096 4000 0", "part MIG-c 1 1 15"),
        *(gpu(1), "mig"),
        *(gpu(2, recovery=2), "mig", "part MIG-d 8192 8000 0"),
        gpu(3, free_mib=100),
    )
    two = on_gpu("two", "visible_gpus", "gpus = 2")
    home = home_at(on_gpu("see", "visible_gpus") + two)
    assert home.start(env=gpus.env), home.log()
    assert result_of(home, submit(home, "see")) == "MIG-b"
    submit(home, "two")
    assert "MIG is on, and it is divided into nothing" in wait_until_held(home, "two")["two"]
    lines = json.loads(home.fnr("gpu", "list", "-o", "json").stdout)["items"]
    assert [(one["gpu"]["uuid"], one["gpu"]["instance"], one["unfit"]) for one in lines] == [
        ("MIG-a", 1, ""),
        ("MIG-b", 2, ""),
        (f"{uuid(0)}:3", 3, "the driver says: GPU is lost"),
        (uuid(1), None, "MIG is on, and it is divided into nothing"),
        ("MIG-d", 1, "the driver asks for a reboot of the host"),
        (uuid(3), None, ""),
    ]
    assert "0:2" in home.fnr("gpu", "list").stdout


def test_without_a_driver_gpu_functions_wait_and_others_run(home_at: HomeAt, gpus: Gpus) -> None:
    gpus.say("all 9")
    home = home_at(COMMAND + on_gpu("see", "visible_gpus") + on_gpu("plain", "echo", ""))
    assert home.start(env=gpus.env), home.log()
    waits = [submit(home, "look"), submit(home, "see")]
    assert result_of(home, submit(home, "plain", {"n": 1})) == {"n": 1}
    status = wait_until_held(home, "look", "see")
    assert all("Driver Not Loaded" in why for why in status.values())
    assert "none can be seen: NVML: Driver Not Loaded" in home.fnr("submit", "see").stderr
    assert home.fnr("submit", "plain").stderr == ""
    assert {home.ask(ask.GetTask(task_id=one)).task.state for one in waits} == {TaskState.QUEUED}


@pytest.mark.parametrize("extra", WORKERS)
def test_a_gpu_is_never_given_twice_and_goes_from_one_function_to_the_next(
    home_at: HomeAt, gpus: Gpus, extra: str
) -> None:
    """Both are loaded Python functions; there is one GPU."""
    gpus.say(gpu(0))
    first, second = (on_gpu(name, "visible_gpus", extra) for name in ("first", "second"))
    home = home_at(first + second)
    assert home.start(env=gpus.env), home.log()
    for name in ("first", "second", "first"):
        assert result_of(home, submit(home, name)) == uuid(0)
    assert home.fnr("db", "check").returncode == 0


@pytest.mark.parametrize("keeper", ["wants", "other"])
def test_who_waits_for_a_gpu_is_woken_for_one_that_an_idle_worker_keeps(
    home_at: HomeAt, gpus: Gpus, keeper: str
) -> None:
    """It waited for the whole of `wait`, and nothing else ran on the only GPU meanwhile.

    Method: the worker is its own function's, or that of another which has the GPU by then.
    """
    gpus.say(gpu(0))
    wants = on_gpu("wants", "wait_for_gpu", WORKERS[1] + '\nretry = { wait = "10m" }')
    home = home_at(wants + on_gpu("other", "visible_gpus", WORKERS[1]))
    assert home.start(env=gpus.env), home.log()
    if keeper == "other":
        result_of(home, submit(home, keeper))
    task_id = submit(home, "wants")
    assert result_of(home, task_id) == 2
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert [str(row.decision.action) for row in detail.ledger] == ["wait", "wake", "complete"]


@pytest.mark.parametrize(
    "words",
    [["function", "pause", "held"], ["breaker", "open", "storage", "--reason", "disk"]],
    ids=["paused", "breaker"],
)
def test_who_may_start_nothing_keeps_no_gpu_from_others(
    home_at: HomeAt, gpus: Gpus, words: list[str]
) -> None:
    """It was paused so that the other could have the GPU, which waited until it was resumed."""
    gpus.say(gpu(0))
    held = on_gpu("held", "visible_gpus", 'gpus = 1\nservices = ["storage"]')
    home = home_at(held + on_gpu("other", "visible_gpus", WORKERS[1]))
    assert home.start(env=gpus.env), home.log()
    result_of(home, submit(home, "held"))
    assert home.fnr(*words).returncode == 0
    waiting = submit(home, "held")
    assert result_of(home, submit(home, "other")) == uuid(0)
    assert home.ask(ask.GetTask(task_id=waiting)).task.state is TaskState.QUEUED
    assert home.fnr(words[0], *UNDONE[words[0]]).returncode == 0
    assert result_of(home, waiting) == uuid(0)


@pytest.mark.parametrize("extra", WORKERS)
def test_who_gave_way_to_a_more_urgent_function_has_its_turn_after_that(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path, extra: str
) -> None:
    gpus.say(gpu(0))
    keep, see = on_gpu("keep", "block_on", extra), on_gpu("see", "visible_gpus", extra)
    home = home_at(keep + see)
    assert home.start(env=gpus.env), home.log()
    fifos = [tmp_path / "started", tmp_path / "gate"]
    for fifo in fifos:
        os.mkfifo(fifo)
    started, gate = fifos
    given = {"fifo": str(gate), "started": str(started)}
    first, second = submit(home, "keep", given), submit(home, "keep", given)
    started.read_text()
    urgent = submit(home, "see", priority=9)
    wait_until_held(home, "see")
    gate.write_text("go")
    assert result_of(home, first) == "go"
    assert result_of(home, urgent) == uuid(0)
    started.read_text()
    gate.write_text("on")
    assert result_of(home, second) == "on"


def test_a_daemon_that_was_killed_leaves_allocations_to_who_lives(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path
) -> None:
    gpus.say(gpu(0), gpu(1))
    home = home_at(on_gpu("keep", "block_on") + COMMAND)
    assert home.start(env=gpus.env), home.log()
    started, gate = tmp_path / "started", tmp_path / "gate"
    for fifo in (started, gate):
        os.mkfifo(fifo)
    task_id = submit(home, "keep", {"fifo": str(gate), "started": str(started)})
    started.read_text()
    [before] = allocations(home)
    home.kill()
    assert home.start(env=gpus.env), home.log()
    assert allocations(home) == [before]
    gate.write_text("go")
    assert result_of(home, task_id) == "go"
    assert home.end(signal_number=signal.SIGTERM) == 0
    assert home.start(env=gpus.env), home.log()
    assert home.fnr("db", "check").returncode == 0


@pytest.mark.parametrize("point", ["seat-in-unit", "seat-committed"])
def test_a_daemon_killed_while_it_gives_a_gpu_gives_it_again(
    home_at: HomeAt, gpus: Gpus, point: str
) -> None:
    gpus.say(gpu(0))
    home = home_at(on_gpu("see", "visible_gpus"))
    home.start(env={**gpus.env, "FNR_FAILPOINT": point})
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    assert home.start(env=gpus.env), home.log()
    assert result_of(home, submit(home, "see")) == uuid(0)
    assert len(allocations(home)) == 1
    assert home.fnr("db", "check").returncode == 0


@pytest.mark.parametrize("extra", WORKERS)
def test_a_gpu_that_is_lost_gets_no_work_until_it_is_back(
    home_at: HomeAt, gpus: Gpus, extra: str
) -> None:
    gpus.say(gpu(0))
    home = home_at(on_gpu("see", "visible_gpus", extra))
    assert home.start(env=gpus.env), home.log()
    assert result_of(home, submit(home, "see")) == uuid(0)
    gpus.say(gpu(0, error=15))
    assert "GPU is lost" in home.fnr("gpu", "list").stdout
    task_id = submit(home, "see")
    assert "GPU is lost" in wait_until_held(home, "see")["see"]
    gpus.say(gpu(0))
    assert result_of(home, task_id) == uuid(0)


@pytest.mark.parametrize("busy", [90, 0])
def test_who_waits_for_its_gpu_is_not_hung_while_that_is_busy(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path, busy: int
) -> None:
    """It can send no beat and uses no CPU: it was ended in the middle of its kernel.

    Method: meanwhile a task of another function becomes due, and ends.
    """
    started, gate = pipes(tmp_path, "started", "gate")
    gpus.say(gpu(0), f"busy {busy}")
    slow = on_gpu("slow", "block_with_lock", 'gpus = 1\nhang_timeout = "1500ms"')
    home = home_at(slow + function("echo", "echo"))
    assert home.start(env=gpus.env), home.log()
    task_id = submit(home, "slow", {"fifo": str(gate), "started": str(started)}, retries_max=0)
    started.read_text()
    if busy:
        end_of(home, submit(home, "echo", delay_ms=4_000))
        assert home.ask(ask.GetTask(task_id=task_id)).task.state is TaskState.RUNNING
        gate.write_text("open")
        assert end_of(home, task_id).task.state is TaskState.DONE
    else:
        assert end_of(home, task_id).message.startswith("hung: no beat")


def test_what_this_host_has_not_got_is_said_at_submit_and_in_status(
    home_at: HomeAt, gpus: Gpus
) -> None:
    gpus.say(gpu(0))
    home = home_at(on_gpu("huge", "visible_gpus", 'vram = "80GiB"'))
    assert home.start(env=gpus.env), home.log()
    home.fnr("gpu", "list")
    answer = home.fnr("submit", "huge")
    assert answer.returncode == 0
    assert "its largest GPU has 8GiB" in answer.stderr
    task_id = answer.stdout.strip()
    assert "can never give that" in wait_until_held(home, "huge")["huge"]
    assert "can never give that" in home.fnr("task", "show", task_id).stdout
    home.write(on_gpu("huge", "visible_gpus", 'vram = "4GiB"'))
    assert home.ask(ask.ReloadConfig()).changed == ["huge"]
    assert result_of(home, task_id) == uuid(0)


@pytest.mark.parametrize("extra", WORKERS)
def test_a_gpu_that_comes_later_is_given_to_who_has_waited_for_one(
    home_at: HomeAt, gpus: Gpus, extra: str
) -> None:
    """Tasks stayed queued beside it until somebody submitted another one."""
    home = home_at(COMMAND + on_gpu("see", "visible_gpus", extra))
    assert home.start(env=gpus.env), home.log()
    waiting = [submit(home, "see"), submit(home, "look")]
    assert all("it has 0 GPUs" in why for why in wait_until_held(home, "see", "look").values())
    gpus.say(gpu(0), gpu(1))
    # The second may be given what the first has given back by then.
    assert {result_of(home, one) for one in waiting} <= {uuid(0), uuid(1)}


def test_no_worker_is_started_on_what_was_read_before_the_driver_fell_silent(
    home_at: HomeAt, gpus: Gpus
) -> None:
    """It would hang in the driver, too, and nobody could end it."""
    home = home_at(on_gpu("see", "visible_gpus", WORKERS[1]) + on_gpu("plain", "echo", ""))
    gpus.say(gpu(0))
    assert home.start(env=gpus.env), home.log()
    assert "healthy" in home.fnr("gpu", "list").stdout
    gpus.say("hang")
    # Until what was read is too old to decide on.
    end_of(home, submit(home, "plain", delay_ms=FRESH_MS))
    task_id = submit(home, "see")
    why = wait_until_held(home, "see")["see"]
    assert "the driver has not answered" in why or "the driver did not answer" in why
    assert home.ask(ask.GetTask(task_id=task_id)).task.attempts == 0
    assert [one.function for one in home.ask(ask.ListWorkers())] == ["plain"]


def test_who_ran_out_of_memory_on_its_gpu_waits_for_what_it_lacks_there(
    home_at: HomeAt, gpus: Gpus
) -> None:
    """What it declares it has loaded already, so that much was never free again."""
    gpus.say(gpu(0), gpu(1, free_mib=7000))
    home = home_at(on_gpu("render", "fail", 'vram = "7500MiB"\nretry = { waits_max = 1 }'))
    assert home.start(env=gpus.env), home.log()
    while not allocations(home):
        assert "render" in home.fnr("status").stdout
    gpus.say(gpu(0, free_mib=1000), gpu(1, free_mib=7000))
    said = "CUDA out of memory. Tried to allocate 2.00 GiB"
    task_id = submit(home, "render", {"kind": "RuntimeError", "message": said})
    wait_until_waiting(home, task_id)
    assert f"waits for vram:{uuid(0)}:2GiB" in home.fnr("task", "show", task_id).stdout
    gpus.say(gpu(0, free_mib=2800), gpu(1, free_mib=7000))
    end = end_of(home, task_id)
    assert (end.task.state, end.task.attempts) == (TaskState.DEAD, 2)


def test_a_gpu_that_the_kernel_log_speaks_against_is_given_nothing_until_it_is_trusted(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path
) -> None:
    """A driver that has no recovery action; a file is read as /dev/kmsg is."""
    kernel_log = tmp_path / "kmsg"
    kernel_log.write_text("4,1,100,-;NVRM: Xid (PCI:0000:18:00): 62, pid='<unknown>', halted\n")
    gpus.say(gpu(0, recovery=-1))
    home = home_at(on_gpu("see", "visible_gpus") + f'\n[daemon]\nkernel_log = "{kernel_log}"\n')
    assert home.start(env=gpus.env), home.log()
    task_id = submit(home, "see")
    why = "Xid 62: the GPU needs a reset"
    assert why in wait_until_held(home, "see")["see"]
    assert why in home.fnr("gpu", "list").stdout

    refused = home.fnr("gpu", "trust", "7")
    assert (refused.returncode, "gpu list" in refused.stderr) == (4, True)
    trusted = home.fnr("gpu", "trust", uuid(0)[:12].lower(), "--reason", "reset")
    assert (trusted.returncode, trusted.stdout) == (0, "GPU 0 is healthy\n"), trusted.stderr
    assert result_of(home, task_id) == uuid(0)
    assert home.fnr("gpu", "trust", "0").stdout == "GPU 0 is healthy\n"

    # Whoever starts next knows of it; what the log says from now on counts again.
    home.end()
    assert home.start(env=gpus.env), home.log()
    assert result_of(home, submit(home, "see")) == uuid(0)
    with kernel_log.open("a") as log:
        log.write("4,2,200,-;NVRM: GPU 0000:18:00.0: GPU has fallen off the bus.\n")
        log.write("12,3,300,-;NVRM: Xid (PCI:0000:18:00): 154, a program says what it likes\n")
    assert "Xid 79: it has fallen off the bus" in home.fnr("gpu", "list").stdout

    gpus.say(gpu(0, recovery=2))
    refused = home.fnr("gpu", "trust", "0")
    assert refused.returncode == 6
    assert "the driver asks for a reboot of the host" in refused.stderr


def test_what_the_kernel_says_of_the_gpu_of_a_command_names_its_failure(
    home_at: HomeAt, gpus: Gpus, tmp_path: Path
) -> None:
    """The Xid names a process that the command had started, and an older one is another's."""
    kernel_log = tmp_path / "kmsg"
    kernel_log.write_text("4,1,100,-;NVRM: Xid (PCI:0000:18:00): 13, pid='<unknown>', old\n")
    said = "4,2,200,-;NVRM: Xid (PCI:0000:18:00): 31, pid=4194305, name=ffmpeg, MMU Fault"
    gpus.say(gpu(0))
    home = home_at(
        f"""
[functions.burn]
command = ["sh", "-c", 'echo "$0" >> {kernel_log}; exit 1', "{{line}}"]
gpus = 1
retry = {{ max = 0, unknown_max = 0 }}
[daemon]
kernel_log = "{kernel_log}"
"""
    )
    assert home.start(env=gpus.env), home.log()
    for line, codes in ((said, ["xid:31"]), ("nothing", [])):
        task_id = submit(home, "burn", {"line": line})
        assert end_of(home, task_id).task.state is TaskState.DEAD
        evidence = home.ask(GetError(error_id=task_id)).error.evidence
        found = [f"{code.family}:{code.value}" for code in evidence.codes if code.family == "xid"]
        assert found == codes
        assert list(evidence.kernel) == [said.partition(";")[2]] * len(codes)
