"""`fnr breaker`: what it asks the daemon, what it shows, and with which exit code."""

from __future__ import annotations

import msgspec
import pytest
from cli_runs import Run
from msgspec.structs import replace
from wire_server import WireServer

from fnr.api.breaker_requests import (
    ForceBreakers,
    GetBreaker,
    ListBreakerMoves,
    ListBreakers,
    ProbeBreaker,
    ProbeReport,
    ResetBreakers,
)
from fnr.api.question import Changed
from fnr.host.clock import Clock
from fnr.policy.breaker import BreakerState
from fnr.policy.breaker_record import BreakerDetail, BreakerMoveRecord, BreakerStatus

NOW_MS = Clock().now_ms()
OPEN = BreakerStatus(
    name="storage",
    state=BreakerState.OPEN,
    own=BreakerState.OPEN,
    generation=3,
    until_at_ms=NOW_MS + 3_600_000,
    since_at_ms=NOW_MS - 5_000,
    why="5 failures in a row (failures 5)",
    by="fnr",
    streak=5,
    recent="..xxxxx",
    sum=9.2,
    openings=1,
    samples=("render: \x1b[31mno such host",),
)
MOVE = BreakerMoveRecord(
    name="storage",
    generation=3,
    at_ms=NOW_MS - 5_000,
    before=BreakerState.CLOSED,
    after=BreakerState.OPEN,
    why=OPEN.why,
    by="fnr",
    facts={"samples": list(OPEN.samples)},
)


@pytest.fixture
def daemon(server: WireServer) -> WireServer:
    """A daemon with one open breaker."""
    server.answers |= {
        ListBreakers: [OPEN],
        GetBreaker: BreakerDetail(breaker=OPEN, moves=[MOVE]),
        ListBreakerMoves: [MOVE],
        ForceBreakers: Changed(changed=["storage"]),
        ResetBreakers: Changed(changed=["storage"]),
        ProbeBreaker: ProbeReport(
            name="storage", healthy=False, found="HTTP 503", took_ms=3, state=BreakerState.OPEN
        ),
    }
    return server


def test_the_list_says_state_end_and_why(daemon: WireServer, fnr: Run) -> None:
    [row] = fnr("breaker", "list").out.splitlines()
    cells = row.split("\t")
    assert cells[:2] == ["storage", "open"]
    assert cells[-1] == OPEN.why
    listed = msgspec.json.decode(fnr("breaker", "list", "-o", "json").out)
    assert (listed["schema"], listed["total"]) == ("fnr.breaker.list/1", 1)
    assert fnr("breaker", "list", "-o", "name").out == "storage\n"


def test_the_page_has_numbers_and_no_escapes(daemon: WireServer, fnr: Run) -> None:
    page = fnr("breaker", "show", "storage").out
    assert "\x1b" not in page
    assert "..xxxxx (x failed), 5 failures in a row" in page
    assert "[breakers.storage]\nfailures = 5\n" in page
    shown = msgspec.json.decode(fnr("breaker", "show", "storage", "-o", "json").out)
    assert shown["schema"] == "fnr.breaker/1"
    assert shown["settings"]["window"] == "6 of 10"


def test_why_tells_what_opened_it_and_what_closes_it(daemon: WireServer, fnr: Run) -> None:
    story = fnr("breaker", "why", "storage").out
    assert story.startswith("breaker storage is open, ends in ")
    assert "it closes when one trial succeeds" in story
    assert f"to close it by hand: fnr --home {daemon.home} breaker reset storage" in story


@pytest.mark.parametrize(
    ("left_ms", "openings", "told"),
    [
        (60_500, 1, "it is tested in 1m, with one task at a time"),
        (-5_000, 1, "it is tested now, with one task at a time"),
        (60_500, 1, "it is tested as soon as its health probe succeeds"),
        (60_500, 3, "task at a time, if its health probe has succeeded by then"),
        (-5_000, 3, "it is tested as soon as its health probe succeeds"),
    ],
)
def test_why_tells_when_it_is_tested(
    daemon: WireServer, fnr: Run, left_ms: int, openings: int, told: str
) -> None:
    """Where there is a health probe no task is spent before that succeeds, however long."""
    toml = daemon.home / "fnr.toml"
    if "probe" in told:
        toml.write_text('version = 1\n[breakers.storage]\nprobe = "127.0.0.1:9"\n')
    breaker = replace(OPEN, until_at_ms=Clock().now_ms() + left_ms, openings=openings)
    daemon.answers[GetBreaker] = BreakerDetail(breaker=breaker, moves=[MOVE])
    story = fnr("breaker", "why", "storage").out
    assert told in story
    assert ("ends in " in story.partition("\n")[0]) == (left_ms > 0)
    assert ("its rest is over" in story) == (left_ms < 0)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("forced_closed", "then it is closed, and its calls count again"),
        ("forced_open", "then it is tested, with one task at a time"),
        ("forced_open", "then it is tested, as soon as its health probe succeeds, with one task"),
        ("shadow", "behind it, its calls have made it open"),
    ],
)
def test_why_tells_what_comes_when_a_forced_time_is_over(
    daemon: WireServer, fnr: Run, state: str, told: str
) -> None:
    """What its calls had made of it before somebody forced it is not what it will be."""
    if "probe" in told:
        toml = daemon.home / "fnr.toml"
        toml.write_text('version = 1\n[breakers.storage]\nprobe = "127.0.0.1:9"\n')
    breaker = replace(OPEN, state=BreakerState(state), forced_by="ann")
    daemon.answers[GetBreaker] = BreakerDetail(breaker=breaker, moves=[MOVE])
    story = fnr("breaker", "why", "storage").out
    assert told in story
    assert ("made it open" in story) == (state == "shadow")


@pytest.mark.parametrize("state", ["forced_open", "forced_closed", "shadow"])
def test_why_tells_that_a_lasting_shadow_comes_back_and_cannot_be_reset(
    daemon: WireServer, fnr: Run, state: str
) -> None:
    (daemon.home / "fnr.toml").write_text("version = 1\n[breakers.storage]\nshadow = true\n")
    day_ms = 24 * 3_600_000
    for_ms, by = (36_500 * day_ms, "fnr.toml") if state == "shadow" else (day_ms, "ann")
    breaker = replace(
        OPEN,
        state=BreakerState(state),
        own=BreakerState.CLOSED,
        until_at_ms=Clock().now_ms() + for_ms,
        forced_by=by,
    )
    daemon.answers[GetBreaker] = BreakerDetail(breaker=breaker, moves=[MOVE])
    story = fnr("breaker", "why", "storage").out
    assert ("breaker reset storage" in story) == (state != "shadow")
    assert ("then it only watches again" in story) == (state != "shadow")
    assert ("shadow = false" in story) == (state == "shadow")


def test_why_tells_nothing_of_an_opening_that_is_over(daemon: WireServer, fnr: Run) -> None:
    def moved(before: str, after: str, why: str) -> BreakerMoveRecord:
        return replace(MOVE, before=BreakerState(before), after=BreakerState(after), why=why)

    over = moved("half_open", "closed", "1 of 1 trial succeeded")
    by_hand = moved("closed", "forced_open", "disks")
    tested = moved("forced_open", "half_open", "its time is over")
    forced = replace(OPEN, state=BreakerState.FORCED_OPEN, own=BreakerState.CLOSED, why="disks")
    half = replace(OPEN, state=BreakerState.HALF_OPEN, own=BreakerState.HALF_OPEN)
    for breaker, moves, told in (
        (forced, [by_hand, over, MOVE], None),
        (half, [tested, by_hand, over, MOVE], "disks"),
        (replace(forced, own=BreakerState.OPEN), [by_hand, MOVE, over], MOVE.why),
    ):
        daemon.answers[GetBreaker] = BreakerDetail(breaker=breaker, moves=moves)
        story = fnr("breaker", "why", "storage").out
        assert [line.partition(" ago: ")[2] for line in story.splitlines() if "opened" in line] == (
            [told] if told else []
        )
        # What somebody opened was not opened by the failures before that.
        assert ("no such host" in story) == (told == MOVE.why)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("open", BreakerState.FORCED_OPEN),
        ("close", BreakerState.FORCED_CLOSED),
        ("disable", BreakerState.SHADOW),
    ],
)
def test_forcing_asks_for_a_state_a_time_and_a_reason(
    daemon: WireServer, fnr: Run, word: str, state: BreakerState
) -> None:
    assert fnr("breaker", word, "storage", "--for", "10m", "--reason", "disks").code == 0
    assert daemon.asked == [
        ForceBreakers(names=["storage"], state=state, for_ms=600_000, reason="disks")
    ]


def test_a_time_without_a_unit_is_refused(daemon: WireServer, fnr: Run) -> None:
    ran = fnr("breaker", "open", "storage", "--for", "10")
    assert ran.code == 2
    assert "--for" in ran.err


def test_reset_history_and_probe(daemon: WireServer, fnr: Run) -> None:
    assert fnr("breaker", "reset", "storage", "--reason", "well").code == 0
    assert fnr("breaker", "history", "storage", "--limit", "5").out.endswith(f"{MOVE.why}\n")
    ran = fnr("breaker", "probe", "storage")
    assert ran.code == 1
    assert ran.out.startswith("storage is ill: HTTP 503 (3 ms)")
    assert daemon.asked == [
        ResetBreakers(names=["storage"], reason="well"),
        ListBreakerMoves(name="storage", limit=5),
        ProbeBreaker(name="storage"),
    ]
