"""Guarded calls in a real worker: when they begin, what is told of them, who has the trial."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_daemon import FakeDaemon, Peer

from fnr.api.frames import Called, Done, Fail, Returned, Unseen
from fnr.host.breaker_file import BreakerFile, BreakerRecord
from fnr.host.breaker_lease import TrialLeases
from fnr.host.clock import Clock
from fnr.policy.evidence import Evidence
from fnr.worker.breakers import Calls

HOUR_MS = 3_600_000
GUARDED = "sample_functions:guarded"


class Shown:
    """The daemon's file of breakers, and the leases of another process."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "breakers"
        self.trials = str(folder / "trials")
        self._file = BreakerFile(str(self.path), Clock().boot_id())
        self.leases = TrialLeases(self.trials)

    def show(
        self, state: str, *, generation: int = 1, listens: bool = False, call_max_ms: int = 0
    ) -> None:
        """Show the breaker of storage in this state for an hour."""
        until_ms = Clock().boot_ms() + HOUR_MS if state.endswith("open") else 0
        record = BreakerRecord(
            name="storage",
            state=state,
            generation=generation,
            until_ms=until_ms,
            listens=listens or state == "half_open",
            call_max_ms=call_max_ms,
        )
        self._file.publish([record])


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path)


@pytest.fixture
def peer(tmp_path: Path, shown: Shown) -> Iterator[Peer]:
    """A worker that runs `guarded`, ready."""
    folder = tmp_path / "d"
    folder.mkdir()
    with FakeDaemon(folder) as daemon:
        _, peer = daemon.serve(
            python=GUARDED,
            cwd=str(Path(__file__).parent),
            breaker_path=str(shown.path),
            trial_path=shown.trials,
        )
        yield peer


def told(peer: Peer, **arguments: object) -> tuple[list[Called], Done | Fail]:
    """What is said of the calls of one attempt, and how it ended."""
    peer.run(arguments)
    calls = []
    while True:
        frame = peer.read()
        if isinstance(frame, Called):
            calls.append(frame)
        elif isinstance(frame, Done | Fail):
            return calls, frame


def evidence_of(ended: Done | Fail) -> Evidence:
    assert isinstance(ended, Fail)
    return ended.evidence


def test_while_all_is_well_nothing_is_said(shown: Shown, peer: Peer) -> None:
    shown.show("closed")
    calls, ended = told(peer)
    assert calls == []
    assert isinstance(ended, Done)


def test_a_failure_is_told_before_the_end_and_names_its_service(shown: Shown, peer: Peer) -> None:
    shown.show("closed", generation=4)
    [call], ended = told(peer, error="ConnectionResetError")
    assert (call.service, call.generation) == ("storage", 4)
    assert call.evidence is not None
    assert call.evidence.exceptions[0].type == "ConnectionResetError"
    evidence = evidence_of(ended)
    assert (evidence.service, evidence.guarded) == ("storage", ("storage",))
    assert call.token == ended.token


def test_a_failure_that_the_function_catches_is_told_too(shown: Shown, peer: Peer) -> None:
    shown.show("closed")
    [call], ended = told(peer, error="OSError", caught=True)
    assert call.evidence is not None
    assert isinstance(ended, Done)


def test_a_failure_elsewhere_is_not_blamed_on_the_call_that_went_well(
    shown: Shown, peer: Peer
) -> None:
    shown.show("closed")
    calls, ended = told(peer, after="RuntimeError")
    assert calls == []
    assert (evidence_of(ended).service, evidence_of(ended).guarded) == ("", ("storage",))


def test_successes_are_told_to_a_daemon_that_listens(shown: Shown, peer: Peer) -> None:
    shown.show("closed", listens=True)
    [call], _ = told(peer)
    assert call.evidence is None


@pytest.mark.parametrize("how", ["tasks", "threads", "nested"])
def test_each_of_several_calls_that_one_object_guards_at_once_is_told(
    tmp_path: Path, shown: Shown, how: str
) -> None:
    shown.show("closed", listens=True)
    folder = tmp_path / "d"
    folder.mkdir()
    with FakeDaemon(folder) as daemon:
        _, peer = daemon.serve(
            python=f"{GUARDED}_at_once",
            cwd=str(Path(__file__).parent),
            breaker_path=str(shown.path),
            trial_path=shown.trials,
        )
        calls, ended = told(peer, how=how)
        assert [call.evidence for call in calls] == [None] * 3
        assert isinstance(ended, Done)
        calls, ended = told(peer, how=how, fails=True)
        failed = [call.evidence.exceptions[0].type for call in calls if call.evidence is not None]
        assert failed == ["OSError"] * 3
        assert isinstance(ended, Done)


@pytest.mark.parametrize("error", ["KeyError", "KeyboardInterrupt"])
def test_what_says_nothing_of_the_service_is_not_told(shown: Shown, peer: Peer, error: str) -> None:
    """KeyError is ignored by the function; an interruption is nobody's failure."""
    shown.show("closed")
    calls, _ = told(peer, error=error)
    assert calls == []


def test_one_exception_may_be_ignored_without_brackets(shown: Shown, peer: Peer) -> None:
    """Refused only when it is raised, it would be lost behind a TypeError of ours."""
    shown.show("closed")
    calls, ended = told(peer, error="KeyError", ignores_one=True)
    assert calls == []
    assert evidence_of(ended).message == "KeyError: 'no'"


@pytest.mark.parametrize("state", ["open", "forced_open"])
def test_an_open_breaker_refuses_and_the_end_says_so(shown: Shown, peer: Peer, state: str) -> None:
    shown.show(state)
    calls, ended = told(peer, wrapped=state == "open")
    evidence = evidence_of(ended)
    assert calls == []
    assert evidence.refused_by == "storage"
    assert evidence.message.startswith("breaker storage is open for another 3")
    assert evidence.retry_after_ms is not None
    assert 0 < evidence.retry_after_ms <= HOUR_MS


@pytest.mark.parametrize("state", ["forced_closed", "shadow"])
def test_forced_closed_and_shadow_let_calls_through(shown: Shown, peer: Peer, state: str) -> None:
    shown.show(state)
    assert isinstance(told(peer)[1], Done)


def test_a_trial_needs_the_lease_and_gives_it_back(shown: Shown, peer: Peer) -> None:
    shown.show("half_open", generation=7)
    assert shown.leases.take("storage")
    _, ended = told(peer)
    assert evidence_of(ended).refused_by == "storage"
    shown.leases.release("storage")
    [call], ended = told(peer)
    assert (call.generation, call.evidence) == (7, None)
    assert isinstance(ended, Done)
    assert shown.leases.take("storage")


def test_a_call_within_a_trial_belongs_to_it(shown: Shown, peer: Peer) -> None:
    shown.show("half_open")
    calls, ended = told(peer, nested=True)
    assert isinstance(ended, Done)
    assert len(calls) == 1


def test_an_attempt_that_is_a_trial_holds_the_lease_while_it_runs(shown: Shown, peer: Peer) -> None:
    """Method: the function itself says whether another process can have it."""
    shown.show("half_open")
    peer.run({"lease": shown.trials}, trials=("storage",))
    assert bytes(peer.expect(Done).result) == b"false"
    assert shown.leases.take("storage")


def test_an_attempt_whose_trial_somebody_else_has_is_given_back(shown: Shown, peer: Peer) -> None:
    shown.show("half_open")
    assert shown.leases.take("storage")
    token = peer.run({}, trials=("storage",))
    assert peer.expect(Returned).tokens == (token,)
    shown.leases.release("storage")
    peer.run({}, trials=("storage",))
    peer.expect(Done)


def test_a_file_that_cannot_be_read_is_asked_for_and_stops_nobody(shown: Shown, peer: Peer) -> None:
    peer.run({})
    assert peer.expect(Unseen).services == ("storage",)
    peer.expect(Done)


@pytest.mark.parametrize("damage", ["empty", "garbage"])
def test_what_was_seen_last_counts_while_the_file_is_damaged(
    shown: Shown, peer: Peer, damage: str
) -> None:
    shown.show("open")
    assert evidence_of(told(peer)[1]).refused_by == "storage"
    match damage:
        case "empty":
            shown.path.write_bytes(b"")
        case "garbage":
            shown.path.write_bytes(b"\xff" * 1_000)
    peer.run({})
    assert peer.expect(Unseen).services == ("storage",)
    assert peer.expect(Fail).evidence.refused_by == "storage"
    shown.show("closed", generation=2)
    assert isinstance(told(peer)[1], Done)


def test_a_service_that_fails_all_the_time_does_not_flood_the_daemon(
    shown: Shown, peer: Peer
) -> None:
    shown.show("closed")
    calls, ended = told(peer, error="OSError", caught=True, times=2_000)
    assert isinstance(ended, Done)
    assert 0 < len(calls) <= 200


@pytest.mark.parametrize("error", ["", "OSError"])
def test_a_call_that_hangs_is_told_of_while_it_does_and_counts_once(
    shown: Shown, peer: Peer, tmp_path: Path, error: str
) -> None:
    shown.show("closed", generation=5, call_max_ms=30)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    peer.run({"gate": str(gate), "error": error})
    call = peer.expect(Called)
    assert (call.service, call.generation, call.evidence) == ("storage", 5, None)
    assert call.slow_ms >= 30
    gate.write_text("")
    ended = peer.read()
    while not isinstance(ended, Done | Fail):
        assert not isinstance(ended, Called), "one call, one failure"
        ended = peer.read()
    assert isinstance(ended, Fail) is bool(error)
    if error:
        assert evidence_of(ended).service == "storage"


def test_a_call_within_its_time_is_as_quiet_as_any(shown: Shown, peer: Peer) -> None:
    shown.show("closed", call_max_ms=HOUR_MS)
    assert told(peer, times=3)[0] == []
    [call], _ = told(peer, error="OSError")
    assert (call.slow_ms, call.evidence is None) == (0, False)


@pytest.mark.parametrize(("taken_ms", "slow_ms"), [(29, []), (30, [30]), (500, [500])])
def test_a_call_that_ends_late_is_told_of_by_its_own_end(
    shown: Shown, taken_ms: int, slow_ms: list[int]
) -> None:
    """Method: no control thread, as when a call holds the GIL for all of its time."""
    shown.show("closed", call_max_ms=30)
    clock = SteppedClock()
    reports: list[Called] = []
    duty = SimpleNamespace(trials=None, running=None, report=reports.append)
    calls = Calls(
        cast("Any", duty),
        path=str(shown.path),
        clock=clock,
        wake=lambda: None,
        wake_at=lambda _at_ms, *, now_ms: None,
    )
    guard = calls.guard("storage", ())
    clock.stepped_ms += taken_ms
    guard.end(None)
    assert [call.slow_ms for call in reports] == slow_ms
    assert calls.look(clock.boot_ms()) is None


class SteppedClock(Clock):
    """Stands still unless it is told to go on."""

    stepped_ms = 1_000

    def boot_ms(self) -> int:
        return self.stepped_ms


def test_in_a_plain_script_calls_are_not_guarded() -> None:
    script = """
import asyncio, fnr
with fnr.breaker("storage"):
    print("with")
@fnr.breaker("storage")
def plain(): return "above"
print(plain())
async def main():
    async with fnr.breaker("storage"):
        print("async with")
    @fnr.breaker("storage")
    async def later(): return "above async"
    print(await later())
asyncio.run(main())
try:
    raise fnr.BreakerOpen("storage", "open", 3.0)
except fnr.BreakerOpen as error:
    print(error, error.retry_after)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:-1] == [
        "with",
        "above",
        "async with",
        "above async",
        "breaker storage is open 3.0",
    ]
    assert done.stderr.count("RuntimeWarning") == 1
