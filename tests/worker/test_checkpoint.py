"""Checkpoints: kept when the daemon says so, said again to the next daemon, given back."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from fake_daemon import FakeDaemon, Peer, WorkerUnderTest
from gates import Gate
from msgspec import Raw

import fnr
from fnr.api.frames import Ack, Checkpoint, Done, Kept, Progress
from fnr.worker.sdk import CHECKPOINT_BYTES_MAX

HERE = Path(__file__).parent


def serve(daemon: FakeDaemon, name: str) -> tuple[WorkerUnderTest, Peer]:
    return daemon.serve(python=f"sample_functions:{name}", cwd=str(HERE))


def test_a_checkpoint_is_believed_when_the_daemon_has_it(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "keeps")
    token = peer.run({"data": {"step": 3, "ü": None}})
    said = peer.expect(Checkpoint)
    assert (said.token, msgspec.json.decode(said.data)) == (token, {"step": 3, "ü": None})
    peer.send(Kept(token=token, number=said.number + 7))  # of another one: no answer
    peer.send(Kept(token=token, number=said.number))
    assert peer.expect(Done).result == Raw(b"true")
    peer.send(Ack(tokens=(token,)))


def test_a_checkpoint_that_nobody_took_is_said_to_the_next_daemon(daemon: FakeDaemon) -> None:
    """The daemon dies between the checkpoint and its commit."""
    _, peer = serve(daemon, "keeps")
    token = peer.run({"data": 1})
    first = peer.expect(Checkpoint)
    daemon.go_away()
    daemon.listen()
    peer = daemon.accept()
    assert peer.hello.running == (token,)
    again = peer.expect(Checkpoint)
    assert again == first
    peer.send(Kept(token=token, number=again.number))
    assert peer.expect(Done).result == Raw(b"true")


def test_a_checkpoint_whose_place_a_newer_one_took_is_not_waited_for(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """Its thread was told after 5 seconds that nobody had taken it."""
    _, peer = serve(daemon, "keeps_at_once")
    token = peer.run({"gate": str(gate)})
    peer.expect(Checkpoint)
    gate.open()
    second = peer.expect(Checkpoint)
    assert msgspec.json.decode(second.data) == "second"
    peer.send(Kept(token=token, number=second.number))
    assert peer.expect(Done).result == Raw(b"[true,true]")


def test_the_next_attempt_begins_from_it(daemon: FakeDaemon) -> None:
    _, peer = serve(daemon, "begins_from")
    assert peer.result({}, checkpoint='{"step":3}') == {"step": 3}
    assert peer.result({}) is None


def test_what_outlives_its_attempt_says_nothing_for_the_next(
    daemon: FakeDaemon, gate: Gate, tmp_path: Path
) -> None:
    """As a thread of asyncio.to_thread does whose attempt was cancelled or is out of time."""
    _, peer = serve(daemon, "outlived")
    with Gate(tmp_path / "note") as note:
        given = {"gate": str(gate), "note": str(note)}
        assert peer.result({**given, "first": True}, task_id="the-first") == "left"
        peer.run(given)
        peer.expect(Progress)
        gate.open()
        done = peer.expect(Done)  # and no Checkpoint before it
    assert not done.undo
    assert msgspec.json.decode(msgspec.json.decode(done.result)) == {
        "kept": False,
        "cancelled": True,
        "key": "the-first",
        "number": 1,
        "undo": "no attempt is running that this undo step could belong to",
    }


def test_a_preview_travels_with_the_progress(daemon: FakeDaemon, gate: Gate) -> None:
    _, peer = serve(daemon, "previews")
    peer.run({"path": "/tmp/half.png", "gate": str(gate.path)})
    told = peer.expect(Progress)
    assert (told.done, told.total, told.stage, told.preview) == (1, 2, "half", "/tmp/half.png")
    gate.open()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (object(), TypeError),
        ("x" * CHECKPOINT_BYTES_MAX, ValueError),
        ({"loss": math.nan}, ValueError),
        ({"raw": Raw(b"no JSON")}, ValueError),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_plain_script_too(
    data: object, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        fnr.checkpoint(data)
