"""Commands and signals: killed for lack of memory, which the kernel log knows, or stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from live_home import LiveHome
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.incident_requests import GetError
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]

SAID = "Memory cgroup out of memory: Killed process {pid} (sh) total-vm:1kB"


@pytest.mark.parametrize(
    ("pid", "rule", "message"),
    [
        ("$$", "process/memory-kill", "killed because memory ran out"),
        ("1", "process/killed-from-outside", "killed by SIGKILL"),
    ],
)
def test_a_command_that_the_kernel_killed_for_memory_is_told_from_others(
    home_at: HomeAt, tmp_path: Path, pid: str, rule: str, message: str
) -> None:
    """It said that no record tells of the memory killer, and beside it lay the record."""
    kernel_log = tmp_path / "kmsg"
    kernel_log.write_text("6,1,0,-;Linux version\n")
    script = (
        "read up idle < /proc/uptime; at=$(echo $up | tr -d .)0000;"
        f' echo "4,2,$at,-;{SAID.format(pid=pid)}" >> {kernel_log}; kill -9 $$'
    )
    home = home_at(
        f"""
[functions.eat]
command = ["sh", "-c", '''{script}''']
retry = {{ max = 0, waits_max = 0, unknown_max = 0 }}
[daemon]
kernel_log = "{kernel_log}"
"""
    ).up()
    task_id = submit(home, "eat")
    assert end_of(home, task_id).task.state is TaskState.DEAD
    error = home.ask(GetError(error_id=task_id)).error
    assert (error.classification.rule, error.evidence.message) == (rule, message)


@pytest.mark.parametrize(
    ("pid", "rule", "message"),
    [
        ("$$", "process/memory-kill", "exit code 137, because memory ran out: Killed"),
        ("1", "process/killed-line", "exit code 137: Killed"),
    ],
)
def test_a_shell_whose_child_the_kernel_killed_for_memory_says_so(
    home_at: HomeAt, tmp_path: Path, pid: str, rule: str, message: str
) -> None:
    """It was called killed by nobody knows whom; the kernel names the child, which is gone."""
    kernel_log = tmp_path / "kmsg"
    kernel_log.write_text("6,1,0,-;Linux version\n")
    child = (
        "read up idle < /proc/uptime; at=$(echo $up | tr -d .)0000;"
        f' echo "4,2,$at,-;{SAID.format(pid=pid)}" >> {kernel_log}; kill -9 $$'
    )
    (tmp_path / "child.sh").write_text(child)
    home = home_at(
        f"""
[functions.eat]
command = ["sh", "-c", "sh {tmp_path}/child.sh; echo Killed >&2; exit 137"]
retry = {{ max = 0, waits_max = 0, unknown_max = 0 }}
[daemon]
kernel_log = "{kernel_log}"
"""
    ).up()
    first = submit(home, "eat")
    assert end_of(home, first).task.state is TaskState.DEAD
    error = home.ask(GetError(error_id=first)).error
    assert (error.classification.rule, error.evidence.message) == (rule, message)
    assert len(error.evidence.kernel) == (pid == "$$")


def test_without_a_witness_it_is_named_what_could_not_be_asked(
    home_at: HomeAt, tmp_path: Path
) -> None:
    home = home_at(
        f"""
[functions.die]
command = ["sh", "-c", "kill -9 $$"]
retry = {{ max = 0, waits_max = 0, unknown_max = 0 }}
[daemon]
kernel_log = "{tmp_path}/none"
"""
    ).up()
    task_id = submit(home, "die")
    assert end_of(home, task_id).task.state is TaskState.DEAD
    evidence = home.ask(GetError(error_id=task_id)).error.evidence
    assert evidence.missing[0] == "kernel log: No such file or directory"


def test_a_command_that_was_stopped_is_a_problem_that_status_names_until_it_goes_on(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It has no `timeout`: it ran for ever, and nothing was said of it."""
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    home = home_at(
        f"""
[functions.nap]
command = ["sh", "-c", "sh -c 'echo $$ > {pid_file}; kill -STOP $$'; exit 0"]
"""
    ).up()
    task_id = submit(home, "nap")
    pid = int(pid_file.read_text())
    while not (found := home.ask(ask.GetStatus()).problems):
        pass
    why = f"its process {pid} was stopped by a signal: kill -CONT {pid}"
    assert found == [f"task {task_id} (nap): {why}"]
    os.kill(pid, signal.SIGCONT)
    assert end_of(home, task_id).task.state is TaskState.DONE
    assert home.ask(ask.GetStatus()).problems == []


LEAVES_A_CHILD = """
import asyncio
import subprocess


async def leave(pid_file):
    script = "trap : TERM; echo $$ > $0; sleep 1000; sleep 1000"
    subprocess.Popen(["sh", "-c", script, pid_file])
    await asyncio.Event().wait()
"""


def test_a_coroutine_that_is_ended_is_over_when_what_it_started_is(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """It ends at once when it is asked; the next attempt began beside what it had left."""
    (tmp_path / "leaves.py").write_text(LEAVES_A_CHILD)
    home = home_at(
        f"""
[functions.leave]
python = "leaves:leave"
cwd = "{tmp_path}"
grace = "200ms"
retry = {{ max = 0 }}
"""
    ).up()
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    task_id = submit(home, "leave", {"pid_file": str(pid_file)})
    pid = int(pid_file.read_text())
    home.fnr("task", "cancel", task_id)
    assert end_of(home, task_id).task.state is TaskState.CANCELLED
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("kind", "adopted"), [("command", False), ("python", False), ("python", True)]
)
def test_what_earlier_attempts_have_printed_names_no_death(
    home_at: HomeAt, tmp_path: Path, kind: str, adopted: bool
) -> None:
    """The whole log of the worker was read as the last words of the one that died with it."""
    (tmp_path / "says.py").write_text(
        "import os, signal\n"
        "def say(words, logs):\n"
        "    print(words, flush=True)\n"
        "    if words == 'die':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # What the worker has not read when it is killed is in no log.
    written = 'until grep -qrs "die$" "$1"; do :; done'
    script = f'echo "$0"; if [ "$0" = die ]; then {written}; kill -9 $PPID; fi'
    runs = {
        "command": f"""command = ["sh", "-c", '''{script}''', "{{words}}", "{{logs}}"]""",
        "python": f'python = "says:say"\ncwd = "{tmp_path}"',
    }
    home = home_at(
        f"""
[functions.say]
{runs[kind]}
workers = {{ min = 1, max = 1 }}
retry = {{ max = 0, waits_max = 0, unknown_max = 0, deaths_max = 1 }}
"""
    ).up()
    logs = home.paths.log_dir
    earlier = "cannot allocate memory: no space left, connection refused"
    assert (
        end_of(home, submit(home, "say", {"words": earlier, "logs": logs})).task.state
        is TaskState.DONE
    )
    if adopted:
        home.kill()
        home.up()
    task_id = submit(home, "say", {"words": "die", "logs": logs})
    assert end_of(home, task_id).task.state is TaskState.DEAD
    error = home.ask(GetError(error_id=task_id)).error
    said = error.evidence.stdout_tail + error.evidence.stderr_tail
    assert (error.classification.rule, said) == ("process/killed-from-outside", "die\n")
