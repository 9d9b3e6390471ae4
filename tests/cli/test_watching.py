"""`--watch`: shown again when it has changed, as a picture to people and as new lines to pipes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TextIO

import msgspec
import pytest
from cli_runs import Ran, Run
from live_home import LiveHome
from terminals import Session
from wire_server import WireServer

from fnr.api.errors import NotFound, TryAgain
from fnr.api.requests import GetStatus, ListTasks, Status
from fnr.cli import watching
from fnr.cli.watching import Look, Picture
from fnr.policy.record import Page
from fnr.policy.task import Task, TaskState

Watched = Callable[..., Ran]


def page(*states: str) -> Page[Task]:
    tasks = [
        Task(task_id=f"01JD{n:022}", function="render", created_at_ms=0, state=TaskState(state))
        for n, state in enumerate(states)
    ]
    return Page(items=tasks, total=len(tasks))


@pytest.fixture
def watched(fnr: Run, server: WireServer, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Run a command with --watch on one answer after the other; Ctrl-C follows the last."""

    def run(request: type[Any], answers: list[Any], *words: str) -> Ran:
        left = list(answers)

        def next_second(_: TextIO, **__: int) -> bool:
            if not left:
                raise KeyboardInterrupt
            server.answers[request] = left.pop(0)
            return False

        server.answers[request] = left.pop(0)
        monkeypatch.setattr(watching, "is_unread", next_second)
        return fnr(*words, "--watch")

    return run


def test_a_pipe_gets_what_is_new_or_has_changed(watched: Watched) -> None:
    answers = [page("queued"), page("queued"), page("running", "queued"), page("running", "done")]
    ran = watched(ListTasks, answers, "task", "list", "-o", "jsonl")
    lines = [msgspec.json.decode(line) for line in ran.out.splitlines()]
    assert [(line["task_id"][-1], line["state"]) for line in lines] == [
        ("0", "queued"), ("0", "running"), ("1", "queued"), ("1", "done")
    ]  # fmt: skip
    assert (ran.code, ran.err) == (130, "")


def test_what_is_said_besides_is_said_once(watched: Watched) -> None:
    """It is no more true a second later."""
    ran = watched(ListTasks, [page(), page(), page("done")], "task", "list")
    assert ran.err == "no tasks\n"
    assert ran.out.count("done") == 1


def test_a_document_is_written_when_it_has_changed(watched: Watched) -> None:
    answers = [page("queued"), page("queued"), page("done")]
    ran = watched(ListTasks, answers, "task", "list", "-o", "json")
    found = [msgspec.json.decode(line)["items"][0]["state"] for line in ran.out.splitlines()]
    assert found == ["queued", "done"]


def test_the_status_is_watched_whatever_it_says_with_its_exit_code(watched: Watched) -> None:
    def status(**counts: int) -> Status:
        return Status(state="degraded", version="1", home="/h", counts=counts)

    answers = [status(), status(queued=1)]
    ran = watched(GetStatus, answers, "status", "-o", "json")
    found = [msgspec.json.decode(line)["counts"] for line in ran.out.splitlines()]
    assert found == [{}, {"queued": 1}]


def test_a_daemon_that_has_no_time_is_asked_again(watched: Watched) -> None:
    answers = [page("queued"), TryAgain("the store is busy"), page("done")]
    ran = watched(ListTasks, answers, "task", "list", "-o", "jsonl")
    assert [msgspec.json.decode(line)["state"] for line in ran.out.splitlines()] == [
        "queued", "done"
    ]  # fmt: skip
    assert "the store is busy" in ran.err


def test_what_is_wrong_from_the_beginning_ends_it(watched: Watched) -> None:
    ran = watched(ListTasks, [NotFound("no such thing")], "task", "list")
    assert (ran.code, "no such thing" in ran.err) == (4, True)


def test_on_a_terminal_the_new_picture_takes_the_place_of_the_old(home: LiveHome) -> None:
    """Method: a task that waits for an hour is cancelled by a second terminal."""
    submitted = home.fnr("submit", "count", "path=/dev/null", "--delay", "1h", "-o", "name")
    task_id = submitted.stdout.strip()
    session = Session(home.folder, "task", "show", task_id, "--watch")
    session.wait_for("queued")
    assert home.fnr("task", "cancel", task_id).returncode == 0
    session.wait_for("\x1b[J")
    session.wait_for("cancelled").interrupt()
    assert session.end() == 130


def test_on_a_terminal_a_document_is_written_whole_too(home: LiveHome) -> None:
    """There it takes many lines, of which those that have changed say nothing by themselves."""
    session = Session(home.folder, "function", "list", "--watch", "-o", "json")
    session.wait_for('"paused": false').wait_for("\n}")
    assert home.fnr("function", "pause", "count").returncode == 0
    session.wait_for('"paused": true').interrupt()
    assert session.end() == 130
    assert session.shown().count('"schema"') == 2


def test_it_ends_with_whoever_reads_it(home: LiveHome) -> None:
    words = ["--home", str(home.folder), "function", "list", "--watch", "-o", "name"]
    watch = subprocess.Popen([sys.executable, "-m", "fnr", *words], stdout=subprocess.PIPE)
    assert watch.stdout is not None
    assert watch.stdout.readline() == b"count\n"
    watch.stdout.close()
    assert watch.wait(timeout=60) == 0


def test_it_ends_with_the_other_end_of_a_socket(home: LiveHome) -> None:
    """As ssh gives one to a command without a terminal. Method: what is shown never changes, so
    that no write could tell.
    """
    words = ["--home", str(home.folder), "function", "list", "--watch", "-o", "name"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch = subprocess.Popen([sys.executable, "-m", "fnr", *words], stdout=theirs)
        assert ours.recv(64).startswith(b"count\n")
    try:
        assert watch.wait(timeout=60) == 0
    finally:
        watch.kill()
        watch.wait()


def test_a_line_of_json_stays_one_whatever_is_in_its_words(watched: Watched) -> None:
    """JSON may hold as they are what some take for the end of a line."""
    task = Task(
        task_id=f"01JD{0:022}", function="render", created_at_ms=0, state=TaskState.DEAD,
        reason="one\u2028two\x85three\x7f",
    )  # fmt: skip
    one, other = Page(items=[task]), page("done")
    ran = watched(ListTasks, [one, one, other], "task", "list", "-o", "jsonl")
    found = [msgspec.json.decode(line) for line in ran.out.removesuffix("\n").split("\n")]
    assert found[0]["reason"] == task.reason
    assert [line["state"] for line in found] == ["dead", "done"]


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> Picture:
    """On a terminal of 10 columns and 5 rows."""
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "5")
    return Picture()


def test_a_picture_goes_back_as_many_rows_as_it_has_taken(
    picture: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Colours take none, a line that is too long takes two, and one in Chinese as many."""
    picture.show(Look(["\x1b[1mtitle\x1b[0m", "漢" * 6], ["said"]))
    assert capsys.readouterr().out == "\x1b[1mtitle\x1b[0m\n" + "漢" * 6 + "\nsaid\n"
    picture.show(Look(["next"], []))
    assert capsys.readouterr().out == "\x1b[4F\x1b[Jnext\n"
    picture.show(Look(["next"], []))
    assert capsys.readouterr().out == ""


def test_what_does_not_fit_is_counted(picture: Picture, capsys: pytest.CaptureFixture[str]) -> None:
    picture.show(Look(["a", "b", "c", "d", "e"], ["said"]))
    assert capsys.readouterr().out.splitlines() == ["a", "b", "… and 3 more lines", "said"]


def test_another_width_clears_the_terminal(
    picture: Picture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has broken the lines anew, and nobody knows how many there are."""
    picture.show(Look(["a"], []))
    monkeypatch.setenv("COLUMNS", "8")
    picture.show(Look(["a"], []))
    assert capsys.readouterr().out == "a\n\x1b[H\x1b[2Ja\n"
