"""`fnr run`: the command's output, its exit code, and Ctrl-C, through a real daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from cli_runs import Run
from live_home import LiveHome, home_of_its_own
from msgspec.structs import replace
from terminals import Session
from wire_server import Close, Events, Hang, Turns, WireServer

from fnr.api.question import Changed
from fnr.api.requests import (
    CancelTasks,
    GetTask,
    ListLogSpans,
    ListTasks,
    Submit,
    Submitted,
    WaitTasks,
    Watch,
)
from fnr.cli import follow, inbox, log_ends, run_asked_to_end
from fnr.cli.argv import Globals
from fnr.cli.here import enter
from fnr.cli.run import exit_code_of
from fnr.cli.run_asked_to_end import AskedToEnd
from fnr.client.connect import Connection
from fnr.client.patience import connect_again
from fnr.config.paths import Paths, find_paths
from fnr.policy.evidence import Code, Evidence, KilledBy, Phase
from fnr.policy.record import ErrorRecord, LogSpan, Page, TaskDetail, TaskEnd
from fnr.policy.rules import Category, Classification, Level, Strategy
from fnr.policy.task import Task, TaskState


def test_streams_and_exit_code_are_the_commands(live: Run) -> None:
    script = "echo out; echo err >&2; printf 'no newline'; exit 3"
    found = live("run", "--", "sh", "-c", script)
    assert (found.code, found.out) == (3, "out\nno newline")
    assert found.err.startswith("err\n")
    assert "notice: dead letter 01" in found.err


def test_success_is_silent_about_itself(live: Run, tmp_path: Path) -> None:
    found = live("run", "--cwd", tmp_path, "--env", "WORD=x y", "--", "sh", "-c", "echo $WORD; pwd")
    assert (found.code, found.out, found.err) == (0, f"x y\n{tmp_path}\n", "")


def test_a_program_that_only_the_caller_has_in_the_path_is_shown(
    live: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    found = live("run", "--", "only-here")
    assert found.code == 127
    assert f"notice: here it is {program}; where the daemon's PATH lacks it" in found.err

    assert live("run", "--env", f"PATH={os.environ['PATH']}", "--", "only-here").out == "found\n"
    for words in (["no-such-program"], ["sh", "-c", "exit 127"]):
        assert "here it is" not in live("run", "--", *words).err


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["sh", "-c", "kill -9 $$"], 137, "SIGKILL"),
        (["no-such-program"], 127, "No such file"),
        (["/etc"], 126, "/etc"),
        (["sh", "-c", "exit 0"], 0, ""),
    ],
)
def test_ends_are_told_as_shells_tell_them(
    live: Run, words: list[str], code: int, why: str
) -> None:
    found = live("run", "--", *words)
    assert found.code == code
    assert why in found.err


def test_output_of_any_bytes_comes_through_unchanged(home: LiveHome) -> None:
    data = bytes(range(256)) * 5_000
    file = home.folder / "bytes"
    file.write_bytes(data)
    found = subprocess.run(
        [sys.executable, "-m", "fnr", "--home", home.folder, "run", "--", "cat", file],
        capture_output=True,
        check=False,
    )
    assert (found.returncode, found.stdout == data) == (0, True)


def test_a_command_prints_no_faster_than_its_output_is_shown() -> None:
    """Method: it begins when it is followed, and prints a hundred times what its log keeps."""
    with home_of_its_own('[log]\nworker_file_size = "64KiB"\n') as home:
        gate = home.folder / "gate"
        os.mkfifo(gate)
        words = ["run", "--", "sh", "-c", f"echo 0; cat {gate}; seq 200000"]
        with subprocess.Popen(
            [sys.executable, "-m", "fnr", "--home", home.folder, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == b"0\n"
            gate.write_text("")
            out, err = follower.communicate()
    assert (follower.returncode, err) == (0, b"")
    assert out == b"".join(b"%d\n" % number for number in range(1, 200_001))


def test_nobody_is_shown_what_others_print() -> None:
    """Method: one worker, whose commands print faster than they are shown.

    It goes on with the next one before anybody hears that the one before has ended.
    """
    lines = 40_000
    command = f"""["sh", "-c", "yes '{{word}}' | head -n {lines}"]"""
    with home_of_its_own(f"[functions.shout]\ncommand = {command}\n") as home:
        home.fnr("function", "pause", "shout")
        words = ("one", "two", "three", "four")
        ids = [home.fnr("submit", "shout", f"word={word}").stdout.strip() for word in words]
        followers = [
            subprocess.Popen(
                [sys.executable, "-m", "fnr", "--home", home.folder, "task", "logs", task_id, "-f"],
                stdout=subprocess.PIPE,
            )
            for task_id in ids
        ]
        home.fnr("function", "resume", "shout")
        shown = [follower.communicate()[0] for follower in followers]
    assert shown == [f"{word}\n".encode() * lines for word in words]


def test_an_attempts_output_ends_where_the_next_attempt_begins(tmp_path: Path) -> None:
    paths = find_paths(home=str(tmp_path))
    log, now = tmp_path / "log", Path(paths.now_file_of(None, "W"))
    log.write_bytes(b"x" * 10)
    now.parent.mkdir(parents=True)
    span = LogSpan(
        task_id="T", token="MINE", number=1, worker_id="W", started_at_ms=1, ended_at_ms=None,
        log_path=str(log), log_from=2, log_to=None,
    )  # fmt: skip
    assert log_ends.printed_to(paths, span) == 10, "nobody says which attempt has begun"
    for begun, end in ((b"MINE\0\0", 10), (b"NEXT\0\0", 0), (b"\0INE\0\0", 0)):
        now.write_bytes(begun)
        assert log_ends.printed_to(paths, span) == end
    assert log_ends.printed_to(paths, replace(span, log_to=7)) == 7
    assert log_ends.printed_to(paths, replace(span, ended_at_ms=2)) is None, "its worker has died"


def test_detached_prints_the_id_and_logs_follow_to_the_end(home: LiveHome, live: Run) -> None:
    """Method: the command waits at a named pipe until its log is being followed."""
    pipe = home.folder / "detached"
    os.mkfifo(pipe)
    found = live("run", "--detach", "--name", "n", "--", "sh", "-c", f"echo begun; cat {pipe}")
    task_id = found.out.strip()
    assert len(task_id) == 26
    session = Session(home.folder, "task", "logs", task_id, "-f").wait_for("begun")
    pipe.write_text("ended\n")
    assert session.end() == 0
    assert session.shown() == "begun\nended\n"
    assert live("task", "show", task_id, "-o", "json").json["task"]["tags"] == {"name": "n"}


def test_a_followed_task_begins_where_one_asks_and_in_the_form_that_one_asks_for(
    home: LiveHome, live: Run
) -> None:
    """Method: four lines are there before it is followed; the command then waits at a pipe."""
    pipe = home.folder / "followed-in-its-form"
    os.mkfifo(pipe)
    task_id = live("run", "-d", "--", "sh", "-c", f"seq 4; cat {pipe}").out.strip()
    first = Session(home.folder, "task", "logs", task_id, "-f").wait_for("4")
    first.interrupt()
    first.end()
    session = Session(home.folder, "task", "logs", task_id, "-f", "-n", "2", "-o", "jsonl")
    session.wait_for('"text":"4"')
    pipe.write_text("5\n")
    assert session.end() == 0
    told = [json.loads(line) for line in session.shown().splitlines()]
    assert [(record["stream"], record["text"]) for record in told] == [
        ("o", "3"),
        ("o", "4"),
        ("o", "5"),
    ]


def test_ctrl_c_cancels_the_task(home: LiveHome, live: Run) -> None:
    session = Session(home.folder, "run", "--", "sh", "-c", "echo begun; exec sleep 1000")
    session.wait_for("begun").interrupt()
    session.wait_for("cancelling; Ctrl-C again does not wait for its end")
    assert session.end() == 130
    [task] = live("task", "list", "-n", "1", "-o", "json").json["items"]
    assert (task["function"], task["state"]) == ("run", "cancelled")
    assert "Ctrl-C" in task["reason"]


def flags_of(server: WireServer) -> Globals:
    flags = Globals()
    flags.home = str(server.home)
    return flags


def test_sigterm_cancels_the_task_and_is_what_it_ends_by(home: LiveHome, live: Run) -> None:
    """As timeout(1) and systemd mean it: they would leave the command running."""
    session = Session(home.folder, "run", "--", "sh", "-c", "echo begun; exec sleep 1000")
    session.wait_for("begun").process.terminate()
    session.wait_for("cancelling; SIGTERM again does not wait for its end")
    assert session.end() == -signal.SIGTERM
    [task] = live("task", "list", "-n", "1", "-o", "json").json["items"]
    assert (task["state"], "SIGTERM" in task["reason"]) == ("cancelled", True)


def test_a_signal_that_comes_twice_is_one(server: WireServer) -> None:
    """timeout(1) sends each to its child and to its group. Method: the daemon has not answered."""
    answers = threading.Event()

    def answer_late(_: CancelTasks) -> Changed:
        answers.wait(60)
        return Changed(changed=["T"])

    server.answers[CancelTasks] = answer_late
    enter(flags_of(server))
    with AskedToEnd("T") as asked:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        answers.set()
        assert asked.told.wait(60)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    [request] = server.asked
    assert request == CancelTasks(task_ids=["T"], reason="Ctrl-C")


def test_what_it_says_of_a_second_ctrl_c_is_true_once_it_can_be_read(
    server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: who reads the line presses again before its write has returned."""
    enter(flags_of(server))
    said = threading.Event()
    pressed = threading.Event()

    def keep_writing(_line: str) -> None:
        said.set()
        pressed.wait(60)

    monkeypatch.setattr(run_asked_to_end, "say", keep_writing)
    server.answers[CancelTasks] = Changed(changed=["T"])
    with AskedToEnd("T"):
        signal.raise_signal(signal.SIGINT)
        assert said.wait(60)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        pressed.set()


def test_ctrl_c_for_the_foreground_cancels_nothing_in_the_background(server: WireServer) -> None:
    """Method: a script's shell has its background ignore SIGINT."""
    enter(flags_of(server))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with AskedToEnd("T") as asked:
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert (asked.by, server.asked) == (None, [])


def test_ctrl_c_while_the_daemon_is_away_cancels_when_it_is_back(home: LiveHome) -> None:
    session = Session(home.folder, "run", "--", "sh", "-c", "echo begun; exec sleep 1000")
    session.wait_for("begun")
    home.kill()
    session.interrupt()
    session.wait_for("the daemon is away; cancelling once it is back")
    assert home.start(), home.log()
    session.wait_for("cancelled by")
    assert session.end() == 130


def test_a_second_ctrl_c_does_not_wait_for_its_end(home: LiveHome, live: Run) -> None:
    """It is cancelled all the same. Method: a command that ignores SIGTERM waits at a pipe.

    It fails then: one that ends well before its worker is told would be done.
    """
    pipe = home.folder / "stubborn"
    os.mkfifo(pipe)
    script = f"trap '' TERM; echo begun; cat {pipe}; exit 3"
    session = Session(home.folder, "run", "--", "sh", "-c", script)
    session.wait_for("begun").interrupt()
    session.wait_for("cancelling").interrupt()
    session.wait_for("not waiting for its end; fnr --home")
    assert session.end() == 130
    [task] = live("task", "list", "-n", "1", "-o", "json").json["items"]
    assert task["cancel_asked"]
    pipe.write_text("")
    ended = live("task", "wait", task["task_id"])
    assert ended.out.split("\t")[2] == "cancelled"


def test_it_goes_on_while_the_daemon_is_restarted(home: LiveHome) -> None:
    pipe = home.folder / "restarted"
    os.mkfifo(pipe)
    session = Session(home.folder, "run", "--", "sh", "-c", f"echo begun; cat {pipe}; exit 5")
    session.wait_for("begun")
    home.kill()
    assert home.start(), home.log()
    pipe.write_text("after the restart\n")
    assert session.end() == 5
    assert "begun\nafter the restart\n" in session.shown()


def test_who_waits_for_a_task_goes_on_waiting_while_the_daemon_is_restarted(
    home: LiveHome,
) -> None:
    pipe = home.folder / "waited-for"
    os.mkfifo(pipe)
    session = Session(home.folder, "submit", "gate", f"path={pipe}", "--wait")
    session.wait_for("submitted ")
    home.kill()
    session.wait_for("the daemon went away; waiting until it is back")
    assert home.start(), home.log()
    pipe.write_text("after the restart")
    assert session.end() == 0
    assert session.shown().endswith('"after the restart"\n')


def test_who_waits_so_long_has_waited_so_long_also_where_the_daemon_stays_away(
    server: WireServer, fnr: Run
) -> None:
    def leave(_: WaitTasks) -> Close:
        Path(server.paths.socket_file).unlink()
        return Close()

    server.answers[WaitTasks] = leave
    found = fnr("task", "wait", "01JD0000000000000000000001", "--for", "50ms")
    assert found.code == 124
    assert "the time is up, and the daemon away" in found.err
    assert "why: waited 50ms" in found.err


def test_a_daemon_that_is_only_slow_is_not_said_to_have_gone_away(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SILENT_MS", 1)
    end = TaskEnd(task=Task(task_id="T", function="f", state=TaskState.DONE))
    server.answers[WaitTasks] = Turns(Hang(), [end])
    found = fnr("task", "wait", "01JD0000000000000000000001")
    assert (found.code, found.err) == (0, "")


def test_it_goes_on_though_the_daemon_is_restarted_again_and_again(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: it goes away when it has accepted the command, and twice when asked for its end."""

    def back_when_waited_for(paths: Paths, *, timeout_ms: int, patience_ms: int) -> Connection:
        if not Path(paths.socket_file).exists():
            server.stop()
            server.start()
        return connect_again(paths, timeout_ms=timeout_ms, patience_ms=patience_ms)

    def accept_and_go(_: Submit) -> Submitted:
        Path(server.paths.socket_file).unlink()
        return Submitted(task_id="T")

    task = Task(task_id="T", function="run", state=TaskState.DONE)
    server.answers |= {
        Submit: accept_and_go,
        ListTasks: Page(items=[task], total=1),
        Watch: Events(),
        ListLogSpans: [],
        GetTask: Turns(Close(), Close(), TaskDetail(task=task, input=msgspec.Raw(b"{}"))),
    }
    monkeypatch.setattr(inbox, "connect_again", back_when_waited_for)
    found = fnr("run", "--", "true")
    assert (found.code, found.out, found.err) == (0, "", "")
    asked = [type(request) for request in server.asked]
    assert asked.count(Submit) == 1
    assert asked.count(GetTask) == 3


def test_a_command_that_does_not_begin_is_told_why(home: LiveHome, live: Run) -> None:
    live("function", "pause", "run")
    session = Session(home.folder, "run", "--", "echo", "begun")
    session.wait_for("notice: it waits: run is paused")
    live("function", "resume", "run")
    assert session.end() == 0
    assert session.shown().splitlines()[-1] == "begun"


def test_output_that_cannot_be_written_is_told_with_the_task_that_goes_on(home: LiveHome) -> None:
    words = ["--home", str(home.folder), "run", "--", "echo", "lost"]
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "fnr", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert found.returncode == 74
    assert "its output cannot be shown: No space left on device; it goes on: fnr" in found.stderr


def test_a_daemon_that_stays_away_is_told_with_the_task_that_may_go_on(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept_and_go(_: Submit) -> Submitted:
        Path(server.paths.socket_file).unlink()
        return Submitted(task_id="T")

    server.answers[Submit] = accept_and_go
    monkeypatch.setattr(inbox, "PATIENCE_MS", 1)
    found = fnr("run", "--", "true")
    assert found.code == 3
    assert f"the command may go on: fnr --home {server.home} task show T\n" in found.err


def test_flags_become_the_tasks_input(server: WireServer, fnr: Run, tmp_path: Path) -> None:
    server.answers[Submit] = Submitted(task_id="T")
    found = fnr(
        "run", "-d", "--retries", "2", "--timeout", "2h", "--memory", "1GiB", "--nice", "5",
        "--env", "A=b", "--tag", "c=d", "--name", "n", "-p", "9", "--cwd", tmp_path,
        "--", "ls", "-o", "json", "--home", "/x",
    )  # fmt: skip
    assert found.out == "T\n"
    spec = server.asked[-1].task
    assert msgspec.json.decode(spec.input) == {
        "argv": ["ls", "-o", "json", "--home", "/x"],
        "cwd": str(tmp_path),
        "env": {"A": "b"},
        "nice": 5,
        "limits": {"memory_mib": 1024},
    }
    assert (spec.function, spec.retries_max, spec.timeout_ms) == ("run", 2, 7_200_000)
    assert (spec.priority, spec.tags) == (9, {"c": "d", "name": "n"})
    fnr("run", "-d", "ls", "-l")
    assert msgspec.json.decode(server.asked[-1].task.input) == {
        "argv": ["ls", "-l"],
        "cwd": str(Path.cwd()),
    }
    assert fnr("run", "-d", "-o", "json", "--", "ls").json["task_id"] == "T"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "which command?"),
        (["--", ""], "the word for it is empty"),
        (["--memory", "0B", "--", "ls"], "--memory must be more than 0"),
        (["--memory", "1", "--", "ls"], "--memory: needs a unit"),
        (["--cwd", "/nowhere", "--", "ls"], "there is no folder /nowhere"),
        (["--cwd", "", "--", "ls"], "--cwd: which folder? the word for it is empty"),
        (["--env", "A", "--", "ls"], "--env: 'A' is not KEY=VALUE"),
        (["--timeout", "5", "--", "ls"], "--timeout: needs a unit"),
        (["--", "ls", "\udcff"], "the command is not UTF-8"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    server: WireServer, fnr: Run, words: list[str], why: str
) -> None:
    found = fnr("run", *words)
    assert found.code == 2
    assert why in found.err
    assert server.asked == []


@pytest.mark.parametrize("words", [("--", "ls"), ("--cwd", ".", "--", "ls")])
def test_a_folder_that_was_removed_under_the_shell_is_said(
    server: WireServer, fnr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    found = fnr("run", *words)
    assert (found.code, server.asked) == (2, [])
    assert "the folder that you are in is gone" in found.err


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (Evidence(killed_by=KilledBy.TIMEOUT, signal=15), 124),
        (Evidence(phase=Phase.START, codes=(Code(family="errno", value="ENOENT"),)), 127),
        (Evidence(phase=Phase.START, codes=(Code(family="errno", value="EACCES"),)), 126),
        (Evidence(phase=Phase.START), 1),
        (Evidence(signal=11), 139),
        (Evidence(exit_code=7), 7),
        (Evidence(), 1),
    ],
)
def test_exit_codes_by_evidence(evidence: Evidence, code: int) -> None:
    found = Classification(
        category=Category.UNKNOWN,
        strategy=Strategy.RETRY_ONCE,
        rule="r",
        level=Level.NOTHING,
        matched="",
        confidence=0,
    )
    error = ErrorRecord(
        error_id="e",
        task_id="t",
        token="t",
        function="run",
        at_ms=0,
        evidence=evidence,
        classification=found,
    )
    assert exit_code_of(error) == code
