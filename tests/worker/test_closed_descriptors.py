"""Functions that close what their worker needs, or put something else in its place."""

from __future__ import annotations

import contextlib
import socket

import msgspec
import pytest
from fake_daemon import Ended, FakeDaemon, Peer, WorkerUnderTest
from gates import Gate

from fnr.api.frames import Ack, Beat, Bye, Done, Progress, Unloadable
from fnr.policy.evidence import Phase

FUNCTIONS = """
import os
import socket
import sys

import fnr

kept = []

def close_all(first):
    os.closerange(first, 4096)
    return "closed"

def close_all_and_hide(folder):
    os.closerange(0, 4096)
    os.rename(folder, folder + ".hidden")
    return "hidden"

def close_and_open(path):
    os.closerange(3, 4096)
    for _ in range(20):
        kept.append(open(path, "r+b", buffering=0))
    return "opened"

def close_and_connect(path):
    os.closerange(3, 4096)
    for _ in range(10):
        kept.append(socket.socket(socket.AF_UNIX))
        kept[-1].connect(path)
    return "connected"

def close_and_go_on(path, told, gate):
    os.closerange(3, 4096)
    for _ in range(10):
        kept.append(open(path, "rb", buffering=0))
        kept.append(socket.socket(socket.AF_UNIX))
        kept[-1].connect(told)
    fnr.progress(1)
    open(gate).read()
    return [one.read().decode() for one in kept[::2]] + [one.recv(1).decode() for one in kept[1::2]]

def close_streams(gate):
    os.close(1)
    os.close(2)
    fnr.progress(1)
    open(gate).read()
    try:
        print("words", file=sys.stderr, flush=True)
    except OSError:
        return "closed"

def print_later(gate=""):
    if gate:
        return close_streams(gate)
    print("printed later", flush=True)

class Hostile:
    def write(self, words):
        raise SystemExit("write")

    def flush(self):
        raise SystemExit("flush")

def replace_streams():
    sys.stdout = sys.stderr = Hostile()
    return "replaced"

def delete_stream():
    if hasattr(sys, "stdout"):
        del sys.stdout
    return "deleted"
"""


def serve(daemon: FakeDaemon, name: str, **fields: str) -> tuple[WorkerUnderTest, Peer]:
    (daemon.folder / "closers.py").write_text(FUNCTIONS)
    return daemon.serve(python=f"closers:{name}", cwd=str(daemon.folder), **fields)


def told_later(daemon: FakeDaemon, peer: Peer, arguments: object = None) -> object:
    """The result of an attempt whose worker has lost its connection, and leaves."""
    token = peer.run(arguments)
    peer.at_end()
    again = daemon.accept()
    assert again.hello.finished == (token,)
    done = again.expect(Done)
    again.send(Ack(tokens=(token,)))
    assert "closed file descriptors" in again.expect(Bye).reason
    again.at_end()
    return msgspec.json.decode(done.result)


@pytest.mark.parametrize("then", ["", "raise KeyError('no')"])
def test_a_function_that_closes_them_when_it_is_imported_is_told_so(
    daemon: FakeDaemon, then: str
) -> None:
    """Its worker ended with exit code 1, and nobody was told why."""
    module = f"import os\nos.closerange(3, 4096)\ndef run() -> None: ...\n{then}\n"
    (daemon.folder / "closes.py").write_text(module)
    daemon.start(python="closes:run", cwd=str(daemon.folder))
    said: Unloadable | None = None
    while said is None:
        with contextlib.suppress(Ended):  # what the import has closed
            said = daemon.accept().expect(Unloadable)
    assert said.evidence.phase is Phase.IMPORT
    closed = "ImportError: importing it closes file descriptors of its worker"
    assert said.evidence.message == ("KeyError: 'no'" if then else closed)


@pytest.mark.parametrize("first", [0, 3])
def test_the_result_is_told_and_the_worker_leaves(daemon: FakeDaemon, first: int) -> None:
    worker, peer = serve(daemon, "close_all")
    assert told_later(daemon, peer, {"first": first}) == "closed"
    assert worker.wait() == 0
    assert "the function closed file descriptors of its worker" in worker.log


def test_the_result_is_told_also_where_the_log_cannot_be_opened_again(daemon: FakeDaemon) -> None:
    """As by a worker of another user: the log is in a folder that is closed to it."""
    logs = daemon.folder / "logs"
    logs.mkdir()
    worker, peer = serve(daemon, "close_all_and_hide", log_path=str(logs / "own.log"))
    assert told_later(daemon, peer, {"folder": str(logs)}) == "hidden"
    assert worker.wait() == 0


def test_what_the_function_opened_instead_is_not_touched(daemon: FakeDaemon) -> None:
    precious = daemon.folder / "precious"
    precious.write_bytes(b"x")
    worker, peer = serve(daemon, "close_and_open")
    assert told_later(daemon, peer, {"path": str(precious)}) == "opened"
    assert worker.wait() == 0
    assert precious.read_bytes() == b"x"


def test_nothing_is_said_to_a_connection_of_the_function(daemon: FakeDaemon) -> None:
    path = str(daemon.folder / "another.sock")
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(path)
        another.listen(10)
        worker, peer = serve(daemon, "close_and_connect")
        assert told_later(daemon, peer, {"path": path}) == "connected"
        assert worker.wait() == 0
        for _ in range(10):
            with another.accept()[0] as heard:
                assert heard.recv(1) == b""


def test_what_the_function_opened_instead_is_not_read_while_it_runs(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """Whoever listens for us had its numbers; the function's file began 8 bytes later then."""
    path, told = daemon.folder / "precious", str(daemon.folder / "another.sock")
    path.write_text("precious words")
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(told)
        another.listen(10)
        _, peer = serve(daemon, "close_and_go_on")
        token = peer.run({"path": str(path), "told": told, "gate": str(gate)})
        theirs = [another.accept()[0] for _ in range(10)]
        for one in theirs:
            one.sendall(b"x")
        peer.at_end()
        again = daemon.accept()
        assert again.hello.running == (token,)
        again.expect(Beat)
        gate.open()
        done = again.expect(Done)
        assert msgspec.json.decode(done.result) == ["precious words"] * 10 + ["x"] * 10
        again.send(Ack(tokens=(token,)))
        for one in theirs:
            with one:
                assert one.recv(1) == b""


def test_what_prints_to_closed_streams_says_nothing_to_the_daemon(
    daemon: FakeDaemon, gate: Gate
) -> None:
    """The next connection had their numbers; what was printed was a garbage frame each."""
    worker, peer = serve(daemon, "print_later")
    token = peer.run({"gate": str(gate)})
    assert isinstance(peer.read(), Progress)
    daemon.go_away()
    daemon.listen()
    again = daemon.accept()
    gate.open()
    assert again.expect(Done).token == token
    again.send(Ack(tokens=(token,)))
    assert again.result() is None
    assert "printed later" in worker.log


@pytest.mark.parametrize("name", ["replace_streams", "delete_stream"])
def test_streams_are_the_functions_to_ruin(daemon: FakeDaemon, name: str) -> None:
    _, peer = serve(daemon, name)
    assert peer.result() == peer.result()
