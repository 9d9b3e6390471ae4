"""What is claimed for a worker before it is free: kept here, handed over one at a time.

It is as if it had never been claimed when anything comes between: the worker leaves or dies, the
function is paused, the task is cancelled, the attempt before it takes long.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from live_home import LiveHome
from msgspec import Raw, json
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api.frames import Done, Fail
from fnr.config.settings import FunctionSettings
from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.pool import Pool
from fnr.daemon.runner import Runner
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.timekeeper import Timekeeper
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.policy.evidence import Evidence
from fnr.policy.record import TaskEnd
from fnr.policy.task import Claim, Task, TaskState, WorkerIdentity

HomeAt = Callable[[str], LiveHome]
NOW_MS = 5_000
# After so many attempts that take no time fnr knows that they are short.
WARM_UP = 60


class Wire:
    """The worker's end of a connection: what it was handed."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def write(self, data: bytes) -> None:
        """Take frames; only a Run has the token of one attempt."""
        told = [json.decode(line) for line in data.splitlines()]
        self.tokens += [frame["token"] for frame in told if "token" in frame]


def worker(worker_id: str = "W", **settings: Any) -> tuple[WorkerProcess, Wire]:
    """A ready one with a connection."""
    wire = Wire()
    made = WorkerProcess(
        identity=WorkerIdentity(worker_id=worker_id, function="f", boot_id="b", pid=1, pid_start=1),
        settings=FunctionSettings(name="f", kind="python", window=1, **settings),
        secret="",
        pidfd=-1,
        log_path="",
        now_path="",
        started_at_ms=0,
        state=WorkerState.READY,
        link=cast("Any", wire),
    )
    return made, wire


def give(one: WorkerProcess, *tokens: str, at_ms: int = NOW_MS) -> None:
    """Claims that were committed for it."""
    claims = [Claim(task=Task(task_id=f"T{t}", function="f"), token=t, input=b"{}") for t in tokens]
    one.hold(claims, now_boot_ms=at_ms, one_at_a_time=True)


def test_one_is_handed_over_and_the_next_one_when_it_has_ended() -> None:
    one, wire = worker()
    give(one, "a", "b", "c")
    assert (wire.tokens, one.kept) == (["a"], ["b", "c"])
    one.take_ended([Done(token="a")], now_boot_ms=NOW_MS + 70)
    assert (wire.tokens, one.kept) == (["a", "b"], ["c"])
    assert one.current is not None
    assert (one.current.token, one.begun_at_ms) == ("b", NOW_MS + 70)


def test_after_a_failure_the_next_one_waits_for_what_the_rules_say() -> None:
    """They may say that this process is not to be used again."""
    one, wire = worker()
    give(one, "a", "b")
    one.take_ended([Fail(token="a", evidence=Evidence())], now_boot_ms=NOW_MS)
    assert (wire.tokens, one.kept, one.current) == (["a"], ["b"], None)
    one.ending.clear()
    one.go_on(now_boot_ms=NOW_MS + 500)
    assert wire.tokens == ["a", "b"]
    assert one.begun_at_ms == NOW_MS + 500, "its deadline counts from when it was handed over"


@pytest.mark.parametrize("why", ["leaving", "interrupted", "away"])
def test_nothing_is_handed_over_to_who_begins_nothing(why: str) -> None:
    one, wire = worker()
    give(one, "a", "b")
    if why == "leaving":
        one.state = WorkerState.LEAVING
    elif why == "interrupted":
        one.interrupted = True
    else:
        one.link = None
    one.take_ended([Done(token="a")], now_boot_ms=NOW_MS)
    assert (wire.tokens, one.kept, one.current) == (["a"], ["b"], None)


def test_what_comes_behind_a_recall_is_recalled_as_well() -> None:
    """Its claim was under way by then: it must not wait for an attempt that takes an hour."""
    one, _ = worker()
    give(one, "a")
    one.recalled = True
    give(one, "b")
    assert (one.kept, one.recalled) == (["b"], False)


def test_a_recall_does_not_outlive_what_it_was_for() -> None:
    """All went back after a failure, and a further attempt begins: those behind it are recalled."""
    one, wire = worker()
    give(one, "a", "b")
    one.take_ended([Fail(token="a", evidence=Evidence())], now_boot_ms=NOW_MS)
    one.recalled = True
    one.held.clear()
    one.ending.clear()
    give(one, "c", "d")
    assert (wire.tokens, one.recalled) == (["a", "c"], False)


def test_what_waits_for_a_failure_to_be_on_disk_is_not_exchanged() -> None:
    """What came instead waited for the same, and went back as well: ten times a second."""
    runner, one = runner_of([])
    give(one, "a", "b", "c")
    one.take_ended([Fail(token="a", evidence=Evidence())], now_boot_ms=NOW_MS - 60_000)
    recalled: list[WorkerProcess] = []
    supervisor = SimpleNamespace(workers={"W": one}, recall=recalled.append)
    keeper = Timekeeper(runner._parts, runner._dispatcher, cast("Any", supervisor), cast("Any", 0))
    keeper._recall_windows()
    assert recalled == []
    one.ending.clear()
    one.go_on(now_boot_ms=NOW_MS - 30_000)
    keeper._recall_windows()
    assert recalled == [one]


@pytest.mark.parametrize("how", ["when the one before has ended", "when its failure is on disk"])
def test_whoever_looks_after_deadlines_hears_of_each_that_begins(how: str) -> None:
    """One under a second would else be looked at when the next second is over."""
    began: list[list[str]] = []
    runner, one = runner_of(began)
    give(one, "a", "b")
    if "disk" in how:
        runner.ended(one, [Fail(token="a", evidence=Evidence())])
        assert began == []
        [(_, done)] = runner.posted
        done(None, None)
    else:
        runner.ended(one, [Done(token="a")])
    assert began == [["b"]]


def test_a_failure_is_waited_for_also_when_an_end_before_it_is_on_disk() -> None:
    """Method: the second one has failed by the time that the first one's success is written."""
    runner, one = runner_of(began := [])
    give(one, "a", "b", "c")
    runner.ended(one, [Done(token="a")])
    runner.ended(one, [Fail(token="b", evidence=Evidence())])
    (_, first), (_, second) = runner.posted
    first(None, None)
    assert began == [["b"]], "it may leave its process unusable"
    runner.returned(one, [], why="recalled")
    give(one, "d")
    assert (one.kept, one.current) == (["c", "d"], None)
    second(None, None)
    assert began == [["b"], ["c"]]


def test_a_lost_connection_gives_back_what_has_not_begun() -> None:
    """Its worker may never come back, and nobody would look for what it does not run."""
    runner, one = runner_of([])
    parts = runner._parts
    supervisor = Supervisor(parts, runner._dispatcher, runner)
    give(one, "a", "b", "c")
    link: Any = one.link
    supervisor._by_link[link] = one
    supervisor._cut(link, "gone")
    assert ([*one.held], one.link) == (["a"], None)
    assert len(runner.posted) == 1


def runner_of(began: list[list[str]]) -> tuple[Any, WorkerProcess]:
    """A runner whose store only takes units; began: what it was told."""
    posted: list[Any] = []
    parts = SimpleNamespace(
        clock=SimpleNamespace(boot_ms=lambda: NOW_MS, now_ms=lambda: NOW_MS),
        store=SimpleNamespace(
            post=lambda *unit: posted.append(unit),
            on_trouble=lambda _: None,
            on_undone=lambda _: None,
        ),
        later=lambda *_: None,
    )
    dispatcher = Dispatcher(cast("Any", parts))
    dispatcher.on_delivered = lambda workers: began.append(
        [one.current.token for one in workers if one.current is not None]
    )
    runner: Any = Runner(cast("Any", parts), dispatcher, cast("Any", SimpleNamespace(ready=True)))
    runner.posted = posted
    return runner, worker()[0]


def pool_of(*workers: WorkerProcess, duration_ms: float = 1.0, **settings: Any) -> Pool:
    """A pool whose attempts take so long in the mean."""
    made = {"window": 1, **settings}
    pool = Pool(settings=FunctionSettings(name="f", kind="python", **made))
    pool.mean_duration_ms = duration_ms
    pool.workers |= {one.worker_id: one for one in workers}
    return pool


@pytest.mark.parametrize(
    ("duration_ms", "settings", "ahead"),
    [
        (0.5, {}, 4),
        (5.0, {}, 1),
        (10.0, {}, 0),
        (0.5, {"window": 0}, 0),  # they wait in the worker
        (0.5, {"window": 2}, 0),
        (0.5, {"services": ("storage",)}, 0),  # its breaker may open meanwhile
        (0.5, {"cpus": 1}, 0),  # claimed is taken
        (0.5, {"gpus": 1}, 0),
    ],
)
def test_only_short_attempts_are_claimed_ahead(
    duration_ms: float, settings: dict[str, Any], ahead: int
) -> None:
    assert pool_of(duration_ms=duration_ms, **settings).ahead == ahead


def test_who_leaves_after_so_many_is_not_given_more_than_he_runs() -> None:
    """What is beyond them came back again and again, and began as attempt 11."""
    one, _ = worker(max_tasks_per_worker=3)
    assert one.places(1, 4) == 3
    give(one, "a", "b")
    assert one.places(1, 4) == 1
    one.attempts_done = 1
    assert one.places(1, 4) == 0
    one.take_ended([Done(token="a"), Done(token="b")], now_boot_ms=NOW_MS)
    assert one.places(1, 4) == 0, "it leaves as soon as these are settled"
    one.ending.clear()
    one.attempts_done = 3
    assert one.places(1, 4) == 1, "it is there all the same, and must not stand idle"


def test_what_a_worker_has_run_already_is_known_to_the_next_daemon(home_at: HomeAt) -> None:
    """It was given more than it had left, which came back and began again as a later attempt."""
    home = home_at(function("echo", "echo", "workers = 1\nmax_tasks_per_worker = 4")).up()
    for _ in range(2):
        end_of(home, submit(home, "echo"))
    [before] = home.ask(ask.ListWorkers())
    home.kill()
    home.up()
    end_of(home, submit(home, "echo"))
    [worker] = home.ask(ask.ListWorkers())
    assert (worker.worker_id, worker.attempts_done) == (before.worker_id, 3)


@pytest.mark.parametrize("told", [1, 2])
def test_an_end_that_is_told_twice_counts_once(told: int) -> None:
    """A worker tells it again over a new connection, to be sure; it has run one all the same."""
    runner, one = runner_of([])
    give(one, "a")
    for _ in range(told):
        runner.ended(one, [Done(token="a")])
    for _, done in runner.posted:
        done(None, None)
    assert one.attempts_done == 1


def test_nobody_gets_a_second_one_before_everybody_has_one() -> None:
    pool = pool_of(worker("W")[0], worker("V")[0])
    given: list[tuple[str, int]] = []
    for one, places in pool.shares():
        given.append((one.worker_id, places))
        one.reserved += places
    assert given == [("W", 1), ("V", 1), ("W", 4), ("V", 4)]
    assert [*pool.shares()] == []


def test_who_has_one_is_given_others_at_once() -> None:
    busy, _ = worker("W")
    idle, _ = worker("V")
    give(busy, "a", "b", "c", "d", "e")
    busy.take_ended([Done(token="a")], now_boot_ms=NOW_MS)
    assert [(one.worker_id, places) for one, places in pool_of(busy).shares()] == [("W", 1)]
    assert [one.worker_id for one, _ in pool_of(busy, idle).shares()] == ["V", "V", "W"]


# ── in a daemon ──────────────────────────────────────────────────────────────


def warmed_up(home_at: HomeAt, workers: int) -> LiveHome:
    """A home whose function is known for short attempts."""
    home = home_at(function("maybe", "block_if", f"workers = {workers}\nwindow = 1")).up()
    many = ask.SubmitMany(items=[ask.TaskSpec(function="maybe")] * WARM_UP)
    assert {end.task.state for end in ends_of(home, home.ask(many).task_ids)} == {TaskState.DONE}
    return home


def ends_of(home: LiveHome, task_ids: list[str]) -> list[TaskEnd]:
    """How each ended; a question for each would take a busy host longer than the test may."""
    ends: list[TaskEnd] = home.ask(ask.WaitTasks(task_ids=task_ids, timeout_ms=30_000))
    assert [end.task.task_id for end in ends] == task_ids
    return ends


def raw(given: dict[str, Any]) -> Raw:
    """An input as it is sent."""
    return Raw(json.encode(given))


def outcomes(home: LiveHome, task_id: str) -> list[str]:
    """How its attempts ended."""
    return [attempt.outcome for attempt in home.ask(ask.GetTask(task_id=task_id)).attempts]


def test_what_was_claimed_behind_a_long_attempt_runs_elsewhere(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: one of two workers is kept busy; whatever was claimed for it must not wait for it."""
    began, gate = pipes(tmp_path, "began", "gate")
    home = warmed_up(home_at, 2)
    long = {"fifo": str(gate), "started": str(began)}
    specs = [ask.TaskSpec(function="maybe", input=raw(given)) for given in (long, *[{}] * 9)]
    first, *others = home.ask(ask.SubmitMany(items=specs)).task_ids
    assert began.read_text()
    for task_id in others:
        assert end_of(home, task_id).task.state is TaskState.DONE
    gate.write_text("open")
    assert end_of(home, first).task.state is TaskState.DONE
    for task_id in others:
        assert [*{*outcomes(home, task_id)} - {"returned"}] == ["done"]
        assert end_of(home, task_id).task.retries == 0


@pytest.mark.parametrize("how", ["killed", "daemon killed", "both killed", "restarted"])
def test_what_was_claimed_ahead_has_not_run(home_at: HomeAt, tmp_path: Path, how: str) -> None:
    """Method: the worker ends, or its daemon, in the middle of an attempt that others wait for."""
    began, gate = pipes(tmp_path, "began", "gate")
    marks = tmp_path / "marks"
    home = warmed_up(home_at, 1)
    long = {"fifo": str(gate), "started": str(began)}
    short = [{"path": str(marks), "line": str(number)} for number in range(4)]
    specs = [ask.TaskSpec(function="maybe", input=raw(given)) for given in (long, *short)]
    first, *others = home.ask(ask.SubmitMany(items=specs)).task_ids
    pid = int(began.read_text())
    if how in {"daemon killed", "both killed"}:
        home.kill()
    if how in {"killed", "both killed"}:
        os.kill(pid, signal.SIGKILL)
    if how in {"daemon killed", "both killed"}:
        home.up()
    if how == "restarted":
        assert home.fnr("worker", "restart", "maybe").returncode == 0
    if how in {"killed", "both killed"}:
        began.read_text()
    gate.write_text("open")
    for task_id in (first, *others):
        assert end_of(home, task_id).task.state is TaskState.DONE
    assert sorted(marks.read_text().split()) == ["0", "1", "2", "3"]
    for task_id in others:
        assert [*{*outcomes(home, task_id)} - {"returned"}] == ["done"]
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout


def test_a_cancel_and_a_pause_reach_what_was_claimed_ahead(home_at: HomeAt, tmp_path: Path) -> None:
    began, gate = pipes(tmp_path, "began", "gate")
    marks = tmp_path / "marks"
    home = warmed_up(home_at, 1)
    long = {"fifo": str(gate), "started": str(began)}
    short = [{"path": str(marks), "line": str(number)} for number in range(3)]
    specs = [ask.TaskSpec(function="maybe", input=raw(given)) for given in (long, *short)]
    first, cancelled, *others = home.ask(ask.SubmitMany(items=specs)).task_ids
    assert began.read_text()
    home.ask(ask.CancelTasks(task_ids=[cancelled]))
    home.ask(ask.PauseFunction(functions=["maybe"]))
    assert end_of(home, cancelled).task.state is TaskState.CANCELLED
    gate.write_text("open")
    assert end_of(home, first).task.state is TaskState.DONE
    home.ask(ask.ResumeFunction(functions=["maybe"]))
    for task_id in others:
        assert end_of(home, task_id).task.state is TaskState.DONE
    assert sorted(marks.read_text().split()) == ["1", "2"]
    later = submit(home, "maybe")
    assert end_of(home, later).task.state is TaskState.DONE


def test_failures_between_the_short_ones_hold_nobody_up(home_at: HomeAt, tmp_path: Path) -> None:
    """After each the next one is handed over once the failure is on disk."""
    marks = tmp_path / "marks"
    home = warmed_up(home_at, 2)
    given = [
        {"path": str(marks), "line": str(number), "bad": number % 3 == 0} for number in range(60)
    ]
    specs = [ask.TaskSpec(function="maybe", input=raw(one)) for one in given]
    ids = home.ask(ask.SubmitMany(items=specs)).task_ids
    states = [end.task.state for end in ends_of(home, ids)]
    assert states == [TaskState.DEAD if one["bad"] else TaskState.DONE for one in given]
    done = sorted(int(one["line"]) for one in given if not one["bad"])
    assert sorted(map(int, marks.read_text().split())) == done


def test_daemons_that_die_amid_it_lose_nothing_and_repeat_nothing(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: each dies after another two hundred ends; their workers outlive them."""
    marks = tmp_path / "marks"
    home = warmed_up(home_at, 2)
    specs = [
        ask.TaskSpec(function="maybe", input=raw({"path": str(marks), "line": str(number)}))
        for number in range(1_000)
    ]
    ids = home.ask(ask.SubmitMany(items=specs)).task_ids
    for many in (1, 200, 400, 600):
        while not marks.exists() or marks.read_bytes().count(b"\n") < many:
            pass
        home.kill()
        home.up()
    ended = {(end.task.state, end.task.retries) for end in ends_of(home, ids)}
    assert ended == {(TaskState.DONE, 0)}
    assert sorted(map(int, marks.read_text().split())) == [*range(1_000)]
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout
