"""Commands that change something: what they ask, what they print, when they refuse."""

from __future__ import annotations

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cli_runs import Run
from msgspec import structs
from wire_server import Hang, Turns, WireServer

from fnr.api.errors import NotFound, TryAgain
from fnr.api.incident_requests import (
    AckIncidents,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.api.letter_requests import (
    ImportLetters,
    LetterFile,
    ListLetters,
    PreviewPurge,
    PreviewResolve,
    PurgeLetters,
    ReplayLetters,
    ReplayReport,
    ResolveLetters,
)
from fnr.api.requests import (
    CancelTasks,
    Changed,
    GetTask,
    ListTasks,
    ListWorkers,
    PauseFunction,
    PreviewCancel,
    ReloadConfig,
    ReloadReport,
    RestartWorkers,
    ResumeFunction,
    StopWorkers,
    SubmittedMany,
)
from fnr.policy.dead_letter import DeadLetter, DeathCause
from fnr.policy.record import Page, Preview, TaskDetail, WorkerRecord
from fnr.policy.rules import Category
from fnr.policy.task import Task, TaskState

ID1, ID2, ID3 = (f"01JD000000000000000000000{number}" for number in (1, 2, 3))
WORKERS = [
    WorkerRecord(
        worker_id=f"01JDW{n}",
        function="render",
        state="idle",
        boot_id="b",
        pid=4710 + n,
        pid_start=1,
        started_at_ms=0,
    )
    for n in (1, 2)
]


@pytest.mark.parametrize(
    ("words", "request_sent", "done"),
    [
        (["task", "cancel", ID1, ID2], CancelTasks(task_ids=[ID1, ID2]), "cancelled"),
        (["task", "cancel", ID1, ID1], CancelTasks(task_ids=[ID1]), "cancelled"),
        (["function", "pause", "f", "g"], PauseFunction(functions=["f", "g"]), "paused"),
        (["function", "resume", "f"], ResumeFunction(functions=["f"]), "resumed"),
        (["worker", "restart", "01JDW1"], RestartWorkers(workers=["01JDW1"]), "asked to restart"),
        (["worker", "stop", "01JDW1"], StopWorkers(workers=["01JDW1"]), "asked to stop"),
        (["worker", "stop", "4712"], StopWorkers(workers=["01JDW2"]), "asked to stop"),
        (["worker", "stop", "render"], StopWorkers(workers=["render"]), "asked to stop"),
        (["dlq", "resolve", ID1], ResolveLetters(task_ids=[ID1]), "resolved"),
        (["dlq", "resolve", "--where", "a", "-y"], ResolveLetters(where="a"), "resolved"),
        (["dlq", "purge", ID1, "-y", "--open"], PurgeLetters(task_ids=[ID1], open=True), "deleted"),
    ],
)  # fmt: skip
def test_a_change_is_asked_for_and_shown(
    server: WireServer, fnr: Run, words: list[str], request_sent: Any, done: str
) -> None:
    server.answers |= {
        type(request_sent): Changed(changed=["x"]),
        ListWorkers: WORKERS,
        ListLetters: Page(items=[], total=3),
    }
    found = fnr(*words)
    assert server.asked[-1] == request_sent
    assert (found.code, found.out, found.err) == (0, "x\n", f"one {done}\n")
    assert fnr(*words, "-o", "json").json == {
        "schema": "fnr.changed/1", "done": done, "changed": ["x"], "unchanged": {},
    }  # fmt: skip


def test_what_was_not_changed_is_an_error_with_its_reason(server: WireServer, fnr: Run) -> None:
    server.answers[CancelTasks] = Changed(changed=[ID1], unchanged={ID2: "it is done"})
    found = fnr("task", "cancel", ID1, ID2)
    assert (found.code, found.out) == (1, f"{ID1}\n")
    assert found.err == f"one cancelled\nerror: {ID2}: it is done\n"


@pytest.mark.parametrize(
    ("words", "asked", "would_be"),
    [
        (["task", "cancel"], PreviewCancel, ("task", "cancelled")),
        (["dlq", "purge"], PreviewPurge, ("letter", "deleted")),
        (["dlq", "resolve"], PreviewResolve, ("letter", "resolved")),
    ],
)
def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    server: WireServer, fnr: Run, words: list[str], asked: type, would_be: tuple[str, str]
) -> None:
    """Method: a filter with two chunks; nobody is asked, because nothing is to be confirmed."""
    noun, done = would_be
    some = Preview(eligible=2, functions={"f": 2}, blocked={"no": 1}, examples={"no": [ID1]})
    rest = Preview(
        eligible=2, functions={"g": 1, "f": 1}, blocked={"no": 1}, examples={"no": [ID2]}
    )
    chunks = [structs.replace(some, next="7-a"), rest]
    server.answers[asked] = Turns(*chunks, *chunks)
    found = fnr(*words, "--where", "function:*", "--dry-run")
    assert found.code == 0
    assert found.out == (
        f"4 {noun}s would be {done}\n         3  f\n         1  g\n"
        f"2 would not\n         2  no  ({ID1}, {ID2})\n"
    )
    assert [one.after for one in server.asked] == [None, "7-a"]
    answer = fnr(*words, "--where", "function:*", "-n", "-o", "json").json
    assert answer == {
        "schema": "fnr.preview/1", "would_be": done, "eligible": 4, "functions": {"f": 3, "g": 1},
        "blocked": {"no": 2}, "examples": {"no": [ID1, ID2]},
    }  # fmt: skip
    server.answers[asked] = Preview(eligible=1)
    assert fnr(*words, ID1, "-n").out == f"1 {noun} would be {done}\n"
    assert fnr(*words, "-", "-n", stdin="\n").out == f"0 {noun}s would be {done}\n"
    assert {type(one) for one in server.asked} == {asked}


def test_who_previews_a_purge_of_open_letters_is_told_of_the_flag(
    server: WireServer, fnr: Run
) -> None:
    server.answers[PreviewPurge] = Preview()
    found = fnr("dlq", "purge", "--where", "function:f", "-n")
    assert found.err == "notice: without --open only resolved letters go\n"
    assert fnr("dlq", "purge", "--where", "function:f", "-n", "--open").err == ""
    assert server.asked[-1] == PreviewPurge(where="(function:f) state:open,resolved", open=True)


@pytest.mark.parametrize(
    "words",
    [
        ["show", "01ZZ"],
        ["resolve", ID1],
        ["replay", "01ZZ"],
        ["purge", "-n", ID1],
        ["edit", "01ZZ"],
    ],
)
def test_an_id_of_no_letter_is_looked_for_among_the_letters(
    server: WireServer, fnr: Run, words: list[str]
) -> None:
    nobody = NotFound("no task has an id that begins so", next_step="fnr task list")
    server.answers |= dict.fromkeys((GetTask, ResolveLetters, PreviewPurge), nobody)
    found = fnr("dlq", *words)
    assert found.code == 4
    assert found.err.endswith(" dlq list\n")


def test_reasons_and_haste_are_passed_on(server: WireServer, fnr: Run) -> None:
    server.answers |= {
        CancelTasks: Changed(changed=["x"]),
        RestartWorkers: Changed(changed=["x"]),
        ListWorkers: WORKERS,
    }
    fnr("task", "cancel", ID1, "--reason", "wrong scene")
    assert server.asked[-1].reason == "wrong scene"
    fnr("worker", "restart", "01JDW1", "--now")
    assert server.asked[-1] == RestartWorkers(workers=["01JDW1"], now=True)


def test_ids_may_be_abbreviated_or_come_from_stdin(server: WireServer, fnr: Run) -> None:
    server.answers |= {GetTask: {"task": {"task_id": ID1, "function": "f"}, "input": {}}}
    server.answers[CancelTasks] = Changed(changed=[ID1, ID2])
    fnr("task", "cancel", "01JD", "-", stdin=f"{ID2}\tmore words\n\n{ID2}\n")
    assert server.asked[-1] == CancelTasks(task_ids=[ID1, ID2])


def test_ids_on_one_line_are_all_taken_and_other_columns_are_not(
    server: WireServer, fnr: Run
) -> None:
    """As `echo $IDS` writes them; as a table in a pipe, and as one that was copied."""
    server.answers[CancelTasks] = Changed(changed=[ID1, ID2])
    for lines in (
        f"{ID1} {ID2}\n",
        f"  {ID1.lower()}   {ID2} render  dead  {ID3}\n",
        f"{ID1}\t{ID3}\tdead\n{ID2}\n",
    ):
        fnr("task", "cancel", "-", stdin=lines)
        assert server.asked[-1] == CancelTasks(task_ids=[ID1, ID2])


@pytest.mark.parametrize(
    "words",
    [
        ["task", "cancel", "--where", "state:queued"],
        ["dlq", "resolve", "--where", "a"],
        ["dlq", "purge", ID1],
        ["dlq", "purge", "--where", "state:resolved"],
        ["dlq", "replay", "--all"],
    ],
)
def test_what_is_dangerous_is_refused_when_nobody_can_be_asked(
    server: WireServer, fnr: Run, words: list[str]
) -> None:
    server.answers |= {
        ListTasks: Page(items=[], total=3),
        ListLetters: Page(items=[], total=3),
        ReplayLetters: ReplayReport(eligible=3),
    }
    found = fnr(*words)
    assert found.code == 6
    assert "add -y" in found.err
    asked = {type(request) for request in server.asked}
    assert not asked & {CancelTasks, ResolveLetters, PurgeLetters}
    assert all(getattr(request, "dry_run", True) for request in server.asked)


@pytest.mark.parametrize(
    "words",
    [
        ["task", "cancel"],
        ["task", "cancel", ID1, "--where", "a"],
        # "$A $B" of a script in which neither is set.
        ["task", "cancel", "--where", " ", "-y"],
        ["dlq", "resolve"],
        ["dlq", "resolve", "--where", " ", "-y"],
        ["dlq", "purge"],
        ["dlq", "purge", "--where", " ", "--open", "-y"],
        ["dlq", "replay"],
        ["dlq", "replay", "--where", " ", "-y"],
        ["dlq", "replay", ID1, "--all"],
        ["dlq", "replay", "--all", "-y", "--wait", "--detach"],
        ["dlq", "replay", "--all", "--rate", "5"],
        ["dlq", "replay", "--all", "--rate", "0/s"],
    ],
)
def test_what_is_not_said_clearly_is_a_usage_error(
    server: WireServer, fnr: Run, words: list[str]
) -> None:
    assert fnr(*words).code == 2
    assert server.asked == []


def test_a_worker_that_is_not_there_or_not_one(server: WireServer, fnr: Run) -> None:
    server.answers[ListWorkers] = WORKERS
    # A function may have no worker just now: the daemon knows.
    server.answers[StopWorkers] = NotFound("there is no worker or function 'nobody'")
    assert fnr("worker", "stop", "nobody").code == 4
    assert server.asked[-1] == StopWorkers(workers=["nobody"])
    found = fnr("worker", "show", "01JDW")
    assert found.code == 2
    assert "the beginning of 2 workers" in found.err
    assert "pid:       4711" in fnr("worker", "show", "01JDW1").out


def test_how_many_tasks_a_worker_had_is_not_said_where_it_is_not_known(
    server: WireServer, fnr: Run
) -> None:
    """Of workers that are gone the list said 0."""
    server.answers[ListWorkers] = [structs.replace(WORKERS[0], attempts_done=3), WORKERS[1]]
    assert [row.split("\t")[5] for row in fnr("worker", "list").out.splitlines()] == ["3", ""]
    assert "tasks:     3\n" in fnr("worker", "show", "01JDW1").out
    assert "tasks:" not in fnr("worker", "show", "01JDW2").out


def test_a_letter_that_cannot_be_edited_is_not_opened_in_an_editor(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: an editor that would end well."""
    monkeypatch.setenv("VISUAL", "true")
    letter = {"task_id": ID1, "function": "f", "cause": "expired", "category": "resource"}
    letter |= {"reason": "r", "died_at_ms": 1, "state": "replaying"}
    task = {"task_id": ID1, "function": "f"}
    server.answers[GetTask] = {"task": task, "input": {}, "letter": letter}
    found = fnr("dlq", "edit", ID1)
    assert found.code == 6
    assert "the letter is replaying" in found.err


@pytest.mark.parametrize(
    ("words", "request_sent", "done"),
    [
        ("dlq purge", PurgeLetters, "deleted"),
        ("dlq resolve", ResolveLetters, "resolved"),
        ("task cancel", CancelTasks, "cancelled"),
    ],
)
def test_what_a_filter_finds_is_gone_through_to_its_end(
    server: WireServer, fnr: Run, words: str, request_sent: type, done: str
) -> None:
    """Also behind a chunk of which some, or all, have to stay."""
    chunks = (
        Changed(changed=[str(n) for n in range(499)], unchanged={ID1: "undo"}, next="7-a"),
        Changed(unchanged={ID2: "undo"}, next="7-b"),
        Changed(changed=["last"]),
    )
    server.answers |= {ListLetters: Page(items=[]), ListTasks: Page(items=[])}
    server.answers |= {request_sent: Turns(*chunks)}
    found = fnr(*words.split(), "--where", "state:resolved", "-y")
    assert found.err == f"500 {done}\nerror: {ID1}: undo\nerror: {ID2}: undo\n"
    assert [one.after for one in server.asked if type(one) is request_sent] == [None, "7-a", "7-b"]


def test_ids_by_the_thousand_are_changed_in_several_requests(server: WireServer, fnr: Run) -> None:
    ids = [f"{number:026}" for number in range(1_234)]
    server.answers[CancelTasks] = Turns(*(Changed(changed=[str(n)]) for n in range(3)))
    found = fnr("task", "cancel", "-", stdin="\n".join(ids))
    assert (found.out, found.err) == ("0\n1\n2\n", "3 cancelled\n")
    asked = [one.task_ids for one in server.asked if isinstance(one, CancelTasks)]
    assert [len(some) for some in asked] == [500, 500, 234]
    assert [task_id for some in asked for task_id in some] == ids


def test_an_end_in_the_middle_says_how_far_it_came(server: WireServer, fnr: Run) -> None:
    server.answers |= {
        ListLetters: Page(items=[]),
        ResolveLetters: Turns(Changed(changed=[ID1], next="7-a"), TryAgain("the daemon is busy")),
    }
    found = fnr("dlq", "resolve", "--where", "a", "-y")
    assert found.code == 75
    assert found.err.startswith("1 resolved before that; those stay so\nerror: the daemon is busy")


@pytest.mark.parametrize(
    ("words", "done"),
    [
        (["task", "cancel", "-"], "cancelled"),
        (["dlq", "resolve", "-"], "resolved"),
        (["dlq", "purge", "-"], "deleted"),
        (["errors", "ack", "-"], "acknowledged"),
        (["errors", "snooze", "-", "--for", "1h"], "snoozed"),
        (["errors", "resolve", "-"], "resolved"),
        (["errors", "reclassify", "-", "--category", "transient"], "reclassified"),
        (["undo", "retry", "-"], "to be tried again"),
        (["undo", "skip", "-", "--reason", "x"], "skipped"),
        (["replay", "pause", "-"], "paused"),
        (["replay", "resume", "-"], "resumed"),
        (["replay", "cancel", "-"], "cancelled"),
    ],
)
def test_no_ids_on_stdin_are_nothing_to_do(
    server: WireServer, fnr: Run, words: list[str], done: str
) -> None:
    """`fnr task list --where … -o name | fnr task cancel -`, on a good day."""
    found = fnr(*words, stdin="\n")
    assert (found.code, found.out, found.err) == (0, "", f"nothing {done}\n")
    assert fnr(*words, "-o", "json").json["changed"] == []
    assert server.asked == []


def test_no_ids_on_stdin_are_nothing_to_replay(server: WireServer, fnr: Run) -> None:
    found = fnr("dlq", "replay", "-", stdin="\n")
    assert (found.code, found.out, found.err) == (0, "", "nothing replayed\n")
    answer = fnr("dlq", "replay", "-", "-o", "json").json
    assert (answer["schema"], answer["eligible"], answer["replayed"]) == ("fnr.dlq.replay/1", 0, 0)
    assert server.asked == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--where", "function:old"], "(function:old) state:resolved"),
        (["--where", "a OR b"], "(a OR b) state:resolved"),
        (["--where", "function:old", "--open"], "(function:old) state:open,resolved"),
        (["--where", "state:open x", "--open"], "state:open x"),
        (["--where", "-(state:replaying)"], "-(state:replaying)"),
        (["--where", "not:( a filter"], "not:( a filter"),
    ],
)
def test_a_purge_by_filter_means_the_letters_that_may_go(
    server: WireServer, fnr: Run, typed: list[str], meant: str
) -> None:
    """Lists mean open letters unless told otherwise; those are the ones that a purge leaves."""
    server.answers |= {ListLetters: Page(items=[], total=0), PurgeLetters: Changed()}
    assert fnr("dlq", "purge", *typed, "-y").code == 0
    asked = {getattr(request, "where", None) for request in server.asked}
    assert asked == {meant}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["ps"], ListWorkers()),
        (["worker", "ls"], ListWorkers()),
        (["ps", "--gone"], ListWorkers(gone=True)),
    ],
)
def test_short_forms_are_the_long_ones(
    server: WireServer, fnr: Run, typed: list[str], meant: ListWorkers
) -> None:
    server.answers[ListWorkers] = WORKERS
    assert fnr(*typed).code == 0
    assert server.asked == [meant]


def test_a_reload_says_what_changed(server: WireServer, fnr: Run) -> None:
    server.answers[ReloadConfig] = Turns(
        ReloadReport(added=["a", "b"], settings=["rules.d"], needs_restart=["log.format"]),
        ReloadReport(),
    )
    assert fnr("daemon", "reload").out == (
        "added: a, b\nsettings changed: rules.d\nneeds a restart of the daemon: log.format\n"
    )
    assert fnr("daemon", "reload").out == "nothing has changed\n"


@pytest.mark.parametrize("words", [("daemon", "reload"), ("rules", "reload")])
def test_a_reload_is_waited_for_longer_unless_told_otherwise(
    words: tuple[str, str], server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the long time is made a short one, and shows in what is said when it is over."""
    monkeypatch.setattr(f"fnr.cli.{words[0]}.RELOAD_TIMEOUT_MS", 40)
    server.answers[ReloadConfig] = Hang()
    for more, within in ((), "40 ms"), (("--timeout", "30ms"), "30 ms"):
        found = fnr(*words, *more)
        assert (found.code, f"within {within}" in found.err) == (124, True), found.err


@pytest.mark.parametrize("words", [(ID1,), ("--where", "a")])
def test_a_purge_is_waited_for_longer(
    words: tuple[str, ...], server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: as of a reload; inputs of 5 GB take longer than ten seconds."""
    monkeypatch.setattr("fnr.cli.changes.PURGE_TIMEOUT_MS", 40)
    server.answers |= {ListLetters: Page(items=[], total=1), PurgeLetters: Hang()}
    found = fnr("dlq", "purge", *words, "-y")
    assert (found.code, "within 40 ms" in found.err) == (124, True), found.err


def test_a_daemon_that_does_not_answer_in_time_may_take_a_rule_over_all_the_same(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fnr.cli.rule_drop_ins.RELOAD_TIMEOUT_MS", 40)
    server.answers[ReloadConfig] = Hang()
    found = fnr("rules", "add", "one", "--category", "transient", "--text", "a lens fell")
    assert found.code == 124
    assert "written, but the running daemon has not said yet that it counts" in found.err
    assert "may still act on this" in found.err


@pytest.mark.parametrize(
    ("words", "request_sent"),
    [
        (("errors", "ack"), AckIncidents),
        (("errors", "snooze", "--for", "2h"), SnoozeIncidents),
        (("errors", "resolve"), ResolveIncidents),
        (("errors", "reclassify", "--category", "transient"), ReclassifyErrors),
        (("dlq", "resolve"), ResolveLetters),
        (("dlq", "purge", "-y"), PurgeLetters),
    ],
)
def test_many_ids_are_changed_by_the_chunk(
    server: WireServer, fnr: Run, words: tuple[str, ...], request_sent: type
) -> None:
    """One transaction of all would keep everybody else from being answered."""
    ids = [f"01JD{n:022}" for n in range(1_100)]
    chunks = [ids[:500], ids[500:1_000], ids[1_000:]]
    server.answers[request_sent] = Turns(*(Changed(changed=chunk) for chunk in chunks))
    found = fnr(*words, "-", stdin="\n".join(ids))
    assert (found.code, found.out.split()) == (0, ids)
    asked = [structs.astuple(one) for one in server.asked if type(one) is request_sent]
    assert [next(field for field in one if isinstance(field, list)) for one in asked] == chunks

    server.answers[request_sent] = Turns(Changed(changed=chunks[0]), TryAgain("the daemon is busy"))
    found = fnr(*words, "-", stdin="\n".join(ids))
    assert found.code == 75
    assert " before that; those stay so\nerror: the daemon is busy" in found.err


def exported(message: str = "") -> bytes:
    """A line of an export."""
    letter = DeadLetter(
        task_id=ID1,
        function="f",
        cause=DeathCause.PERMANENT,
        category=Category.PERMANENT,
        reason="no",
        died_at_ms=1,
        message=message,
    )
    task = Task(task_id=ID1, function="f", state=TaskState.DEAD, created_at_ms=1, due_at_ms=1)
    detail = TaskDetail(task=task, input=msgspec.Raw(b"{}"))
    file = LetterFile(schema="fnr.letter/1", letter=letter, detail=detail)
    return msgspec.json.encode(file) + b"\n"


def test_an_import_that_ends_in_the_middle_says_how_far_it_came(
    server: WireServer, fnr: Run, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(exported() * 201)
    taken = SubmittedMany(task_ids=[ID1] * 200)
    server.answers[ImportLetters] = Turns(taken, TryAgain("the daemon is busy"))
    found = fnr("dlq", "import", file)
    assert found.code == 75
    assert found.err.startswith("200 imported before that; those stay so, ")


def test_an_export_that_is_imported_may_be_larger_than_the_memory(fnr: Run, tmp_path: Path) -> None:
    """Method: what is held at once while 20 MB are looked at, of which the last line is broken."""
    file = tmp_path / "letters.jsonl"
    file.write_bytes(exported("x" * 1_000_000) * 20 + b"{")
    tracemalloc.start()
    try:
        found = fnr("dlq", "import", file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.code, "line 21: not an exported" in found.err) == (65, True)
    assert peak < 10_000_000


def test_letters_come_from_a_pipe_too(server: WireServer, fnr: Run, tmp_path: Path) -> None:
    """As a shell's <(zcat letters.jsonl.gz) is one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    server.answers[ImportLetters] = SubmittedMany(task_ids=[ID1])
    with ThreadPoolExecutor(1) as writer:
        writer.submit(pipe.write_bytes, b"\n" + exported())
        found = fnr("dlq", "import", pipe)
    assert (found.code, found.err) == (0, "1 imported\n")
    [request] = [one for one in server.asked if isinstance(one, ImportLetters)]
    assert bytes(request.items[0]) == exported().strip()
