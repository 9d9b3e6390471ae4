"""What failed tasks did is undone, by a real daemon, whoever is killed in the middle of it."""

from __future__ import annotations

import http.server
import os
import select
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from live_home import FUNCTIONS, LiveHome
from undo_waits import ended, steps_of, until

from fnr.api import requests as ask
from fnr.api.letter_requests import PurgeLetters, ReplayLetters
from fnr.api.undo_requests import GetUndo, ListUndo, RetryUndo, SkipUndo
from fnr.client.offline import answer_offline
from fnr.host.inotify import Inotify
from fnr.policy.task import TaskState
from fnr.policy.undo import StepState

HomeAt = Callable[[str], LiveHome]


def function(name: str, extra: str = "") -> str:
    """One [functions.NAME] table that runs the function of that name in undo_functions.py."""
    return f"""
[functions.{name}]
python = "undo_functions:{name}"
cwd = "{FUNCTIONS}"
grace = "1s"
retry = {{ delay = "10ms", delay_max = "20ms", wait = "50ms" }}
{extra}
"""


@pytest.fixture(scope="module")
def busy() -> Iterator[LiveHome]:
    """One home for every test that kills nobody."""
    made = LiveHome(
        Path(tempfile.mkdtemp(prefix="fnr-")),
        function("make", LAZY)
        + function("make_async", LAZY)
        + function("touch_nothing", LAZY)
        + function("steps", f'undo_tries = 1\nenv = {{ TOKEN = "secret" }}\n{LAZY}')
        + function("again", f"undo_before_retry = true\n{LAZY}")
        + function("refused", f"undo_before_retry = true\nundo_tries = 1\n{LAZY}")
        + f"""
[functions.write]
command = ["sh", "-c", 'echo half > "$0"; exit "$1"', "{{output}}", "{{code}}"]
undo = [{{ remove_file = "{{output}}" }}]
undo_within = ["{WITHIN}"]
retry = {{ unknown_max = 0, max = 0 }}
{LAZY}
[functions.later]
command = ["true"]
{LAZY}
""",
    )
    yield made.up()
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


LAZY = "workers = { min = 0, max = 1 }"
WITHIN = Path(tempfile.gettempdir()).resolve()


def submit(home: LiveHome, name: str, **given: Any) -> str:
    """Submit one task; its id."""
    raw = msgspec.Raw(msgspec.json.encode(given))
    answer = home.ask(ask.Submit(task=ask.TaskSpec(function=name, input=raw)))
    task_id: str = answer.task_id
    return task_id


def whole(home: LiveHome) -> None:
    """The store keeps its promises."""
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_a_failed_task_made_is_removed(busy: LiveHome, tmp_path: Path) -> None:
    home = busy
    made = tmp_path / "made"
    task_id = until(home, lambda: submit(home, "make", path=str(made)))
    assert not made.exists()
    [step] = steps_of(home, task_id)
    assert (step.state, step.kind, step.tries, step.reason) == (
        StepState.UNDONE, "remove_file", 1, "removed",
    )  # fmt: skip
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert detail.task.state is TaskState.DEAD
    assert [row.decision.action for row in detail.ledger][-1] == "undo"
    assert not [*Path(home.paths.spool_dir).glob("*.undo")]
    whole(home)


def test_what_a_task_that_succeeds_made_stays(busy: LiveHome, tmp_path: Path) -> None:
    home = busy
    made = tmp_path / "made"
    task_id = submit(home, "make", path=str(made), then="")
    home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    assert made.exists()
    assert steps_of(home, task_id) == []
    assert not [*Path(home.paths.spool_dir).glob("*.undo")]
    whole(home)


def test_coroutines_threads_and_forks_record_too(busy: LiveHome, tmp_path: Path) -> None:
    home = busy
    task_id = until(home, lambda: submit(home, "make_async", path=str(tmp_path / "made")))
    assert [*tmp_path.iterdir()] == []
    steps = steps_of(home, task_id)
    assert [Path(step.data["path"]).suffix for step in steps] == ["", ".thread", ".fork"]
    assert {step.state for step in steps} == {StepState.UNDONE}
    assert {str(step.receipt) for step in steps} == {"{'made': True}"}


# ── kinds of steps ───────────────────────────────────────────────────────────


class Bucket(http.server.BaseHTTPRequestHandler):
    """Objects that can be deleted; one is refused the first time."""

    deleted: ClassVar[list[str]] = []
    refused: ClassVar[list[str]] = []

    def do_DELETE(self) -> None:
        """Delete an object."""
        code = 204
        if self.path == "/gone":
            code = 404
        elif self.path == "/busy" and not self.refused:
            self.refused.append(self.path)
            code = 503
        elif self.path == "/elsewhere":
            code = 302
        if self.headers["Authorization"] != "secret":
            code = 401
        if code == 204:
            self.deleted.append(self.path)
        self.send_response(code)
        self.send_header("Location", "/object")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is inherited
        """Say nothing."""


@pytest.fixture
def bucket() -> Iterator[str]:
    """The address of a server with objects."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    Bucket.deleted.clear()
    Bucket.refused.clear()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_kind_of_step_newest_first(busy: LiveHome, tmp_path: Path, bucket: str) -> None:
    """Two fail for good, each in its way; the older ones are undone all the same."""
    home = busy
    later = home.ask(
        ask.Submit(
            task=ask.TaskSpec(function="later", input=msgspec.Raw(b"{}"), delay_ms=3_600_000)
        )
    ).task_id
    notes, folder, there = tmp_path / "notes", tmp_path / "folder", tmp_path / "there"
    folder.mkdir()
    there.write_text("of somebody else")
    headers = {"headers_env": {"Authorization": "TOKEN"}}
    asked: list[tuple[str, dict[str, Any], StepState]] = [
        ("call", _note(notes, "first"), StepState.UNDONE),
        ("remove_file", {"path": str(folder)}, StepState.NEEDS_OPERATOR),
        ("command", {"argv": ["sh", "-c", f"echo second >> {notes}"]}, StepState.UNDONE),
        ("command", {"argv": ["false"]}, StepState.NEEDS_OPERATOR),
        ("http_delete", {"url": f"{bucket}/object", **headers}, StepState.UNDONE),
        ("http_delete", {"url": f"{bucket}/gone", **headers}, StepState.UNDONE),
        ("http_delete", {"url": f"{bucket}/elsewhere", **headers}, StepState.NEEDS_OPERATOR),
        ("cancel_task", {"task_id": later}, StepState.UNDONE),
        ("cancel_task", {"task_id": "0" * 26}, StepState.UNDONE),
        ("remove_file", {"path": str(tmp_path / "never")}, StepState.UNDONE),
        ("release", {"allocation": "0" * 26}, StepState.UNDONE),
        ("call", _note(notes, "third"), StepState.UNDONE),
    ]
    given = [{"kind": kind, "data": data} for kind, data, _ in asked]
    task_id = until(home, lambda: submit(home, "steps", steps=given))
    steps = steps_of(home, task_id)
    told = [(step.kind, step.state, step.reason) for step in steps]
    assert [step.state for step in steps] == [state for _, _, state in asked], told
    assert notes.read_text().split() == ["third", "second", "first"]
    assert Bucket.deleted == ["/object"]
    assert home.ask(ask.GetTask(task_id=later)).task.state is TaskState.CANCELLED
    reasons = {step.number: step.reason for step in steps}
    assert "is a folder" in reasons[2]
    assert "1 of 1 try used up: exit 1" in reasons[4]
    assert "HTTP 302" in reasons[7]
    assert "3 undo steps need an operator: fnr undo list" in home.ask(ask.GetStatus()).problems
    assert len(home.ask(SkipUndo(ids=[task_id], reason="a test")).changed) == 3
    whole(home)


def _note(path: Path, line: str, **more: str) -> dict[str, Any]:
    data = {"path": str(path), "line": line, **more}
    return {"function": "undo_functions:note", "data": data}


def test_a_file_that_was_there_is_not_taken_from_its_owner(busy: LiveHome, tmp_path: Path) -> None:
    """Untouched it is left alone; overwritten there is nothing to bring back."""
    home = busy
    mine = tmp_path / "mine"
    mine.write_text("of somebody else")
    task_id = until(home, lambda: submit(home, "touch_nothing", path=str(mine)))
    [left] = steps_of(home, task_id)
    assert (left.state, mine.read_text()) == (StepState.UNDONE, "of somebody else")
    assert "has not been touched" in left.reason
    task_id = until(home, lambda: submit(home, "make", path=str(mine)))
    [stuck] = steps_of(home, task_id)
    assert stuck.state is StepState.NEEDS_OPERATOR
    assert "would not bring the old one back" in stuck.reason
    assert mine.exists()
    home.ask(SkipUndo(ids=[task_id], reason="a test"))


def test_a_command_records_what_is_declared_for_it(busy: LiveHome, tmp_path: Path) -> None:
    """The half-written file of a failed command goes, that of one that succeeds stays."""
    home = busy
    good, bad = tmp_path / "good", tmp_path / "bad"
    done = submit(home, "write", output=str(good), code="0")
    home.ask(ask.WaitTasks(task_ids=[done], timeout_ms=30_000))
    task_id = until(home, lambda: submit(home, "write", output=str(bad), code="3"))
    assert (good.exists(), bad.exists()) == (True, False)
    assert steps_of(home, done) == []
    assert [step.state for step in steps_of(home, task_id)] == [StepState.UNDONE]
    outside = submit(home, "write", output="/var/fnr-outside", code="3")
    [end] = home.ask(ask.WaitTasks(task_ids=[outside], timeout_ms=30_000))
    assert end.task.state is TaskState.DEAD
    [error] = home.ask(ask.GetTask(task_id=outside)).errors
    assert "is outside of" in error.evidence.message
    assert not Path("/var/fnr-outside").exists()
    whole(home)


# ── before a retry ───────────────────────────────────────────────────────────


def test_a_retry_that_waits_for_its_budget_behind_its_undo_is_woken_by_a_success(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: while the undo lasts, a success looks for who could be woken and finds nobody."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    home = home_at(
        """
[functions.paid]
command = ["sh", "-c", 'if test -e "$0"; then rm "$0"; exit 1; fi', "{bad}"]
undo = [{ command = ["sh", "-c", 'test ! -p "$0" || read line <"$0"', "{gate}"] }]
undo_before_retry = true
retry = { budget = "0s", budget_max = "1ms", budget_share = 1.0, wait = "1h", delay = "1ms" }
"""
    ).up()
    bad = tmp_path / "bad"
    bad.touch()
    good = {"bad": str(tmp_path / "good"), "gate": "/dev/null"}
    task_id = submit(home, "paid", bad=str(bad), gate=str(gate))
    with gate.open("w") as line:
        [_] = home.ask(ask.WaitTasks(task_ids=[submit(home, "paid", **good)], timeout_ms=30_000))
        until(home, lambda: line.write("go on\n") and line.flush())
    assert home.ask(ask.GetTask(task_id=task_id)).task.waiting_for == "budget"
    submit(home, "paid", **good)
    [end] = home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    assert end.task.state is TaskState.DONE


def test_no_id_means_no_step(home_at: HomeAt) -> None:
    """Also where there is only one: a script whose variable is empty lets nothing go."""
    home = home_at(function("steps", "undo_tries = 1")).up()
    given = [{"kind": "command", "data": {"argv": ["no-such-program"]}}]
    task_id = until(home, lambda: submit(home, "steps", steps=given))
    skipped = home.fnr("undo", "skip", "", "--reason", "x", "-y")
    assert (skipped.returncode, "no undo step has an id" in skipped.stderr) == (4, True)
    [step] = steps_of(home, task_id)
    assert step.state is StepState.NEEDS_OPERATOR


def test_a_retry_waits_until_the_last_attempt_is_undone(busy: LiveHome, tmp_path: Path) -> None:
    """Method: a function that refuses to find its own file of the attempt before."""
    home = busy
    given = {"path": str(tmp_path / "made"), "tries": str(tmp_path / "tries"), "times": 2}
    task_id = submit(home, "again", **given)
    [end] = home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    assert end.task.state is TaskState.DONE, end
    assert [step.state for step in steps_of(home, task_id)] == [StepState.UNDONE] * 2
    story = home.fnr("task", "history", task_id).stdout
    assert story.count("undid remove_file") == 2
    assert "in 10 ms, after its undo" in story or "after its undo" in story
    whole(home)


def test_no_retry_on_top_of_what_could_not_be_undone(busy: LiveHome, tmp_path: Path) -> None:
    """It waits for an operator; a retry of the step, or letting it go, lets the task go on."""
    home = busy
    notes, key = tmp_path / "notes", tmp_path / "key"
    data = {"path": str(notes), "line": "undone", "needs": str(key)}
    task_id = until(home, lambda: submit(home, "refused", data=data, tries=str(tmp_path / "tries")))
    task = home.ask(ask.GetTask(task_id=task_id)).task
    assert (task.state, task.waiting_for) == (TaskState.WAITING, "undo")
    [step] = steps_of(home, task_id)
    assert step.state is StepState.NEEDS_OPERATOR
    why = f"1 of its undo steps needs an operator: fnr --home {home.folder} undo list {task_id}"
    assert f"held back: {why}\n" in home.fnr("task", "show", task_id).stdout
    whole(home)
    key.touch()
    # By the id of the task, as people have it.
    changed = home.ask(RetryUndo(ids=[task_id]))
    assert changed.changed == [step.undo_id]
    [end] = home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    assert (end.task.state, notes.read_text()) == (TaskState.DONE, "undone\n")
    whole(home)


# ── operators ────────────────────────────────────────────────────────────────


def test_what_cannot_be_undone_is_for_an_operator(busy: LiveHome, tmp_path: Path) -> None:
    """Listed, shown, in the way of a replay, tried again, let go with a reason; all on record."""
    home = busy
    notes, key = tmp_path / "notes", tmp_path / "key"
    given = [
        {"kind": "call", "data": _note(notes, "a", needs=str(key))},
        {"kind": "command", "data": {"argv": ["no-such-program"]}},
    ]
    task_id = until(home, lambda: submit(home, "steps", steps=given))
    program, call = home.ask(ListUndo()).items
    assert {call.state, program.state} == {StepState.NEEDS_OPERATOR}
    assert "no-such-program: No such file" in program.reason
    status = home.ask(ask.GetStatus())
    assert "2 undo steps need an operator: fnr undo list" in status.problems
    for step in (program, call):
        [line] = [line for line in home.log().splitlines() if f"undo_id={step.undo_id}" in line]
        assert " error an undo step needs an operator " in line
    assert home.ask(GetUndo(undo_id=call.undo_id.lower())) == call
    blocked = home.ask(ReplayLetters(task_ids=[task_id]))
    assert "2 of its undo steps need an operator" in str(msgspec.to_builtins(blocked))
    purged = home.ask(PurgeLetters(task_ids=[task_id], open=True))
    assert purged.changed == []

    # Each once, whether it is named by its own id or by the task's.
    twice = [task_id, call.undo_id, task_id.lower()]
    changed = until(home, lambda: home.ask(RetryUndo(ids=twice)))
    assert (sorted(changed.changed), changed.unchanged) == ([call.undo_id, program.undo_id], {})

    key.touch()
    until(home, lambda: home.ask(RetryUndo(ids=[call.undo_id])))
    assert notes.read_text() == "a\n"
    said = home.fnr("undo", "skip", program.undo_id, "--reason", "seen to", "-y")
    assert said.returncode == 0, said.stderr
    states = {step.undo_id: (step.state, step.reason) for step in steps_of(home, task_id)}
    assert states[program.undo_id] == (StepState.SKIPPED, "seen to")
    assert states[call.undo_id][0] is StepState.UNDONE
    refused = home.ask(SkipUndo(ids=[call.undo_id], reason="x")).unchanged
    assert "it is undone" in refused[call.undo_id]
    assert not [line for line in home.ask(ask.GetStatus()).problems if "undo" in line]
    by = {row.decision.decided_by for row in home.ask(ask.GetTask(task_id=task_id)).ledger}
    assert len(by) == 2
    assert home.ask(ListUndo()).items == []
    whole(home)
    later = submit(home, "later")
    for words in ((), ("--where", "state:undone OR state:skipped")):
        none = home.fnr("undo", "list", later, *words)
        assert f"no such undo steps of task {later}\n" in none.stderr, none.stdout
    nobody = home.fnr("undo", "list", "01ZZ")
    assert (nobody.returncode, "no task has an id" in nobody.stderr) == (4, True)
    assert "begins with 'nobody'\n" in home.fnr("undo", "retry", "nobody").stderr
    listed = home.fnr("undo", "list", task_id, "-o", "json")
    assert [item["state"] for item in msgspec.json.decode(listed.stdout)["items"]] == [
        "skipped", "undone",
    ]  # fmt: skip
    words = home.fnr("undo", "list", task_id, "--where", "reason~'(state:)?seen to'", "-o", "name")
    assert words.stdout == f"{program.undo_id}\n"
    shown = home.fnr("undo", "show", call.undo_id)
    assert "call undo_functions:note" in shown.stdout
    asked = GetUndo(undo_id=call.undo_id)
    assert answer_offline(home.paths, asked) == home.ask(asked)


def test_a_cancelled_task_is_undone_whether_it_runs_or_waits(
    home_at: HomeAt, tmp_path: Path
) -> None:
    slow = function("make").replace('"10ms"', '"1h"').replace('"20ms"', '"1h"')
    home = home_at(slow).up()
    made, bell, gate = tmp_path / "made", tmp_path / "bell", tmp_path / "gate"
    os.mkfifo(bell)
    os.mkfifo(gate)
    running = submit(home, "make", path=str(made), bell=str(bell), gate=str(gate))
    bell.read_text()
    until(home, lambda: home.ask(ask.CancelTasks(task_ids=[running])))
    assert not made.exists()
    # One that failed and is to be tried again in an hour keeps what it made until then.
    task_ids: list[str] = []
    events = home.connection().watch(
        ask.Watch(functions=["make"]),
        on_watching=lambda: task_ids.append(submit(home, "make", path=str(made), then="reset")),
    )
    for event in events:
        if event.task_id in task_ids and event.what == "queued" and made.exists():
            break
    [waiting] = task_ids
    assert [step.state for step in steps_of(home, waiting)] == [StepState.RECORDED]
    until(home, lambda: home.ask(ask.CancelTasks(task_ids=[waiting])))
    assert not made.exists()
    whole(home)


# ── deaths ───────────────────────────────────────────────────────────────────


def test_a_worker_killed_between_act_and_end_is_undone(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(function("make", "").replace("retry = {", "retry = { deaths_max = 1,")).up()
    made = tmp_path / "made"
    task_id = until(home, lambda: submit(home, "make", path=str(made), then="die"))
    assert not made.exists()
    assert [step.state for step in steps_of(home, task_id)] == [StepState.UNDONE]


@pytest.mark.parametrize("point", ["undo-step-settled", "effects-taken", "effects-noted-in-unit"])
def test_an_operator_is_told_whoever_dies(home_at: HomeAt, point: str) -> None:
    home = home_at(function("steps", "undo_tries = 1"))
    home.start(env={"FNR_FAILPOINT": point})
    task_id = submit(home, "steps", steps=[{"kind": "command", "data": {"argv": ["no-such"]}}])
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    home.up()
    ended(home, task_id)
    while not (told := [line for line in home.log().splitlines() if "needs an operator" in line]):
        home.ask(ask.ListTasks())
    [step] = steps_of(home, task_id)
    assert f"undo_id={step.undo_id}" in told[0]
    assert home.ask(ask.GetStatus()).problems == ["1 undo step needs an operator: fnr undo list"]
    assert home.end() == 0
    assert Path(home.paths.words_dir, "undo").read_text().startswith(step.undo_id)
    whole(home)


def test_what_a_try_has_started_ends_before_the_next_try(home_at: HomeAt, tmp_path: Path) -> None:
    """A daemon that is killed takes its process with it, and not what that has started. The try is
    made again; it has used up nothing."""
    home = home_at(function("steps", "undo_tries = 1")).up()
    bell, tried = tmp_path / "bell", tmp_path / "tried"
    os.mkfifo(bell)
    script = 'test -e "$1" && exit; touch "$1"; sleep 1000 & echo $! > "$0"; wait'
    argv = ["sh", "-c", script, str(bell), str(tried)]
    task_id = submit(home, "steps", steps=[{"kind": "command", "data": {"argv": argv}}])
    pidfd = os.pidfd_open(int(bell.read_text()))
    home.kill()
    assert not select.select([pidfd], [], [], 0)[0]
    home.up()
    ended(home, task_id)
    assert [(step.state, step.tries) for step in steps_of(home, task_id)] == [(StepState.UNDONE, 1)]
    assert select.select([pidfd], [], [], 0)[0]
    os.close(pidfd)
    whole(home)


@pytest.mark.parametrize("worker_dies", [False, True])
def test_steps_recorded_without_a_daemon_are_carried_out_by_the_next(
    home_at: HomeAt, tmp_path: Path, worker_dies: bool
) -> None:
    """The daemon is killed before the step is recorded; the worker goes on, protected all the same,
    and fails, or is killed, before there is a daemon again."""
    home = home_at(function("late", "").replace("retry = {", "retry = { deaths_max = 1,")).up()
    made, bell, gate = tmp_path / "made", tmp_path / "bell", tmp_path / "gate"
    os.mkfifo(bell)
    os.mkfifo(gate)
    then = "die" if worker_dies else "fail"
    task_id = submit(home, "late", path=str(made), bell=str(bell), gate=str(gate), then=then)
    pidfd = os.pidfd_open(int(bell.read_text()))
    home.kill()
    spool = Path(home.paths.spool_dir)
    with Inotify() as changes:
        changes.folder(str(spool))
        gate.write_text("go")
        if worker_dies:
            select.select([pidfd], [], [], 30)
        while not worker_dies and not [*spool.glob("*.json")]:
            changes.wait(30_000)
    os.close(pidfd)
    assert made.exists()
    assert [*spool.glob("*.undo")]
    home.up()
    home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    ended(home, task_id)
    assert not made.exists()
    assert [step.state for step in steps_of(home, task_id)] == [StepState.UNDONE]
    whole(home)
