"""Lists: plain rows into pipes, envelopes for programs, ids for the next command, all pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cli_runs import Run
from msgspec.structs import replace
from terminals import show
from wire_server import Turns, WireServer

from fnr.api.incident_requests import ListIncidents
from fnr.api.letter_requests import GetLetterStats, ListLetters
from fnr.api.requests import FunctionStatus, GetStatus, ListTasks, ListWorkers, Status
from fnr.policy.dead_letter import DeadLetter, DeathCause
from fnr.policy.incident import Incident, IncidentState
from fnr.policy.record import LetterStat, Page, WorkerRecord
from fnr.policy.rules import Category
from fnr.policy.task import Task, TaskState

HOSTILE = "[rank0]: CUDA error [/b] :x: \x1b[31mred\r\n\tnext " + "x" * 10_000
HARMLESS = "[rank0]: CUDA error [/b] :x: [31mred  " + " next " + "x" * 10_000


def task(number: int, **fields: Any) -> Task:
    known = {"function": "render", "created_at_ms": 1_700_000_000_000}
    return Task(task_id=f"01JD00000000000000000000{number:02}", **{**known, **fields})


TASKS = [task(1), task(2, state=TaskState.DEAD, attempts=3, reason=HOSTILE)]
LETTER = DeadLetter(
    task_id="01JD0000000000000000000001",
    function="render",
    cause=DeathCause.EXHAUSTED,
    category=Category.TRANSIENT,
    reason="3 of 3 retries used up",
    died_at_ms=1_700_000_000_000,
    message=HOSTILE,
    attempts=4,
)
WORKER = WorkerRecord(
    worker_id="01JDW",
    function="render",
    state="busy",
    boot_id="b",
    pid=4711,
    pid_start=1,
    started_at_ms=1_700_000_000_000,
    task_id="01JD",
    progress="7 of 9",
)
INCIDENT = Incident(
    incident_id="2:c714f7405e6647dded27",
    title="CUDA error: out of memory while the second of four frames was rendered",
    category=Category.RESOURCE,
    rule="unmatched",
    function="transcode-video",
    first_at_ms=1_700_000_000_000,
    last_at_ms=1_700_000_000_000,
    last_error_id="01JD0000000000000000000001",
    state=IncidentState.REGRESSED,
    functions={"transcode-video": 7},
)
ENDED = task(
    1, function="render-all-of-it-twice", state=TaskState.CANCELLED, reason="said whoever asked"
)
BUSY = replace(WORKER, worker_id=INCIDENT.last_error_id, progress="7 of 9" * 4)
STAT = LetterStat(
    function="render",
    category="transient",
    cause="exhausted",
    count=7,
    oldest_at_ms=0,
    newest_at_ms=1,
)
STATUS = Status(
    state="running",
    version="1",
    home="/h",
    functions=[FunctionStatus(function="render", kind="python", counts={"queued": 3}, workers=1)],
)
LISTS = [
    (["task", "list"], ListTasks, Page(items=TASKS, next="c", total=7), "fnr.task.list/1"),
    (["dlq", "list"], ListLetters, Page(items=[LETTER], total=1), "fnr.dlq.list/1"),
    (["dlq", "stats"], GetLetterStats, [STAT], "fnr.dlq.stats/1"),
    (["worker", "list"], ListWorkers, [WORKER], "fnr.worker.list/1"),
    (["function", "list"], GetStatus, STATUS, "fnr.function.list/1"),
]


def ids(answer: Any) -> list[str]:
    items = answer.functions if isinstance(answer, Status) else getattr(answer, "items", answer)
    fields = ("worker_id", "task_id", "function")
    return [next(getattr(item, f) for f in fields if f in item.__struct_fields__) for item in items]


@pytest.mark.parametrize(("words", "kind", "answer", "schema"), LISTS)
def test_a_list_has_four_forms(
    server: WireServer, fnr: Run, *, words: list[str], kind: type, answer: Any, schema: str
) -> None:
    server.answers[kind] = answer
    limit = ["--limit", "2"] if isinstance(answer, Page) else []
    envelope = fnr(*words, *limit, "-o", "json").json
    assert list(envelope) == ["schema", "items", "total", "next"]
    assert envelope["schema"] == schema
    items = answer.functions if isinstance(answer, Status) else getattr(answer, "items", answer)
    assert envelope["items"] == msgspec.json.decode(msgspec.json.encode(list(items)))
    lines = fnr(*words, *limit, "-o", "jsonl").out.splitlines()
    assert [msgspec.json.decode(line) for line in lines] == envelope["items"]
    names = fnr(*words, *limit, "-o", "name").out.split()
    assert names == (["render"] if words == ["dlq", "stats"] else ids(answer))
    rows = fnr(*words, *limit).out.splitlines()
    assert [row.split("\t")[0] for row in rows] == names
    assert len({row.count("\t") for row in rows}) == 1


def test_a_misspelt_function_is_not_one_without_workers(server: WireServer, fnr: Run) -> None:
    server.answers[ListWorkers] = []
    server.answers[GetStatus] = STATUS
    found = fnr("worker", "list", "--function", "rendre")
    assert (found.code, "did you mean 'render'?" in found.err) == (4, True)
    for known in ("render", "run"):
        found = fnr("worker", "list", "--function", known)
        assert (found.code, found.err) == (0, "no workers\n")


def test_a_file_with_mistakes_is_not_said_to_declare_nothing(server: WireServer, fnr: Run) -> None:
    server.answers[GetStatus] = STATUS
    server.answers[ListWorkers] = []
    (server.home / "fnr.toml").write_text("[functions.render\n")
    page = fnr("function", "show", "render").out
    check = f"fnr --home {server.home} config check"
    assert f"settings:  not known: fnr.toml has mistakes; {check}\n" in page
    for words in (("function", "show", "say"), ("worker", "list", "--function", "say")):
        found = fnr(*words)
        assert (found.code, "whether it declares it is not known" in found.err) == (4, True)
        assert "config check" in found.err
    lacking = f"notice: fnr.toml has mistakes: not all that it declares is here; {check}\n"
    assert fnr("function", "list").err == ""
    server.answers[GetStatus] = msgspec.structs.replace(STATUS, state="down")
    assert fnr("function", "list").err == lacking
    (server.home / "fnr.toml").write_text("version = 1\n")
    assert fnr("function", "list").err == ""
    assert "none: it is no longer in fnr.toml" in fnr("function", "show", "render").out


def test_a_pipe_gets_everything_uncropped_but_harmless(server: WireServer, fnr: Run) -> None:
    server.answers[ListTasks] = Page(items=TASKS)
    _, dead = fnr("task", "list").out.splitlines()
    assert dead.split("\t") == [
        TASKS[1].task_id, "render", "dead", "3", "5", "2023-11-14T22:13:20.000+00:00", HARMLESS,
    ]  # fmt: skip


def test_what_is_not_shown_is_said(server: WireServer, fnr: Run) -> None:
    server.answers[ListTasks] = Page(items=TASKS, next="cursor", total=7)
    found = fnr("task", "list", "--limit", "2")
    assert found.err == "2 of 7 shown; --limit 0 for all, or --after cursor\n"
    assert fnr("task", "list", "--limit", "2", "-q").err == ""


def test_nothing_is_said_too(server: WireServer, fnr: Run) -> None:
    server.answers[ListTasks] = Page(items=[])
    found = fnr("task", "list", "--where", "state:dead")
    assert (found.code, found.out, found.err) == (0, "", "no tasks\n")
    assert server.asked[-1] == ListTasks(where="state:dead", limit=50)


def test_limit_0_walks_all_pages(server: WireServer, fnr: Run) -> None:
    pages = [Page(items=[task(n)], next=str(n)) for n in range(3)]
    server.answers[ListTasks] = Turns(*pages, Page(items=[task(9)]))
    found = fnr("task", "list", "--limit", "0", "-o", "name")
    assert len(found.out.split()) == 4
    assert [request.after for request in server.asked] == [None, "0", "1", "2"]
    assert {request.limit for request in server.asked} == {1_000}


@pytest.mark.parametrize(("columns", "heads"), [(100, 1), (40, 0)])
def test_every_page_on_a_terminal_is_whole(server: WireServer, columns: int, heads: int) -> None:
    """The titles stand once; where there are none, no first line is taken for them."""
    pages = [Page(items=[task(n), task(n + 1)], next=str(n)) for n in (1, 3)]
    server.answers[ListTasks] = Turns(*pages, Page(items=[task(5)]))
    shown = show(server.paths.home, "task", "list", "-n", "0", "--no-color", columns=columns)
    assert re.findall("01JD[0-9]+", shown) == [task(n).task_id for n in range(1, 6)]
    assert shown.count("TASK") == heads


def test_titles_stand_above_the_first_page_that_is_a_table(server: WireServer) -> None:
    """The page before it had no room for one."""
    pages = [Page(items=[ENDED], next="1"), Page(items=[task(2)], next="2")]
    server.answers[ListTasks] = Turns(*pages, Page(items=[task(3)]))
    shown = show(server.paths.home, "task", "list", "-n", "0", "--no-color", columns=70)
    assert re.findall(r"^(?:task|TASK|01JD)\b", shown, re.MULTILINE) == ["task", "TASK"]


@pytest.mark.parametrize(
    ("words", "kind", "answer", "titles"),
    [
        ("task list", ListTasks, Page(items=[ENDED]), "TASK FUNCTION STATE AGE WHY"),
        ("errors groups", ListIncidents, Page(items=[INCIDENT]),
            "INCIDENT STATE COUNT LAST FUNCTIONS TITLE"),
        ("worker list", ListWorkers, [BUSY],
            "WORKER FUNCTION STATE PID AGE NOW"),
    ],
)  # fmt: skip
def test_what_is_long_has_its_place_on_eighty_columns(
    server: WireServer, words: str, kind: type[Any], answer: Any, titles: str
) -> None:
    server.answers[kind] = answer
    shown = show(server.paths.home, *words.split(), "--no-color", columns=80)
    assert shown.splitlines()[0].split() == titles.split()


def test_a_limit_above_a_page_is_several_pages(server: WireServer, fnr: Run) -> None:
    server.answers[ListTasks] = Turns(
        Page(items=[task(1)] * 1_000, next="a"),
        Page(items=[task(1)] * 500, next="b"),
    )
    found = fnr("task", "list", "-n", "1500", "-o", "json").json
    assert (len(found["items"]), found["next"]) == (1_500, "b")
    assert [request.limit for request in server.asked] == [1_000, 500]


def test_after_goes_on_behind_a_page(server: WireServer, fnr: Run) -> None:
    server.answers[ListTasks] = Page(items=[])
    fnr("task", "list", "--after", "cursor")
    assert server.asked[-1].after == "cursor"


def test_without_daemon_and_store_a_list_is_empty_and_says_so(server: WireServer, fnr: Run) -> None:
    server.stop()
    found = fnr("dlq", "list", "-o", "json")
    assert found.json == {"schema": "fnr.dlq.list/1", "items": [], "total": 0, "next": None}
    nowhere = f"there is no store yet at {server.paths.store_file}"
    assert found.err == f"notice: daemon is not running; {nowhere}\n"
    assert fnr("dlq", "list", "-q").err == ""


def test_without_a_daemon_no_function_is_called_ready(tmp_path: Path, command: Run) -> None:
    (tmp_path / "fnr.toml").write_text('version = 1\n[functions.say]\ncommand = ["echo"]\n')
    rows = command("--home", tmp_path, "function", "list").out.splitlines()
    assert [row.split("\t")[:3] for row in rows] == [["say", "command", "down"]]
    assert "state:     down\n" in command("--home", tmp_path, "function", "show", "say").out
    (tmp_path / "fnr.toml").write_text("[functions")
    listed = command("--home", tmp_path, "function", "list")
    assert f"has mistakes, so that no daemon starts; fnr --home {tmp_path} config" in listed.err
    assert "init writes" not in listed.err
