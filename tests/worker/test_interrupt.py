"""Ending attempts: requests, SIGTERM with its finally-blocks, and who is named as the killer."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest
from fake_daemon import FakeDaemon, Peer, WorkerUnderTest
from gates import Gate

from fnr.api.frames import Ack, Beat, Bye, Cancel, Done, Fail, Progress, Returned
from fnr.policy.evidence import KilledBy

HERE = Path(__file__).parent


def serve(daemon: FakeDaemon, name: str, **fields: object) -> tuple[WorkerUnderTest, Peer]:
    return daemon.serve(python=f"sample_functions:{name}", cwd=str(HERE), **fields)


def begun(peer: Peer, arguments: object) -> str:
    token = peer.run(arguments)
    peer.expect(Progress)
    return token


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["with_finally", "waits_for_ever"])
def test_sigterm_runs_the_finally_blocks_and_is_reported(
    daemon: FakeDaemon, name: str, number: signal.Signals
) -> None:
    note = daemon.folder / "note"
    worker, peer = serve(daemon, name)
    token = begun(peer, {"note": str(note)})
    worker.signal(number)
    fail = peer.expect(Fail)
    assert note.read_text() == "cleaned up"
    assert fail.token == token
    assert fail.evidence.killed_by is KilledBy.OPERATOR
    assert fail.evidence.kill_reason == f"the worker got {number.name}"
    assert name in fail.evidence.traceback
    assert worker.spooled == [token]
    peer.send(Ack(tokens=(token,)))
    assert peer.expect(Bye).reason == "stopped"
    assert worker.wait() == 0
    assert worker.spooled == []


def test_sigterm_after_a_cancel_carries_the_reason_of_the_cancel(daemon: FakeDaemon) -> None:
    note = daemon.folder / "note"
    worker, peer = serve(daemon, "with_finally")
    token = begun(peer, {"note": str(note)})
    peer.send(Cancel(token=token, reason="timeout", why="ran 2 s of at most 1 s"))
    peer.heard()
    worker.signal(signal.SIGTERM)
    evidence = peer.expect(Fail).evidence
    assert evidence.killed_by is KilledBy.TIMEOUT
    assert evidence.kill_reason == "ran 2 s of at most 1 s"


def test_without_an_ack_a_terminated_worker_leaves_its_result_in_the_spool(
    daemon: FakeDaemon,
) -> None:
    worker, peer = serve(daemon, "with_finally")
    token = begun(peer, {"note": str(daemon.folder / "note")})
    worker.signal(signal.SIGTERM)
    peer.expect(Fail)
    assert worker.wait() == 0
    assert worker.spooled == [token]


def test_a_second_sigterm_ends_the_worker_whatever_it_does(daemon: FakeDaemon, gate: Gate) -> None:
    worker, peer = serve(daemon, "deaf_to_sigterm")
    begun(peer, {"gate": str(gate)})
    worker.signal(signal.SIGTERM)
    assert peer.expect(Progress).done == 2  # it caught the interruption and goes on
    worker.signal(signal.SIGTERM)
    assert worker.wait() == -signal.SIGTERM


def test_a_function_that_finishes_despite_sigterm_has_succeeded(
    daemon: FakeDaemon, gate: Gate
) -> None:
    worker, peer = serve(daemon, "deaf_to_sigterm")
    token = begun(peer, {"gate": str(gate)})
    worker.signal(signal.SIGTERM)
    peer.expect(Progress)
    gate.open("saved")
    done = peer.expect(Done)
    assert msgspec.json.decode(done.result) == "saved"
    peer.send(Ack(tokens=(token,)))
    assert worker.wait() == 0


def test_sigterm_gives_the_window_back(daemon: FakeDaemon) -> None:
    note = daemon.folder / "note"
    worker, peer = serve(daemon, "with_finally")
    token = begun(peer, {"note": str(note)})
    waiting = peer.run({"note": str(note)})
    peer.heard()
    worker.signal(signal.SIGTERM)
    said = peer.said(2)
    assert {frame.token for frame in said if isinstance(frame, Fail)} == {token}
    assert [frame.tokens for frame in said if isinstance(frame, Returned)] == [(waiting,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_says_goodbye(daemon: FakeDaemon, number: int) -> None:
    worker, peer = serve(daemon, "nothing")
    assert peer.result() is None
    worker.signal(number)
    assert peer.expect(Bye)
    assert worker.wait() == 0


def test_sigterm_while_the_daemon_is_away_ends_the_worker(daemon: FakeDaemon) -> None:
    worker, peer = serve(daemon, "echo")
    token = peer.run({"a": 1})
    peer.expect(Done)
    daemon.go_away()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert worker.spooled == [token]


def test_a_python_function_is_asked_and_answers(daemon: FakeDaemon, gate: Gate) -> None:
    _, peer = serve(daemon, "ask_then_end")
    token = begun(peer, {"gate": str(gate)})
    peer.send(Cancel(token=token, reason="cancel", why="by the operator", force=True))
    peer.heard()
    gate.open()
    evidence = peer.expect(Fail).evidence
    assert (evidence.killed_by, evidence.kill_reason) == (KilledBy.CANCEL, "by the operator")
    assert evidence.message == "RuntimeError: cancelled"
    # The next attempt is not cancelled.
    begun(peer, {"gate": str(gate)})
    gate.open()
    assert msgspec.json.decode(peer.expect(Done).result) == "not cancelled"


def test_a_cancel_for_somebody_else_changes_nothing(daemon: FakeDaemon, gate: Gate) -> None:
    _, peer = serve(daemon, "ask_then_end")
    begun(peer, {"gate": str(gate)})
    peer.send(Cancel(token="another", reason="cancel"))
    peer.heard()
    gate.open()
    assert msgspec.json.decode(peer.expect(Done).result) == "not cancelled"


def test_a_coroutine_is_cancelled_and_the_loop_lives_on(daemon: FakeDaemon) -> None:
    note = daemon.folder / "note"
    _, peer = serve(daemon, "waits_for_ever")
    for _ in range(2):
        token = begun(peer, {"note": str(note)})
        peer.send(Cancel(token=token, reason="a word of a newer daemon"))
        fail = peer.expect(Fail)
        assert fail.evidence.killed_by is KilledBy.CANCEL
        assert fail.evidence.exceptions[0].type == "asyncio.exceptions.CancelledError"
        assert note.read_text() == "cleaned up"
        note.unlink()


@pytest.mark.parametrize("insisted", [False, True])
def test_a_coroutine_that_is_ended_is_over_when_what_it_started_is(
    daemon: FakeDaemon, gate: Gate, *, insisted: bool
) -> None:
    """Method: what it has started waits at a gate; a beat says that the attempt goes on."""
    worker, peer = serve(daemon, "leaves_a_child")
    token = begun(peer, {"pipe": str(gate)})
    peer.send(Cancel(token=token, reason="timeout", why="took too long", force=True))
    peer.heard()
    peer.expect(Beat)
    if insisted:
        worker.signal(signal.SIGTERM)
    else:
        gate.open()
    evidence = peer.expect(Fail).evidence
    assert (evidence.killed_by, evidence.kill_reason) == (KilledBy.TIMEOUT, "took too long")
    if insisted:
        gate.open()
        assert peer.expect(Bye).reason == "stopped"
    else:
        begun(peer, {"pipe": str(gate)})
        gate.open()
