"""Replays on the command line: the preview, the plan that is asked for, the following, the list."""

from __future__ import annotations

from typing import Any

import pytest
from cli_runs import Run
from msgspec.structs import replace
from wire_server import Close, Events, Turns, WireServer

from fnr.api.letter_requests import ReplayLetters, ReplayReport
from fnr.api.question import Changed
from fnr.api.replay_requests import (
    CancelReplays,
    GetReplay,
    ListReplayEntries,
    ListReplays,
    PauseReplays,
    ResumeReplays,
    StartReplay,
)
from fnr.api.requests import Event, Watch
from fnr.client.answers import CHUNK_IDS
from fnr.policy.dead_letter import SHARED_KEY, KeyTaker
from fnr.policy.record import Page
from fnr.policy.replay import (
    EntryState,
    ReplayDetail,
    ReplayEntry,
    ReplayMove,
    ReplayOptions,
    ReplayOrder,
    ReplayPlan,
    ReplayState,
)

ID1, ID2 = "01JD0000000000000000000001", "01JD0000000000000000000002"
PLAN_ID = "01JP0000000000000000000001"
RUNNING = ReplayPlan(
    plan_id=PLAN_ID,
    state=ReplayState.RUNNING,
    state_at_ms=1,
    created_at_ms=1,
    created_by="ann",
    total=3,
    pending=3,
    frozen_at_ms=1,
    running_at_ms=1,
)
PUT_BACK = replace(RUNNING, pending=0, live=3)
DONE = replace(RUNNING, state=ReplayState.DONE, why="3 done", pending=0, done=3)
REPORT = ReplayReport(
    eligible=2,
    blocked={"function old is not in fnr.toml": 1},
    examples={"function old is not in fnr.toml": [ID2]},
    functions={"render": 2},
)
NEWS = Event(kind="plan", what="running", at_ms=1, detail=PLAN_ID)


def serve(server: WireServer, *plans: ReplayPlan, **detail: Any) -> None:
    """A daemon whose plan is these in turn."""
    server.answers |= {
        ReplayLetters: ReplayReport(eligible=1),
        StartReplay: plans[0],
        Watch: Events(*[NEWS] * len(plans)),
        GetReplay: Turns(*[ReplayDetail(plan=plan, **detail) for plan in plans]),
    }


def test_one_letter_is_replayed_without_a_question(server: WireServer, fnr: Run) -> None:
    serve(server, RUNNING, PUT_BACK)
    found = fnr("dlq", "replay", ID1)
    assert (found.code, found.out) == (0, "3 replayed\n")
    [preview, started] = [r for r in server.asked if isinstance(r, ReplayLetters | StartReplay)]
    assert preview.dry_run
    assert started == StartReplay(task_ids=[ID1])


def test_who_is_not_told_whether_a_replay_began_is_told_where_it_would_stand(
    server: WireServer, fnr: Run
) -> None:
    server.answers[StartReplay] = Close()
    found = fnr("dlq", "replay", "--all", "-y")
    assert (found.code, "is not known" in found.err) == (3, True)
    assert f"try: fnr --home {server.home} replay list\n" in found.err
    assert len([one for one in server.asked if isinstance(one, StartReplay)]) == 1


def test_of_letters_with_one_unique_key_the_first_goes_on_whichever_page_it_stands(
    server: WireServer, fnr: Run
) -> None:
    takers = [
        KeyTaker(rank=2, task_id=ID1, function="b"),
        KeyTaker(rank=1, task_id=ID2, function="a"),
    ]
    server.answers[ReplayLetters] = Turns(
        ReplayReport(eligible=1, functions={"b": 1}, takers={"k": takers[0]}, next="c"),
        ReplayReport(eligible=1, functions={"a": 1}, takers={"k": takers[1]}),
    )
    found = fnr("dlq", "replay", "--all", "-n", "--order", "newest", "-o", "json").json
    assert (found["eligible"], found["functions"]) == (1, {"a": 1})
    assert (found["blocked"], found["examples"]) == ({SHARED_KEY: 1}, {SHARED_KEY: [ID1]})
    assert [request.order for request in server.asked] == [ReplayOrder.NEWEST] * 2


def test_a_dry_run_shows_who_can_go_and_why_others_cannot(server: WireServer, fnr: Run) -> None:
    server.answers[ReplayLetters] = Turns(replace(REPORT, next="c"), REPORT)
    found = fnr("dlq", "replay", "--where", "function:r*", "--dry-run")
    assert found.out == (
        "4 letters can be replayed\n"
        "         4  render\n"
        "2 cannot\n"
        f"         2  function old is not in fnr.toml  ({ID2}, {ID2})\n"
    )
    assert [request.after for request in server.asked] == [None, "c"]
    assert all(request.dry_run for request in server.asked)
    answer = fnr("dlq", "replay", "--all", "-n", "-o", "json").json
    assert (answer["eligible"], answer["replayed"]) == (2, 0)


def test_many_ids_are_looked_at_a_chunk_at_a_time(server: WireServer, fnr: Run) -> None:
    """A hundred thousand in one question took as long as an answer may."""
    server.answers[ReplayLetters] = REPORT
    ids = [f"{ID1[:-5]}{number:05}" for number in range(2 * CHUNK_IDS + 1)]
    found = fnr("dlq", "replay", "-", "-n", stdin="\n".join(ids))
    assert found.out.startswith("6 letters can be replayed\n")
    assert [len(request.task_ids) for request in server.asked] == [CHUNK_IDS, CHUNK_IDS, 1]
    assert [one for request in server.asked for one in request.task_ids] == ids


def test_a_replay_of_letters_that_cannot_go_says_so_in_json_as_well(
    server: WireServer, fnr: Run
) -> None:
    server.answers[ReplayLetters] = replace(REPORT, eligible=0, functions={})
    found = fnr("dlq", "replay", ID1, "-y", "-o", "json")
    assert found.code == 1
    assert (found.json["eligible"], found.json["blocked"]) == (0, REPORT.blocked)


def test_every_limit_reaches_the_plan(server: WireServer, fnr: Run) -> None:
    serve(server, DONE)
    words = (
        "--canary 5 --rate 100/m --ramp 10m --concurrency 8 --stop-on-failures 10%"
        " --order priority --keep-order-by tag.scene --reason night"
    )
    assert fnr("dlq", "replay", "--where", "a", "-y", *words.split()).code == 0
    assert server.asked[0] == StartReplay(
        where="a",
        reason="night",
        options=ReplayOptions(
            canary=5,
            rate_per_h=6_000,
            ramp_ms=600_000,
            concurrency=8,
            failures_percent=10,
            order=ReplayOrder.PRIORITY,
            keep_order_by="tag.scene",
        ),
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--rate", "5"],
        ["--rate", "0/s"],
        ["--rate", "0.1/h"],
        ["--stop-on-failures", "some"],
        ["--stop-on-failures", "0%"],
        ["--ramp", "10"],
        ["--concurrency", "0"],
        ["--stop-on-failures", "101%"],
        ["--keep-order-by", "scene"],
        ["--rate", "1000000/s", "-n"],
    ],
)
def test_a_limit_that_is_none_is_a_usage_error(
    server: WireServer, fnr: Run, words: list[str]
) -> None:
    assert fnr("dlq", "replay", "--all", "-y", *words).code == 2
    assert server.asked == []


def test_a_replay_is_not_resumed_with_a_limit_that_is_none(server: WireServer, fnr: Run) -> None:
    found = fnr("replay", "resume", "01JP", "--concurrency", "-1")
    assert (found.code, server.asked) == (2, [])
    assert "why: concurrency is 1 to 10000\n" in found.err


def test_a_replay_of_nothing_is_not_found(server: WireServer, fnr: Run) -> None:
    serve(server, replace(DONE, total=0, done=0))
    assert fnr("dlq", "replay", "--all", "-y").code == 4
    server.answers[ReplayLetters] = ReplayReport(eligible=0)
    assert fnr("dlq", "replay", ID1).code == 4


def test_letters_that_cannot_go_are_an_error_with_the_reason(server: WireServer, fnr: Run) -> None:
    server.answers[ReplayLetters] = ReplayReport(eligible=0, blocked={"already replaying": 1})
    found = fnr("dlq", "replay", ID1)
    assert found.code == 1
    assert "already replaying" in found.err
    assert not any(isinstance(request, StartReplay) for request in server.asked)


def test_letters_that_were_skipped_are_told_and_are_no_success(
    server: WireServer, fnr: Run
) -> None:
    some = replace(DONE, done=1, skipped=2)
    serve(server, some, reasons={"purged meanwhile": 2}, examples={"purged meanwhile": [ID1]})
    found = fnr("dlq", "replay", "--all", "-y")
    assert (found.code, found.out) == (1, "1 replayed\n")
    assert "2  purged meanwhile" in found.err


@pytest.mark.parametrize(
    ("plan", "code", "words"),
    [
        (DONE, 0, "3 replayed: 3 done\n"),
        (replace(DONE, done=2, dead=1), 1, "3 replayed: 2 done, 1 died again\n"),
        (replace(RUNNING, state=ReplayState.STOPPED, pending=2, dead=1), 1, "1 replayed: 2 left"),
    ],
)
def test_waiting_ends_with_the_plan(
    server: WireServer, fnr: Run, plan: ReplayPlan, code: int, words: str
) -> None:
    serve(server, PUT_BACK, PUT_BACK, plan)
    found = fnr("dlq", "replay", "--all", "-y", "--wait")
    assert found.code == code
    assert found.out.startswith(words)


HELD_BACK = replace(
    RUNNING, state=ReplayState.PAUSED, why="breaker storage is open", pending=2, done=1
)


def test_a_replay_that_goes_on_by_itself_is_waited_for(server: WireServer, fnr: Run) -> None:
    serve(server, HELD_BACK, HELD_BACK, RUNNING, DONE)
    found = fnr("dlq", "replay", "--all", "-y", "--wait")
    assert (found.code, found.out) == (0, "3 replayed: 3 done\n")
    assert found.err.count("notice: it waits: breaker storage is open\n") == 1


@pytest.mark.parametrize(
    "plan",
    [
        replace(HELD_BACK, options=ReplayOptions(failures_max=3)),
        replace(HELD_BACK, state_by="ann", why="lunch"),
        replace(HELD_BACK, state=ReplayState.STOPPED, why="1 died again, the limit is 1"),
    ],
)
def test_a_replay_that_somebody_must_resume_is_not_waited_for(
    server: WireServer, fnr: Run, plan: ReplayPlan
) -> None:
    serve(server, RUNNING, plan)
    found = fnr("dlq", "replay", "--all", "-y", "--wait")
    assert (found.code, found.out) == (1, "1 replayed: 2 left, 1 done\n")
    assert f"the replay is {plan.state}: {plan.why}\n" in found.err
    assert f"  try: fnr --home {server.home} replay show {PLAN_ID}\n" in found.err


def test_detached_prints_the_plan_and_follows_nothing(server: WireServer, fnr: Run) -> None:
    server.answers[StartReplay] = RUNNING
    assert fnr("dlq", "replay", "--all", "-y", "-d").out == f"{PLAN_ID}\n"
    assert [type(request) for request in server.asked] == [StartReplay]


def test_the_list_and_the_page_of_a_replay(server: WireServer, fnr: Run) -> None:
    paused = replace(
        RUNNING,
        state=ReplayState.PAUSED,
        why="breaker storage is open",
        where="function:render",
        reason="night",
        pending=1,
        dead=2,
        options=ReplayOptions(rate_per_h=18_000, failures_max=3),
    )
    server.answers |= {
        ListReplays: Page(items=[paused]),
        GetReplay: ReplayDetail(plan=paused, reasons={"died again: boom": 2}, examples={}),
    }
    assert fnr("replay", "list", "-o", "name").out == f"{PLAN_ID}\n"
    page = fnr("replay", "show", "01JP").out
    assert "letters:    3 that match function:render\n" in page
    assert "limits:     rate 5/s, stop at 3 failures, oldest first\n" in page
    assert "reason:     night\n" in page
    assert "progress:   1 left, 2 died again\n" in page
    assert "       2  died again: boom\n" in page
    assert f"go on:       fnr --home {server.home} replay resume {PLAN_ID}\n" in page
    assert fnr("replay", "show", "01JP", "-o", "json").json["plan"]["state"] == "paused"
    server.answers[GetReplay] = ReplayDetail(plan=replace(paused, options=ReplayOptions()))
    assert "go on:       by itself, as soon as" in fnr("replay", "show", "01JP").out


def test_what_people_and_breakers_did_with_a_replay_is_told_in_order(
    server: WireServer, fnr: Run
) -> None:
    made = ReplayMove(at_ms=1, state=ReplayState.PLANNING, by="ann", why="night")
    frozen = ReplayMove(at_ms=2, state=ReplayState.RUNNING, by="fnr", why="3 letters")
    paused = ReplayMove(at_ms=3, state=ReplayState.PAUSED, by="bob", why="lunch\nis ready")
    server.answers[GetReplay] = ReplayDetail(plan=RUNNING, moves=[made, frozen])
    assert "moves" not in fnr("replay", "show", "01JP").out
    server.answers[GetReplay] = ReplayDetail(plan=RUNNING, moves=[made, frozen, paused])
    page = fnr("replay", "show", "01JP").out.splitlines()
    told = page[page.index("moves") + 1 :]
    assert [line.split("  ", 2)[2] for line in told] == [
        "planning by ann: night",
        "running by fnr: 3 letters",
        "paused by bob: lunch is ready",
    ]


def test_letters_of_a_replay_are_listed_by_state(server: WireServer, fnr: Run) -> None:
    entry = ReplayEntry(task_id=ID1, state=EntryState.SKIPPED, why="purged meanwhile", at_ms=1)
    server.answers[ListReplayEntries] = Page(items=[entry])
    found = fnr("replay", "show", "01JP", "--letters", "skipped")
    assert "purged meanwhile" in found.out
    assert server.asked[-1].state is EntryState.SKIPPED


@pytest.mark.parametrize(
    ("words", "request_sent"),
    [
        (["pause", "01JP", "--reason", "x"], PauseReplays(plan_ids=["01JP"], reason="x")),
        (["cancel", "01JP"], CancelReplays(plan_ids=["01JP"])),
        (["resume", "01JP", "--rate", "2/s"], ResumeReplays(plan_ids=["01JP"], rate_per_h=7_200)),
        (["resume", "01JP", "--rate", "off"], ResumeReplays(plan_ids=["01JP"], rate_per_h=0)),
    ],
)
def test_a_replay_is_moved_by_hand(
    server: WireServer, fnr: Run, words: list[str], request_sent: Any
) -> None:
    server.answers[type(request_sent)] = Changed(changed=[PLAN_ID])
    assert fnr("replay", *words).code == 0
    assert server.asked == [request_sent]
