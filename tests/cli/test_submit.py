"""`fnr submit`: what is typed becomes a task, or a refusal that names what is wrong with it."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cli_runs import Ran, Run
from hypothesis import given
from hypothesis import strategies as st
from live_home import LiveHome
from wire_server import Close, Hang, Turns, WireServer

from fnr.api.errors import NotFound, StorageError
from fnr.api.requests import (
    RefusedItem,
    Submit,
    SubmitMany,
    Submitted,
    SubmittedMany,
    WaitTasks,
)
from fnr.cli import follow, submit_jsonl
from fnr.cli.inputs import typed
from fnr.host.clock import is_ulid
from fnr.policy.record import TaskEnd
from fnr.policy.task import INPUT_BYTES_MAX, Task, TaskState

ID = "01JD0000000000000000000001"


@pytest.fixture(autouse=True)
def _accepting(server: WireServer) -> None:
    server.answers[Submit] = Submitted(task_id=ID)
    server.answers[SubmitMany] = lambda request: SubmittedMany(
        task_ids=[str(n) for n in range(len(request.items))]
    )


def sent_input(server: WireServer) -> object:
    return msgspec.json.decode(server.asked[-1].task.input)


def test_the_id_is_all_that_stdout_gets(server: WireServer, fnr: Run) -> None:
    found = fnr("submit", "render", "scene=a.blend")
    assert (found.code, found.out, found.err) == (0, f"{ID}\n", "")
    assert fnr("submit", "render", "-o", "json").json == {
        "schema": "fnr.submitted/1", "task_id": ID, "duplicate": False,
    }  # fmt: skip


def test_values_are_json_if_they_parse_else_text(server: WireServer, fnr: Run) -> None:
    words = ["n=3", "name=World", "ok=true", "list=[1]", 'id="123"', "empty=", "eq=a=b", "nan=NaN"]
    fnr("submit", "render", *words)
    assert sent_input(server) == {
        "n": 3, "name": "World", "ok": True, "list": [1], "id": "123", "empty": "", "eq": "a=b",
        "nan": "NaN",
    }  # fmt: skip


@given(st.text())
def test_any_word_is_a_value(word: str) -> None:
    if "\ud800" <= word <= "\udfff":
        return
    value = typed(word.encode("utf-8", "replace").decode())
    assert msgspec.json.encode(value)


def test_an_input_comes_from_text_file_or_stdin(
    server: WireServer, fnr: Run, tmp_path: Path
) -> None:
    (tmp_path / "in.json").write_text('{\n  "a": 1\n}\n')
    for source, stdin in (('{"a": 1}', ""), (f"@{tmp_path}/in.json", ""), ("-", '{"a": 1}')):
        assert fnr("submit", "render", "b=2", "--input", source, stdin=stdin).code == 0
        assert sent_input(server) == {"a": 1, "b": 2}


def test_every_flag_becomes_its_field(server: WireServer, fnr: Run) -> None:
    fnr(
        "submit", "f", "-p", "9", "--delay", "1m", "--timeout", "10m", "--expires", "1h",
        "--unique", "u", "--key", "k", "--tag", "a=b", "--tag", "c=d=e", "--retries", "0",
    )  # fmt: skip
    spec = server.asked[-1].task
    assert (spec.priority, spec.delay_ms, spec.timeout_ms) == (9, 60_000, 600_000)
    assert (spec.expires_ms, spec.unique, spec.key, spec.retries_max) == (3_600_000, "u", "k", 0)
    assert spec.tags == {"a": "b", "c": "d=e"}
    fnr("submit", "f", "--at", "2026-01-01T00:00:00+00:00")
    assert server.asked[-1].task.due_at_ms == 1_767_225_600_000
    fnr("submit", "f", "--at", "@1767225600")
    assert server.asked[-1].task.due_at_ms == 1_767_225_600_000
    assert fnr("submit", "f", "--at", "18:00").code == 0


DEEP = '{"a":' + "[" * 10_000 + "]" * 10_000 + "}"


@pytest.mark.parametrize(
    ("words", "stdin", "code", "why"),
    [
        (["f", "--input", "{a:1}"], "", 65, "not JSON"),
        (["f", "--input", "[1]"], "", 65, "must be a JSON object"),
        (["f", "--input", '{"a": NaN}'], "", 65, "NaN is no JSON number"),
        (["f", "--input", r'{"a": "\ud800"}'], "", 65, "surrogate"),
        (["f", "--input", r'{"a": "\u0000"}'], "", 65, "cannot be stored"),
        (["f", "--input", "-"], DEEP, 65, "nested deeper than 200"),
        (["f", "--input", "-"], b'{"a": "' + b"x" * INPUT_BYTES_MAX + b'"}', 65, "at most"),
        (["f", "--input", "-"], b'{"a": "\xff"}', 65, "not UTF-8"),
        (["f", "--input", "@/nowhere/in.json"], "", 65, "No such file"),
        (["f", "n"], "", 2, "'n' is not KEY=VALUE"),
        (["f", "=3"], "", 2, "'=3' is not KEY=VALUE"),
        (["f", "--tag", "a"], "", 2, "--tag: 'a' is not KEY=VALUE\n  why: write it like --tag KEY"),
        (["f", "--timeout", "10"], "", 2, "--timeout: needs a unit"),
        (["f", "--at", "tomorrow"], "", 2, "'tomorrow' is no moment"),
        (["f", "-p", "11"], "", 2, "11"),
        (["f", "--atomic"], "", 2, "--atomic is for --jsonl"),
        (["f", "a=1", "--jsonl", "-"], "", 2, "--jsonl goes with neither"),
        (["f", "--jsonl", "-", "--key", "k"], '{"n": 1}', 2, "make one task of them"),
        (["f", "--jsonl", "-", "--unique", "u"], '{"n": 1}', 2, "make one task of them"),
        (["f", "--delay", "5s", "--at", "18:00"], "", 2, "--delay and --at"),
        (["f", "--delay", "10m", "--expires", "1m"], "", 2, "would expire before it may begin"),
        ([], "", 2, "which function?"),
    ],
)
def test_what_is_wrong_is_refused_before_it_is_sent(
    server: WireServer, fnr: Run, *, words: list[str], stdin: str | bytes, code: int, why: str
) -> None:
    found = fnr("submit", *words, stdin=stdin)
    assert (found.code, found.out) == (code, "")
    assert why in found.err
    assert server.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ["submit", "f", "path=/tmp/\udcff"],
        ["submit", "\udcff"],
        ["submit", "f", "--unique", "\udcff"],
        ["submit", "f", "--jsonl", "-", "--tag", "a=\udcff"],
        ["run", "--name", "\udcff", "--", "true"],
        ["task", "list", "--where", "\udcff"],
        ["task", "wait", "\udcff"],
        ["function", "pause", "\udcff"],
    ],
)
def test_bytes_of_a_word_that_are_no_text_are_refused(
    server: WireServer, fnr: Run, words: list[str]
) -> None:
    found = fnr(*words)
    assert (found.code, "not UTF-8" in found.err) == (65, True)
    assert server.asked == []


def test_wait_prints_the_result_and_exits_1_when_dead(server: WireServer, fnr: Run) -> None:
    done = Task(task_id=ID, function="f", state=TaskState.DONE)
    dead = Task(task_id=ID, function="f", state=TaskState.DEAD)
    server.answers[WaitTasks] = Turns(
        [TaskEnd(task=done, result=msgspec.Raw(b'{"n":3}'))],
        [TaskEnd(task=dead, message="no \x1b[2J space")],
        [TaskEnd(task=dead, message="no space")],
    )
    found = fnr("submit", "f", "--wait")
    assert (found.code, found.out, found.err) == (0, '{"n":3}\n', f"submitted {ID}\n")
    found = fnr("submit", "f", "--wait")
    assert (found.code, found.out) == (1, "")
    assert "dead: no [2J space\n" in found.err
    found = fnr("submit", "f", "--wait", "-o", "json")
    assert (found.code, found.json["items"][0]["message"]) == (1, "no space")
    found = fnr("submit", "f", "--wait", "-o", "jsonl")
    assert (found.code, found.json["message"]) == (1, "no space")


# ── many at once ─────────────────────────────────────────────────────────────


def items(server: WireServer) -> list[object]:
    """What was submitted, without the ids that every line gets."""
    found = [msgspec.json.decode(item) for request in server.asked for item in request.items]
    ids = [item.pop("task_id") for item in found]
    assert all(is_ulid(task_id) for task_id in ids)
    assert len({*ids}) == len(ids)
    return found


def test_every_line_is_an_input_of_the_function(server: WireServer, fnr: Run) -> None:
    found = fnr("submit", "f", "--jsonl", "-", "-p", "7", stdin='{"n": 1}\n\n {"n": 2} \n{"n": 3}')
    assert items(server) == [{"function": "f", "input": {"n": n}, "priority": 7} for n in (1, 2, 3)]
    assert (found.code, found.out) == (0, "0\n1\n2\n")
    assert found.err.startswith("3 accepted in ")


def test_without_a_function_every_line_is_a_task(server: WireServer, fnr: Run) -> None:
    lines = '{"function": "f", "input": {"n": 1}, "priority": 9}\n{"function": "g"}\n'
    assert fnr("submit", "--jsonl", "-", stdin=lines).code == 0
    assert items(server) == [
        {"function": "f", "input": {"n": 1}, "priority": 9},
        {"function": "g"},
    ]
    sent = len(server.asked)
    found = fnr("submit", "--jsonl", "-", "-p", "9", stdin=lines)
    assert (found.code, len(server.asked)) == (2, sent)
    assert "submit FUNCTION --jsonl FILE" in found.err


def test_a_refused_line_is_named_and_spoils_no_other(server: WireServer, fnr: Run) -> None:
    lines = ['{"n": 0}', "{broken", '{"n": 2}', "[]", '{"n": 4}}', '{"n": 5}']
    server.answers[SubmitMany] = SubmittedMany(
        task_ids=["a", "b"], refused=[RefusedItem(index=1, why="unknown \x1b[2J thing")]
    )
    found = fnr("submit", "f", "--jsonl", "-", stdin="\n".join(lines))
    assert found.code == 1
    assert found.out == "a\nb\n"
    told = found.err.splitlines()
    assert [line.partition(":")[0] for line in told[:4]] == ["line 2", "line 3", "line 4", "line 5"]
    assert told[1] == "line 3: unknown [2J thing"
    assert told[4].startswith("2 accepted, 4 refused in ")
    answer = fnr("submit", "f", "--jsonl", "-", "-o", "json", stdin="\n".join(lines)).json
    assert (answer["accepted"], [item["line"] for item in answer["refused"]]) == (2, [2, 3, 4, 5])
    listed = fnr("submit", "f", "--jsonl", "-", "-o", "jsonl", stdin="\n".join(lines))
    assert (listed.code, listed.out) == (1, '{"task_id":"a"}\n{"task_id":"b"}\n')


@pytest.mark.parametrize(
    "line",
    [
        '{"function": "f", "input": [1]}',
        '{"function": "f", "nonsense": 1}',
        '{"input": {}}',
        '{"function": "f", "input": ' + DEEP + "}",
        '"f"',
        b'{"function": "f", "input": {"a": "\xff"}}',
    ],
)
def test_a_line_that_is_no_task_is_refused_here(
    server: WireServer, fnr: Run, line: str | bytes
) -> None:
    found = fnr("submit", "--jsonl", "-", stdin=line)
    assert found.code == 65
    assert found.err.startswith("line 1: ")
    assert "without a FUNCTION every line is a whole task" in found.err
    assert server.asked == []


@pytest.mark.parametrize(
    "times",
    [
        '"delay_ms": 600000, "expires_ms": 60000',
        '"due_at_ms": 2000000600000, "expires_at_ms": 2000000600000',
        '"due_at_ms": 2000000600000, "expires_ms": 1000',
    ],
)
def test_a_line_that_would_expire_before_it_may_begin_is_refused_as_with_flags(
    server: WireServer, fnr: Run, times: str
) -> None:
    found = fnr("submit", "--jsonl", "-", stdin=f'{{"function": "f", {times}}}')
    assert found.code == 65
    assert "line 1: the task would expire before it may begin: it expires " in found.err
    assert server.asked == []


def test_a_line_with_half_a_character_is_not_called_truncated(fnr: Run) -> None:
    found = fnr("submit", "--jsonl", "-", stdin=r'{"function": "f", "unique": "\ud800"}')
    assert "half of a surrogate pair" in found.err


def test_thousands_are_sent_in_chunks(server: WireServer, fnr: Run, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text("{}\n" * 2_500)
    assert len(fnr("submit", "f", "--jsonl", file).out.split()) == 2_500
    assert [len(request.items) for request in server.asked] == [1_000, 1_000, 500]
    assert not any(request.atomic for request in server.asked)


def test_long_lines_make_smaller_chunks(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_jsonl, "CHUNK_BYTES", 200)
    fnr("submit", "f", "--jsonl", "-", stdin=('{"a": "' + "x" * 60 + '"}\n') * 4)
    assert [len(request.items) for request in server.asked] == [2, 2]


def test_of_a_line_that_is_too_long_no_more_is_read_than_shows_it(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_jsonl, "LINE_BYTES_MAX", 20)
    lines = ['{"n":1}', '{"n":"' + "x" * 70 + '"}', '{"n":"fits in 20"}', "", '{"n":4}' + " " * 99]
    found = fnr("submit", "f", "--jsonl", "-", "-o", "json", stdin="\n".join(lines))
    assert found.code == 1
    assert [one["line"] for one in found.json["refused"]] == [2, 5]
    assert "line 2: more than 20 bytes in one line" in found.err
    assert items(server) == [
        {"function": "f", "input": {"n": 1}},
        {"function": "f", "input": {"n": "fits in 20"}},
    ]


def test_atomic_is_all_or_none(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fnr("submit", "f", "--jsonl", "-", "--atomic", stdin="{}\n" * 1_500).code == 0
    [request] = server.asked
    assert (len(request.items), request.atomic) == (1_500, True)
    found = fnr("submit", "f", "--jsonl", "-", "--atomic", stdin="{}\n{broken\n")
    assert found.code == 65
    assert "line 2: not JSON" in found.err
    assert "nothing was submitted, and the daemon has not looked at the others" in found.err
    assert len(server.asked) == 1
    server.answers[SubmitMany] = SubmittedMany(
        task_ids=[], refused=[RefusedItem(index=0, why="no such function")]
    )
    found = fnr("submit", "f", "--jsonl", "-", "--atomic", stdin="{}\n")
    assert (found.code, "line 1: no such function" in found.err) == (65, True)
    monkeypatch.setattr(submit_jsonl, "REQUEST_BYTES_MAX", 1024 * 1024 + 100)
    found = fnr("submit", "f", "--jsonl", "-", "--atomic", stdin="{}\n" * 100)
    assert (found.code, "too large for one transaction" in found.err) == (65, True)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who submits has no patience with a daemon that goes away again."""
    monkeypatch.setattr(follow, "SUBMIT_PATIENCE_MS", 0)
    monkeypatch.setattr(submit_jsonl, "SUBMIT_PATIENCE_MS", 0)


@pytest.mark.usefixtures("_impatient")
def test_when_the_daemon_goes_away_it_is_said_what_is_known(server: WireServer, fnr: Run) -> None:
    first = SubmittedMany(task_ids=["x"] * 1_000)
    server.answers[SubmitMany] = Turns(first, Close())
    found = fnr("submit", "f", "--jsonl", "-", stdin="{}\n" * 2_500)
    assert found.code == 3
    assert "1000 tasks, through line 1000, are accepted" in found.err
    assert "of lines 1001 to " in found.err
    assert "not known" in found.err


def test_a_file_is_submitted_once_though_the_daemon_goes_away_in_the_middle(
    server: WireServer, fnr: Run
) -> None:
    """Method: it accepts the second of three chunks and goes away before it answers, thrice."""
    there: set[str] = set()
    times = itertools.count(1)

    def accept(request: SubmitMany) -> object:
        ids = [msgspec.json.decode(item)["task_id"] for item in request.items]
        known = there & {*ids}
        there.update(ids)
        answer = SubmittedMany(task_ids=ids, duplicates=len(known))
        return Close() if next(times) in {2, 3, 4} else answer

    server.answers[SubmitMany] = accept
    found = fnr("submit", "f", "--jsonl", "-", stdin="{}\n" * 2_500)
    assert found.code == 0
    assert found.err.count("the daemon went away; waiting until it is back") == 1
    assert "2500 accepted in" in found.err
    assert len(there) == 2_500
    assert sorted(found.out.split()) == sorted(there)


def test_a_line_may_name_its_task_itself(server: WireServer, fnr: Run) -> None:
    fnr("submit", "--jsonl", "-", stdin=f'{{"task_id":"{ID}","function":"f"}}')
    assert [bytes(item) for item in server.asked[0].items] == [
        f'{{"task_id":"{ID}","function":"f"}}'.encode()
    ]


@pytest.mark.parametrize("words", [(), ("--wait",)])
def test_a_task_is_submitted_once_though_the_daemon_goes_away(
    server: WireServer, fnr: Run, words: tuple[str, ...]
) -> None:
    """It has its id before it is sent, so that it may be sent again."""
    task = Task(task_id=ID, function="f", state=TaskState.DONE)
    server.answers[Submit] = Turns(Close(), Close(), Close(), Submitted(task_id=ID))
    server.answers[WaitTasks] = [TaskEnd(task=task, result=msgspec.Raw(b"7"))]
    found = fnr("submit", "f", *words)
    assert (found.code, found.out) == (0, "7\n" if words else f"{ID}\n"), found.err
    asked = [one.task.task_id for one in server.asked if isinstance(one, Submit)]
    assert asked == [asked[0]] * 4


@pytest.mark.usefixtures("_impatient")
def test_a_daemon_that_stays_away_is_told_with_the_id_to_ask_for(
    server: WireServer, fnr: Run
) -> None:
    server.answers[Submit] = Close()
    found = fnr("submit", "f")
    assert (found.code, "not known" in found.err) == (3, True)
    assert f"task show {server.asked[-1].task.task_id}\n" in found.err


def test_ctrl_c_says_how_far_it_came(server: WireServer, fnr: Run) -> None:
    """Method: the signal comes with the fifth request, which is sent after the first answer."""

    def interrupt(_request: SubmitMany) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return Hang()

    chunk = SubmittedMany(task_ids=["x"] * 1_000)
    server.answers[SubmitMany] = Turns(chunk, chunk, chunk, chunk, interrupt, Hang())
    found = fnr("submit", "f", "--jsonl", "-", stdin="{}\n" * 5_500)
    assert found.code == 130
    told = re.search(r"(\d)000 tasks, through line (\d)000, are accepted", found.err)
    assert told
    assert 1 <= int(told[1]) == int(told[2]) <= 4
    assert f"of lines {told[1]}001 to 5" in found.err


def test_who_gets_no_answer_is_told_with_which_id_to_ask(server: WireServer, fnr: Run) -> None:
    def interrupt(_request: Submit) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return Hang()

    server.answers[Submit] = Turns(Hang(), Hang(), interrupt)
    for words in (["submit", "f"], ["submit", "f", "--wait"]):
        found = fnr("--timeout", "1s", *words)
        assert (found.code, "may still act on this" in found.err) == (124, True)
        assert f"task show {server.asked[-1].task.task_id}\n" in found.err
    found = fnr("submit", "f")
    assert (found.code, "whether it was accepted is not known" in found.err) == (130, True)
    assert f"task show {server.asked[-1].task.task_id}\n" in found.err


def test_a_daemon_that_hangs_in_the_middle_of_a_file_is_told_with_what_is_known(
    server: WireServer, fnr: Run
) -> None:
    server.answers[SubmitMany] = Turns(SubmittedMany(task_ids=["x"] * 1_000), Hang())
    found = fnr("--timeout", "1s", "submit", "f", "--jsonl", "-", stdin="{}\n" * 2_500)
    assert found.code == 124
    assert "1000 tasks, through line 1000, are accepted" in found.err
    assert "of lines 1001 to 2500 it is not known" in found.err


def test_ids_that_cannot_be_written_are_told_with_what_is_known(server: WireServer) -> None:
    server.answers[SubmitMany] = SubmittedMany(task_ids=["x"] * 1_000)
    words = ["--home", server.home, "submit", "f", "--jsonl", "-"]
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "fnr", *words],
            input="{}\n" * 2_500,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (found.returncode, "No space left on device" in found.stderr) == (74, True)
    assert "1000 tasks, through line 1000, are accepted" in found.stderr
    assert "of lines 1001 to 2500 it is not known" in found.stderr


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("command", [("submit", "f"), ("run", "-d", "--", "ls")])
def test_a_task_whose_id_cannot_be_written_is_told_as_accepted(
    server: WireServer, command: tuple[str, ...], output: str
) -> None:
    """Who takes the exit code for a refusal submits it twice."""
    words = ["--home", str(server.home), "-o", output, *command]
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [sys.executable, "-m", "fnr", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert found.returncode == 74
    assert f"task {ID} is accepted, but its id cannot be written" in found.stderr


def test_when_the_daemon_refuses_a_chunk_it_is_said_how_far_it_came(
    server: WireServer, fnr: Run
) -> None:
    server.answers[SubmitMany] = NotFound("there is no function 'f'", next_step="fnr function list")
    found = fnr("submit", "f", "--jsonl", "-", stdin="{}\n" * 1_500)
    assert found.code == 4
    assert "0 tasks, through line 0, are accepted" in found.err
    assert "lines 1 to 1000 are not; later ones may be" in found.err
    found = fnr("submit", "f", "--jsonl", "-", "--atomic", stdin="{}\n" * 1_500)
    assert "lines 1 to 1500 are not\n" in found.err


def test_of_a_chunk_that_the_next_daemon_refuses_it_is_not_said_that_it_is_not_there(
    server: WireServer, fnr: Run
) -> None:
    server.answers[SubmitMany] = Turns(Close(), StorageError("the store takes no new tasks"))
    found = fnr("submit", "f", "--jsonl", "-", stdin="{}\n" * 1_500)
    assert found.code == 74
    assert "of lines 1 to 1000 it is not known" in found.err


def test_stdin_that_is_the_terminal_is_not_waited_for(
    fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fnr.cli.inputs.is_terminal", lambda _stream: True)
    assert fnr("submit", "f", "--input", "-").code == 2


# ── against a real daemon ────────────────────────────────────────────────────


def test_live_submit_waits_for_the_result(live: Run) -> None:
    assert live("submit", "say", "word=hello world", "--wait").out == '"hello world\\n"\n'
    found = live("submit", "say", "word=w", "--wait", "-o", "name")
    assert found.err == f"submitted {found.out}"
    found = live("submit", "refuse", "n=1", "--wait")
    assert found.code == 1
    assert "dead: ValueError: [rank0]: CUDA error [/b] [31mred 1" in found.err


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["nonsense"], 4, "there is no function 'nonsense'"),
        (["coun"], 4, "did you mean count?"),
        (["say", "wrod=x"], 65, "did you mean 'word'?"),
        (["say", "word=3"], 65, "word: say wants str, got a whole number"),
        (["say", "word=3"], 65, """needs its quotes: word='"3"'"""),
        (["say", 'word={"a": 1}'], 65, r"""needs its quotes: word='"{\"a\": 1}"'"""),
        (["say"], 65, "say needs word"),
        (["say", "word=w", "--key", ""], 65, "has 1 to 500 characters, this one 0"),
        (["say", "word=w", "--unique", "u" * 501], 65, "has 1 to 500 characters, this one 501"),
        (["say", "word=w", "--timeout", "0s"], 65, "timeout must be 1 ms to 100 years, got 0 ms"),
        (["say", "word=w", "--at", "@-5"], 65, "the 100 years from 1970 on"),
    ],
)
def test_live_refusals_say_why(live: Run, words: list[str], code: int, why: str) -> None:
    found = live("submit", *words)
    assert found.code == code
    assert why in found.err


def test_live_a_function_that_there_is_not_is_said_once(live: Run) -> None:
    found = live("submit", "sya", "--jsonl", "-", stdin="{}\n" * 1_500)
    assert (found.code, found.out) == (4, "")
    assert found.err.count("no function") == 1
    assert found.err.startswith("error: there is no function 'sya': did you mean say?\n")
    assert found.err.endswith("function list\n")
    line = '{"function": "sya"}\n{"function": "say", "input": {"word": "w"}}'
    assert live("submit", "--jsonl", "-", stdin=line).code == 1


def test_live_thousands_with_bad_lines_among_them(live: Run, home: LiveHome) -> None:
    lines = ['{"word": "w"}'] * 1_500
    lines[700], lines[1_400] = '{"wrod": 1}', "{"
    found: Ran = live(
        "submit", "say", "--jsonl", "-", "--delay", "1h", "--tag", "many=yes",
        stdin="\n".join(lines),
    )  # fmt: skip
    assert found.code == 1
    assert [line.partition(":")[0] for line in found.err.splitlines()[:2]] == [
        "line 701",
        "line 1401",
    ]
    ids = live("task", "list", "--where", "tag.many:yes", "--limit", "0", "-o", "name").out.split()
    assert sorted(ids) == sorted(found.out.split())
    assert len(ids) == 1_498
    cancelled = live("task", "cancel", "--where", "tag.many:yes", "-y")
    assert len(cancelled.out.split()) == 1_498


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (r'"tags": {"k": "a\u0000"}', "cannot be stored as text"),
        (r'"unique": "a\u0000"', "cannot be stored as text"),
        ('"tags": {"": "x"}', "a tag has no name"),
        ('"parent_id": "nobody"', "parent must be the whole id of a task"),
        ('"expires_at_ms": 1', "it has expired "),
    ],
)
def test_live_what_stands_beside_an_input_is_checked_too(live: Run, more: str, why: str) -> None:
    line = f'{{"function": "say", "input": {{"word": "w"}}, {more}}}'
    found = live("submit", "--jsonl", "-", stdin=line)
    assert (found.code, found.out) == (65, "")
    assert why in found.err
