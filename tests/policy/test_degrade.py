"""Smaller ways to do a task: each rung once, what was submitted stays, and they end."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_values import NOW_MS, TOKEN, classified, running

from fnr.policy.dead_letter import DeathCause
from fnr.policy.degrade import Degradation, Rung, applied, home_function, next_step
from fnr.policy.evidence import Evidence
from fnr.policy.failure import Around
from fnr.policy.retry import RetryPolicy
from fnr.policy.rules import Strategy
from fnr.policy.task import Task, TaskState
from fnr.policy.verdict import Action, Verdict, bury_expired, decide

LADDER = (
    Rung(when=("resource",), set={"batch_size": 1}),
    Rung(when=("breaker:gpu",), function="render_cpu"),
    Rung(when=("resource", "exhausted"), set={"steps": "half"}),
)
WORDS = ("resource", "transient", "unknown", "exhausted", "breaker:gpu", "breaker:storage")
RUNGS = st.builds(
    Rung,
    when=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple),
    set=st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([1, "half", 0.5, "x"])),
    function=st.sampled_from(["", "render_cpu"]),
)


def fail(task: Task, strategy: Strategy, around: Around, policy: RetryPolicy) -> Verdict:
    return decide(
        task,
        Evidence(message="it broke"),
        classified(strategy=strategy),
        token=TOKEN,
        policy=policy,
        now_ms=NOW_MS,
        fraction=0.5,
        around=around,
    )


def test_a_resource_failure_goes_down_the_ladder_before_it_waits() -> None:
    around, policy = Around(ladder=LADDER), RetryPolicy()
    first = fail(running(), Strategy.QUEUE_AND_WAIT, around, policy)
    assert first.decision.action is Action.DEGRADE
    assert first.task.state is TaskState.QUEUED
    assert "batch_size = 1" in first.decision.why
    again = running(degraded=first.task.degraded)
    second = fail(again, Strategy.QUEUE_AND_WAIT, around, policy)
    assert [step.rung for step in second.task.degraded] == [0, 2]
    third = fail(running(degraded=second.task.degraded), Strategy.QUEUE_AND_WAIT, around, policy)
    assert third.decision.action is Action.WAIT
    assert third.task.degraded == second.task.degraded


def test_an_open_breaker_hands_the_task_over_and_its_letter_comes_home() -> None:
    around = Around(ladder=LADDER, open_breakers=("gpu",))
    handed = fail(running(), Strategy.RETRY_WITH_BACKOFF, around, RetryPolicy())
    assert handed.task.function == "render_cpu"
    assert handed.task.degraded[-1].words == "by render_cpu"
    dead = fail(
        running(function="render_cpu", degraded=handed.task.degraded),
        Strategy.DEAD_LETTER,
        Around(),
        RetryPolicy(),
    )
    assert dead.letter is not None
    assert dead.letter.function == dead.task.function == "render"


@pytest.mark.parametrize("balance_ms", [0, 60_000])
def test_whoever_takes_over_neither_waits_for_our_budget_nor_gets_it(balance_ms: int) -> None:
    """It has one of its own, which pays for retries of its own."""
    around = Around(ladder=LADDER, open_breakers=("gpu",), balance_ms=balance_ms)
    handed = fail(running(), Strategy.RETRY_WITH_BACKOFF, around, RetryPolicy())
    assert (handed.task.function, handed.task.state) == ("render_cpu", TaskState.QUEUED)
    assert handed.balance_ms is None


def test_a_task_that_expires_away_from_home_is_buried_at_home() -> None:
    step = Degradation(function="render", rung=0, why="breaker:gpu", to="render_cpu")
    task = Task(task_id="t", function="render_cpu", degraded=(step,), expires_at_ms=NOW_MS)
    verdict = bury_expired(task, now_ms=NOW_MS)
    assert verdict.letter is not None
    assert (verdict.before.function, verdict.task.function) == ("render_cpu", "render")
    assert verdict.letter.function == "render"


def test_when_all_retries_are_used_up_there_may_be_one_more_way() -> None:
    policy = RetryPolicy(retries_max=0)
    way_out = fail(running(), Strategy.RETRY_WITH_BACKOFF, Around(ladder=LADDER), policy)
    assert way_out.decision.action is Action.DEGRADE
    assert way_out.task.degraded[-1].why == "exhausted"
    again = running(degraded=way_out.task.degraded)
    end = fail(again, Strategy.RETRY_WITH_BACKOFF, Around(ladder=LADDER), policy)
    assert end.letter is not None
    assert end.letter.cause is DeathCause.EXHAUSTED


@pytest.mark.parametrize("strategy", [Strategy.FAIL_FAST, Strategy.DEAD_LETTER])
def test_what_is_wrong_is_not_done_in_a_smaller_way(strategy: Strategy) -> None:
    around = Around(ladder=LADDER, open_breakers=("gpu",))
    assert fail(running(), strategy, around, RetryPolicy()).task.degraded == ()


@given(
    ladders=st.fixed_dictionaries(
        {"render": st.lists(RUNGS, max_size=4), "render_cpu": st.lists(RUNGS, max_size=4)}
    ),
    strategy=st.sampled_from(Strategy),
    open_breakers=st.sets(st.sampled_from(["gpu", "storage"])).map(tuple),
)
def test_every_ladder_ends(
    ladders: dict[str, list[Rung]], strategy: Strategy, open_breakers: tuple[str, ...]
) -> None:
    """Failing for ever takes each rung at most once, and then dies at home."""
    policy = RetryPolicy(retries_max=1, unknown_max=1, waits_max=1)
    task, rungs = running(), sum(map(len, ladders.values()))
    for _ in range(rungs + 4):
        around = Around(ladder=tuple(ladders[task.function]), open_breakers=open_breakers)
        verdict = fail(task, strategy, around, policy)
        taken = [(step.function, step.rung) for step in verdict.task.degraded]
        assert len(taken) == len(set(taken))
        if verdict.letter is not None:
            break
        kept = verdict.task
        task = running(
            function=kept.function, degraded=kept.degraded, retries=kept.retries,
            unknowns=kept.unknowns, waits=kept.waits,
        )  # fmt: skip
    assert verdict.letter is not None
    assert verdict.letter.function == "render"
    assert home_function(verdict.task.function, ()) == "render"


@pytest.mark.parametrize(
    ("before", "after"),
    [(9, 4), (1, 1), (0, 0), (-4, -4), (3.0, 1.5), (True, "half"), ("x", "half")],
)
def test_half_of_a_number_and_the_word_for_everything_else(before: object, after: object) -> None:
    step = Degradation(function="f", rung=0, why="resource", set={"n": "half", "new": [1]})
    body = msgspec.json.encode({"n": before, "kept": {"a": None}})
    found = msgspec.json.decode(applied(body, (step,)))
    assert found == {"n": after, "kept": {"a": None}, "new": [1]}


def test_half_of_a_declared_number_that_was_not_given_is_left_out() -> None:
    rung = Rung(when=("resource",), set={"n": "half", "word": "half"}, numbers=("n",))
    step = next_step((), (rung,), function="f", conditions=["resource"], at_ms=0)
    assert step is not None
    for before, after in ({}, {}), ({"n": None}, {"n": None}), ({"n": 8}, {"n": 4}):
        found = msgspec.json.decode(applied(msgspec.json.encode(before), (step,)))
        assert found == {**after, "word": "half"}


def test_steps_add_up_in_their_order() -> None:
    steps = tuple(
        Degradation(function="f", rung=rung, why="resource", set=change)
        for rung, change in enumerate([{"n": "half"}, {"n": "half"}, {"m": 1}])
    )
    assert msgspec.json.decode(applied(b'{"n": 20}', steps)) == {"n": 5, "m": 1}


def test_a_rung_below_those_taken_is_not_gone_back_to() -> None:
    taken = (Degradation(function="render", rung=1, why="breaker:gpu", to="render"),)
    step = next_step(taken, LADDER, function="render", conditions=["resource"], at_ms=1)
    assert step is not None
    assert step.rung == 2


def test_an_attempt_that_a_breaker_refused_goes_another_way_at_no_cost() -> None:
    refused = Evidence(message="breaker gpu is open", refused_by="gpu")
    verdict = decide(
        running(),
        refused,
        classified(strategy=Strategy.RETRY_WITH_BACKOFF),
        token=TOKEN,
        policy=RetryPolicy(),
        now_ms=NOW_MS,
        fraction=0.5,
        around=Around(ladder=LADDER),
    )
    assert verdict.decision.action is Action.DEGRADE
    assert verdict.task.function == "render_cpu"
    assert (verdict.task.retries, verdict.task.due_at_ms) == (0, NOW_MS - 1_000)
