"""The fast path of `fnr status` says what the whole program says, or leaves it to it."""

from __future__ import annotations

import json

import msgspec
import pytest
from cli_runs import Run
from wire_server import Close, Raw, WireServer

from fnr.api import wire
from fnr.api.errors import TryAgain
from fnr.api.requests import FunctionStatus, GetStatus, Status
from fnr.cli.quick import QUESTION, quick_status
from fnr.cli.status_text import for_people, for_pipes

STATUS = Status(
    state="running",
    version="1.2",
    home="/h",
    pid=7,
    started_at_ms=1_000,
    functions=[
        FunctionStatus(function="idle", kind="python", counts={}, workers=1, workers_max=1),
        FunctionStatus(
            function="render",
            kind="python",
            counts={"running": 1, "queued": 20, "dead": 2},
            workers=1,
            workers_max=2,
            busy=1,
            problem="[/b] cannot be loaded \x1b[2J",
        ),
        FunctionStatus(
            function="slow",
            kind="python",
            counts={"done": 3},
            paused=True,
            paused_by="ann: new \x1b[2Jdisk",
        ),
    ],
    letters_open=2,
    problems=["render: [/b] cannot be loaded"],
)


def test_the_question_is_the_wires() -> None:
    assert wire.decode_request(QUESTION) == (1, GetStatus())


def test_both_ways_print_the_same(
    server: WireServer, fnr: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answers[GetStatus] = STATUS
    for words in (["status"], ["status", "-o", "json"]):
        whole = fnr(*words)
        assert quick_status(["--home", str(server.home), *words]) == whole.code == 0
        out = capfd.readouterr().out
        if "json" in words:
            assert json.loads(out) == whole.json
        else:
            assert out == whole.out


def test_the_screen() -> None:
    values = msgspec.to_builtins(STATUS)
    assert for_people(values, now_ms=193_000, colour=False, command="fnr", width=80) == (
        "fnr 1.2 · running · up 3m12s · pid 7 · /h\n"
        "! render: [/b] cannot be loaded\n"
        "\n"
        "FUNCTION  STATE   WORKERS  RUNNING  QUEUED  WAITING  DEAD  DONE\n"
        "idle      ready       1/1        0       0        0     0     0\n"
        "render    broken      1/2        1      20        0     2     0\n"
        "  ! [/b] cannot be loaded [2J\n"
        "slow      paused      0/0        0       0        0     0     3\n"
        "  paused by ann: new [2Jdisk\n"
        "\n"
        "2 dead letters · fnr dlq list\n"
    )


def test_what_a_problem_says_to_type_is_for_this_home() -> None:
    problem = "2 undo steps need an operator: fnr undo list"
    values = msgspec.to_builtins(STATUS) | {"problems": [problem]}
    ours = "2 undo steps need an operator: fnr --home /h undo list"
    command = "fnr --home /h"
    screen = for_people(values, now_ms=193_000, colour=False, command=command, width=80)
    assert f"\n! {ours}\n" in screen
    assert f"\nproblem\t{ours}\n" in for_pipes(values, command=command)


def test_on_a_narrow_terminal_each_value_has_a_line() -> None:
    values = msgspec.to_builtins(STATUS)
    screen = for_people(values, now_ms=193_000, colour=False, command="fnr", width=40)
    assert "FUNCTION  STATE" not in screen
    assert (
        "\n\nfunction  render\nstate     broken\nworkers   1/2\nrunning   1\nqueued    20\n"
        "waiting   0\ndead      2\ndone      0\n  ! [/b] cannot be loaded"
    ) in screen
    assert "done      3\n  paused by ann: new [2Jdisk\n\n2 dead letters" in screen
    assert for_pipes(values, command="fnr") == (
        "daemon\trunning\t1.2\t7\t/h\n"
        "function\tidle\tready\t1\t0\t0\t0\t0\t0\n"
        "function\trender\tbroken\t1\t1\t20\t0\t2\t0\n"
        "function\tslow\tpaused\t0\t0\t0\t0\t0\t3\n"
        "problem\trender: [/b] cannot be loaded\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["task", "status"],
        ["status", "--help"],
        ["status", "-o", "jsonl"],
        ["status", "--timeout", "1s"],
        ["status", "-o", "nonsense"],
        ["--home", "/tmp/" + "x" * 120, "status"],
        ["task", "list"],
    ],
)
def test_everything_else_is_left_to_the_whole_program(words: list[str]) -> None:
    assert quick_status(words) is None


@pytest.mark.parametrize(
    "answer",
    [
        TryAgain("busy"),
        Close(),
        Raw(b"nonsense\n"),
        Raw(b"[]\n"),
        Raw(b'{"id":1,"ok":{"state":"running"}}\n'),
    ],
)
def test_an_answer_that_is_none_is_left_to_the_whole_program(
    server: WireServer, answer: object
) -> None:
    server.answers[GetStatus] = answer
    assert quick_status(["--home", str(server.home), "status"]) is None


def test_a_daemon_that_is_down_exits_3_and_says_what_to_type(server: WireServer, fnr: Run) -> None:
    server.stop()
    found = fnr("status")
    assert (found.code, found.out.split("\t")[:2]) == (3, ["daemon", "down"])
    nowhere = f"there is no store yet at {server.paths.store_file}"
    assert found.err == f"notice: daemon is not running; {nowhere}\n"
    assert fnr("status", "-o", "json", "-q").json["state"] == "down"


@pytest.mark.parametrize(
    ("more", "down", "word"),
    [
        ({}, False, "ready"),
        ({"busy": 1}, False, "busy"),
        ({}, True, "down"),
        ({"paused": True}, True, "paused"),
        ({"kind": "removed"}, False, "removed"),
    ],
)
def test_a_function_that_nobody_runs_is_not_called_ready(
    more: dict[str, object], down: bool, word: str
) -> None:
    status = {
        "state": "down" if down else "running",
        "version": "1",
        "home": "/h",
        "functions": [{"function": "f", "counts": {}, **more}],
    }
    assert f"function\tf\t{word}\t" in for_pipes(status, command="fnr")
    assert f"f         {word}" in for_people(
        status, now_ms=0, colour=False, command="fnr", width=80
    )
