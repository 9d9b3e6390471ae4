"""Replays in a real daemon: canary, stop, pause, rate, SIGKILL, reload, people in between."""

from __future__ import annotations

import resource
import shutil
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, pairwise
from pathlib import Path

import msgspec
import pytest
from live_home import FUNCTIONS, LiveHome

from fnr.api import requests as ask
from fnr.api.errors import FnrError, NotFound, UsageError
from fnr.api.letter_requests import ListLetters
from fnr.api.replay_requests import (
    CancelReplays,
    GetReplay,
    ListReplayEntries,
    ListReplays,
    PauseReplays,
    ResumeReplays,
    StartReplay,
)
from fnr.policy.replay import EntryState, ReplayOptions, ReplayPlan, ReplayState
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]
FLAKY = f"""
[functions.flaky]
python = "worked_functions:fail_until"
cwd = "{FUNCTIONS}"
workers = 2
retry = {{ max = 0 }}
"""
BAD = f"""
[functions.bad]
python = "worked_functions:fail"
cwd = "{FUNCTIONS}"
workers = 1
"""
_numbers = count()


@pytest.fixture(scope="module")
def home() -> Iterator[LiveHome]:
    """One daemon for the tests that leave it alive; each works on letters with a tag of its own."""
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), FLAKY + BAD).up()
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def letters(home: LiveHome, tag: str, number: int, *, function: str = "flaky") -> list[str]:
    """Tasks that are dead letters: flaky ones succeed when they are tried again, bad ones never."""
    items = []
    for _ in range(number):
        given: dict[str, object] = {}
        if function == "flaky":
            given = {"path": str(home.folder / f"tries-{next(_numbers)}"), "times": 1}
        spec = {"function": function, "input": given, "tags": {"of": tag}}
        items.append(msgspec.Raw(msgspec.json.encode(spec)))
    ids: list[str] = home.ask(ask.SubmitMany(items=items)).task_ids
    home.ask(ask.WaitTasks(task_ids=ids, timeout_ms=30_000))
    return ids


def begin(home: LiveHome, where: str, **limits: object) -> str:
    """Start a plan; its id."""
    options = msgspec.convert(limits, ReplayOptions)
    plan: ReplayPlan = home.ask(StartReplay(where=where, options=options, reason="a test"))
    return plan.plan_id


def plan_of(home: LiveHome, plan_id: str) -> ReplayPlan:
    plan: ReplayPlan = home.ask(GetReplay(plan_id=plan_id)).plan
    return plan


class Found(Exception):
    """What was waited for has come."""


def wait_for(home: LiveHome, plan_id: str, fits: Callable[[ReplayPlan], bool]) -> ReplayPlan:
    """Look at a plan whenever the daemon tells of plans or tasks, until it fits."""
    plans: list[ReplayPlan] = []

    def look() -> None:
        plans.append(plan_of(home, plan_id))
        if fits(plans[-1]):
            raise Found

    connection = home.connection()
    try:
        watch = ask.Watch(kinds=["plan", "task"])
        for _event in connection.watch(watch, on_watching=look):
            look()
    except Found:
        connection.close()
    return plans[-1]


def ended(plan: ReplayPlan) -> bool:
    return plan.state is ReplayState.DONE


def outcomes(home: LiveHome, plan_id: str) -> Counter[EntryState]:
    """How many entries are in each state."""
    page = home.ask(ListReplayEntries(plan_id=plan_id, limit=1_000))
    return Counter(entry.state for entry in page.items)


def is_whole(home: LiveHome) -> bool:
    checked = home.fnr("db", "check")
    return bool(checked.returncode == 0)


# ── the way of a plan ────────────────────────────────────────────────────────


def test_a_canary_that_comes_home_brings_the_others(home: LiveHome) -> None:
    ids = letters(home, "canary", 12)
    plan_id = begin(home, "tag.of:canary", canary=3, concurrency=2)
    wait_for(home, plan_id, ended)
    assert outcomes(home, plan_id) == {EntryState.DONE: 12}
    assert home.ask(ListLetters(where="tag.of:canary")).total in {0, None}
    task = home.ask(ask.GetTask(task_id=ids[0])).task
    assert (task.state, task.replays) == (TaskState.DONE, 1)


def test_a_canary_that_dies_again_stops_the_plan_and_a_person_may_go_on(home: LiveHome) -> None:
    letters(home, "dying", 4, function="bad")
    plan_id = begin(home, "tag.of:dying", canary=2, concurrency=1)
    plan = wait_for(home, plan_id, lambda plan: plan.state is ReplayState.STOPPED)
    assert (plan.dead, plan.left) == (1, 3)
    assert "canary" in plan.why
    assert len(home.ask(ListLetters(where="tag.of:dying")).items) == 4
    assert home.ask(ResumeReplays(plan_ids=[plan_id])).changed == [plan_id]
    wait_for(home, plan_id, ended)
    assert outcomes(home, plan_id) == {EntryState.DEAD: 4}


def test_so_many_failures_and_no_more(home: LiveHome) -> None:
    letters(home, "limit", 6, function="bad")
    plan_id = begin(home, "tag.of:limit", concurrency=1, failures_max=2)
    plan = wait_for(home, plan_id, lambda plan: plan.state is ReplayState.STOPPED)
    assert (plan.dead, plan.left) == (2, 4)
    untouched = home.ask(ListLetters(where="tag.of:limit replays=0")).items
    assert len(untouched) == 4


def test_a_rate_holds_back_until_it_is_taken_away(home: LiveHome) -> None:
    letters(home, "rate", 5)
    plan_id = begin(home, "tag.of:rate", rate_per_h=1)
    wait_for(home, plan_id, lambda plan: plan.done == 1)
    assert home.ask(ResumeReplays(plan_ids=[plan_id])).unchanged == {plan_id: "it is running"}
    assert home.ask(ResumeReplays(plan_ids=[plan_id], rate_per_h=0)).changed == [plan_id]
    plan = wait_for(home, plan_id, ended)
    assert (plan.reason, plan.options) == ("a test", ReplayOptions()), "whatever moved it since"
    assert outcomes(home, plan_id) == {EntryState.DONE: 5}


@pytest.mark.parametrize("pause", ["by hand", "SIGKILL"])
def test_neither_a_pause_nor_a_restart_puts_back_more_than_the_rate(
    home: LiveHome, pause: str
) -> None:
    """Method: another plan is done from its first to its last turn, so that ours had one."""
    tag = f"slow-{pause.replace(' ', '-')}"
    letters(home, tag, 3)
    letters(home, f"{tag}-other", 3)
    plan_id = begin(home, f"tag.of:{tag}", rate_per_h=1)
    wait_for(home, plan_id, lambda plan: plan.done == 1)
    if pause == "SIGKILL":
        home.kill()
        home.up()
    else:
        home.ask(PauseReplays(plan_ids=[plan_id]))
        home.ask(ResumeReplays(plan_ids=[plan_id]))
    wait_for(home, begin(home, f"tag.of:{tag}-other"), ended)
    plan = plan_of(home, plan_id)
    assert (plan.state, plan.done, plan.live, plan.left) == (ReplayState.RUNNING, 1, 0, 2)
    home.ask(CancelReplays(plan_ids=[plan_id]))


def test_a_pause_holds_and_a_cancel_leaves_the_letters(home: LiveHome) -> None:
    letters(home, "held", 3)
    plan_id = begin(home, "tag.of:held", rate_per_h=1)
    wait_for(home, plan_id, lambda plan: plan.done == 1)
    assert home.ask(ResumeReplays(plan_ids=[plan_id], concurrency=2)).changed == [plan_id]
    with pytest.raises(NotFound):
        home.ask(PauseReplays(plan_ids=[plan_id, "nobody"]))
    assert plan_of(home, plan_id).state is ReplayState.RUNNING
    told = home.ask(PauseReplays(plan_ids=[plan_id[:20], plan_id], reason="lunch"))
    assert (told.changed, told.unchanged) == ([plan_id], {})
    assert plan_of(home, plan_id).why == "lunch"
    assert home.ask(PauseReplays(plan_ids=[plan_id])).unchanged == {plan_id: "already paused"}
    assert home.ask(CancelReplays(plan_ids=[plan_id])).changed == [plan_id]
    assert home.ask(ResumeReplays(plan_ids=[plan_id])).unchanged == {plan_id: "it is cancelled"}
    made, frozen, *by_hand = home.ask(GetReplay(plan_id=plan_id)).moves
    assert (made.why, frozen.state) == ("a test", ReplayState.RUNNING)
    assert [(move.state, move.why) for move in by_hand] == [
        (ReplayState.RUNNING, "goes on with other limits"),
        (ReplayState.PAUSED, "lunch"),
        (ReplayState.CANCELLED, ""),
    ]
    assert len(home.ask(ListLetters(where="tag.of:held")).items) == 2
    assert plan_id not in {p.plan_id for p in home.ask(ListReplays(active=True)).items}


def test_a_key_keeps_its_order_in_real_workers(home: LiveHome) -> None:
    letters(home, "keyed", 8)
    dead = home.ask(ListLetters(where="tag.of:keyed")).items
    oldest_first = sorted(dead, key=lambda letter: (letter.died_at_ms, letter.task_id))
    plan_id = begin(home, "tag.of:keyed", keep_order_by="tag.of")
    wait_for(home, plan_id, ended)
    last = [home.ask(ask.GetTask(task_id=one.task_id)).attempts[-1] for one in oldest_first]
    assert len(last) == 8
    for earlier, later in pairwise(last):
        assert earlier.ended_at_ms <= later.started_at_ms


def test_what_fails_while_a_plan_runs_is_not_part_of_it(home: LiveHome) -> None:
    letters(home, "new", 4)
    plan_id = begin(home, "tag.of:new", rate_per_h=1)
    wait_for(home, plan_id, lambda plan: plan.done == 1)
    letters(home, "new", 3)
    home.ask(ResumeReplays(plan_ids=[plan_id], rate_per_h=0))
    plan = wait_for(home, plan_id, ended)
    assert (plan.total, plan.done) == (4, 4)
    assert len(home.ask(ListLetters(where="tag.of:new")).items) == 3


def test_two_plans_over_the_same_letters_put_each_back_once(home: LiveHome) -> None:
    ids = letters(home, "both", 30)
    first = begin(home, "tag.of:both", concurrency=3)
    second = begin(home, "tag.of:both", concurrency=3)
    one, other = wait_for(home, first, ended), wait_for(home, second, ended)
    # Whichever chooses last finds those no more that the other has put back already.
    assert one.done + other.done == 30
    assert one.skipped + other.skipped == one.total + other.total - 30
    assert {home.ask(ask.GetTask(task_id=task_id)).task.replays for task_id in ids} == {1}
    reasons = home.ask(GetReplay(plan_id=second)).reasons
    assert sum(reasons.values()) == other.skipped


def test_a_cancelled_task_of_a_plan_is_told_as_cancelled(home: LiveHome) -> None:
    letters(home, "stop", 2)
    home.ask(ask.PauseFunction(functions=["flaky"]))
    plan_id = begin(home, "tag.of:stop")
    wait_for(home, plan_id, lambda plan: plan.live == 2)
    home.ask(ask.CancelTasks(where="tag.of:stop", reason="not needed"))
    wait_for(home, plan_id, ended)
    home.ask(ask.ResumeFunction(functions=["flaky"]))
    page = home.ask(ListReplayEntries(plan_id=plan_id, state=EntryState.CANCELLED))
    assert [("not needed" in entry.why) for entry in page.items] == [True, True]


@pytest.mark.parametrize(
    "request_sent",
    [
        StartReplay(),
        StartReplay(where=" "),
        StartReplay(all=True, where="a"),
        StartReplay(where="nonsense:1"),
        StartReplay(all=True, options=ReplayOptions(rate_per_h=0)),
        PauseReplays(plan_ids=[]),
    ],
    ids=repr,
)
def test_what_cannot_be_a_plan_is_refused(home: LiveHome, request_sent: object) -> None:
    with pytest.raises(UsageError):
        home.ask(request_sent)


def test_the_counts_of_all_these_plans_are_true(home: LiveHome) -> None:
    assert is_whole(home)


# ── bad days ─────────────────────────────────────────────────────────────────


POINTS = [
    "replay-planned-in-unit",
    "replay-frozen-in-unit",
    "replay-turn-in-unit@2",
    "replay-turn-committed",
]


@pytest.mark.timeout(240)
def test_a_plan_survives_every_death_of_the_daemon_and_puts_nothing_back_twice(
    home_at: HomeAt,
) -> None:
    """Method: each daemon takes up the plans of those before it, begins one more, and dies at
    another place, in whichever plan that comes first; the last one is asked for what no daemon
    heard of, and must bring all of them home.
    """
    home = home_at(FLAKY).up()
    ids = [task_id for point in POINTS for task_id in letters(home, point, 25)]
    home.kill()
    answered: set[str] = set()
    for point in POINTS:
        if home.start(env={"FNR_FAILPOINT": point}):
            # It dies in whichever plan comes first, perhaps before it hears of this one.
            with suppress(FnrError):
                answered.add(begin(home, f"tag.of:{point}", concurrency=8))
        assert home.process is not None
        assert home.process.wait(timeout=30) == -signal.SIGKILL, point
    home.up()
    kept = {plan.where: plan.plan_id for plan in home.ask(ListReplays()).items}
    assert answered <= {*kept.values()}
    for where in [f"tag.of:{point}" for point in POINTS]:
        plan_id = kept.get(where) or begin(home, where, concurrency=8)
        found = wait_for(home, plan_id, ended)
        assert (found.total, found.done) == (25, 25), found
    tasks = [home.ask(ask.GetTask(task_id=task_id)).task for task_id in ids]
    assert {(task.state, task.replays) for task in tasks} == {(TaskState.DONE, 1)}
    home.end()
    assert is_whole(home)


def test_letters_of_a_function_that_was_removed_are_skipped_and_say_so(home: LiveHome) -> None:
    letters(home, "mixed", 2, function="bad")
    letters(home, "mixed", 2)
    plan_id = begin(home, "tag.of:mixed", rate_per_h=1, order="newest")
    wait_for(home, plan_id, lambda plan: plan.done == 1)
    home.write(FLAKY)
    home.ask(ask.ReloadConfig())
    home.ask(ResumeReplays(plan_ids=[plan_id], rate_per_h=0))
    plan = wait_for(home, plan_id, ended)
    assert (plan.done, plan.skipped) == (2, 2)
    assert home.ask(GetReplay(plan_id=plan_id)).reasons == {"function bad is not in fnr.toml": 2}
    home.write(FLAKY + BAD)
    home.ask(ask.ReloadConfig())


def test_ids_that_were_not_all_written_down_leave_every_letter_alone(home: LiveHome) -> None:
    ids = letters(home, "ids", 3)
    home.end(signal_number=signal.SIGTERM)
    assert home.start(env={"FNR_FAILPOINT": "replay-ids-committed"})
    with pytest.raises(FnrError):
        home.ask(StartReplay(task_ids=ids))
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    home.up()
    [plan] = home.ask(ListReplays(limit=1)).items
    plan = wait_for(home, plan.plan_id, lambda plan: plan.state is ReplayState.CANCELLED)
    assert "before all its letters were written down" in plan.why
    assert len(home.ask(ListLetters(where="tag.of:ids replays=0")).items) == 3


@contextmanager
def being_named(
    home: LiveHome, ids: list[str], *, names: int = 100_000
) -> Iterator[tuple[str, threading.Thread, list[FnrError]]]:
    """A plan whose letters are being written down meanwhile: named so often that it takes a while;
    who asked for it, and what he was told instead."""
    told: list[FnrError] = []

    def ask_for_it() -> None:
        try:
            home.ask(StartReplay(task_ids=ids * (names // len(ids))))
        except FnrError as error:
            told.append(error)

    before = {plan.plan_id for plan in home.ask(ListReplays()).items}
    asking = threading.Thread(target=ask_for_it)
    asking.start()
    while not (made := {plan.plan_id for plan in home.ask(ListReplays()).items} - before):
        pass
    yield made.pop(), asking, told
    asking.join()


def test_named_letters_that_were_paused_meanwhile_are_the_only_ones(home: LiveHome) -> None:
    """Method: there are others, which a resumed plan must not look for."""
    letters(home, "others", 3)
    ids = letters(home, "named", 2)
    with being_named(home, ids) as (plan_id, _, told):
        assert home.ask(PauseReplays(plan_ids=[plan_id])).changed == [plan_id]
        assert plan_of(home, plan_id).frozen_at_ms is None
    assert not told
    assert (plan_of(home, plan_id).state, plan_of(home, plan_id).total) == ("paused", 2)
    home.ask(ResumeReplays(plan_ids=[plan_id]))
    plan = wait_for(home, plan_id, ended)
    assert (plan.total, plan.done) == (2, 2)
    assert len(home.ask(ListLetters(where="tag.of:others replays=0")).items) == 3


def test_named_letters_that_a_disk_did_not_take_stand_in_nobodys_way(home: LiveHome) -> None:
    """The plan is cancelled when the disk takes writes again; what was named can be named anew."""
    assert home.process is not None
    limits = resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE)
    for names in (20_000, 100_000, 500_000):  # on a busy host the daemon may be quicker than we
        ids = letters(home, f"untaken-{names}", 2)
        with being_named(home, ids, names=names) as (plan_id, asking, told):
            resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
            asking.join()
            resource.prlimit(home.process.pid, resource.RLIMIT_FSIZE, limits)
        if told:
            break
        wait_for(home, plan_id, ended)
    assert told
    while plan_of(home, plan_id).state is not ReplayState.CANCELLED:
        pass
    plan = home.ask(StartReplay(task_ids=ids))
    assert wait_for(home, plan.plan_id, ended).done == 2
