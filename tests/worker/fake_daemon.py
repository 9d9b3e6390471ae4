"""The daemon's end of the wire for tests: a real Unix socket, real worker processes, no policy.

Everything waits by blocking on a socket, a pipe or a process; PATIENCE_S only ends a test that
would wait for ever.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from msgspec import Raw

from fnr.api.frames import (
    FRAME_BYTES_MAX,
    Ack,
    Beat,
    Cancel,
    Done,
    Fail,
    Frame,
    FromWorker,
    Hello,
    Progress,
    Ready,
    Returned,
    Run,
    Stop,
    Welcome,
    WorkerSpec,
    encode,
    from_worker,
)
from fnr.host.clock import Clock, Dice, Ulids
from fnr.policy.evidence import Evidence

PATIENCE_S = 30.0
# A worker that is asked to end writes down its coverage, if that is measured.
END_S = 2.0
SECRET = "secret"

AnyFrame = TypeVar("AnyFrame", bound=Frame)

_ulids = Ulids(Clock(), Dice())


class Ended(Exception):
    """The worker closed the connection."""


class Peer:
    """One connection from a worker. hello: what it said first."""

    hello: Hello

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self._buffer = b""

    def send(self, *frames: Frame) -> None:
        """Say something to the worker."""
        self.sock.sendall(b"".join(encode(frame) for frame in frames))

    def read(self) -> FromWorker:
        """The next frame; raises Ended at the end of the connection."""
        while b"\n" not in self._buffer:
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:  # it was killed with something of ours unread
                data = b""
            if not data:
                raise Ended
            self._buffer += data
            assert len(self._buffer) <= FRAME_BYTES_MAX
        line, _, self._buffer = self._buffer.partition(b"\n")
        return from_worker.decode(line)

    def expect(self, kind: type[AnyFrame]) -> AnyFrame:
        """The next frame, which must be of this kind; beats and progress may come before it."""
        while True:
            frame = self.read()
            if isinstance(frame, kind):
                return frame
            assert isinstance(frame, Beat | Progress), f"expected {kind.__name__}, got {frame}"

    def said(self, count: int) -> list[FromWorker]:
        """The next so many frames; beats and progress may come between them."""
        frames: list[FromWorker] = []
        while len(frames) < count:
            frame = self.read()
            if not isinstance(frame, Beat | Progress):
                frames.append(frame)
        return frames

    def ready(self) -> Self:
        """Wait until the worker takes attempts."""
        if not self.hello.ready:
            self.expect(Ready)
        return self

    def run(self, arguments: object = None, **fields: Any) -> str:
        """Hand an attempt over; its token."""
        run = make_run(arguments, **fields)
        self.send(run)
        return run.token

    def result(self, arguments: object = None, **fields: Any) -> Any:
        """Run an attempt that succeeds, acknowledge it; its decoded result."""
        token = self.run(arguments, **fields)
        done = self.expect(Done)
        assert done.token == token
        self.send(Ack(tokens=(token,)))
        return msgspec.json.decode(done.result)

    def failure(self, arguments: object = None, **fields: Any) -> Evidence:
        """Run an attempt that fails, acknowledge it; its evidence."""
        token = self.run(arguments, **fields)
        fail = self.expect(Fail)
        assert fail.token == token
        self.send(Ack(tokens=(token,)))
        return fail.evidence

    def heard(self) -> None:
        """Wait until the worker has taken everything sent so far, though it runs an attempt."""
        run = make_run()
        self.send(run, Cancel(token=run.token, reason="cancel"))
        assert self.expect(Returned).tokens == (run.token,)

    def at_end(self) -> list[FromWorker]:
        """What the worker still says until it closes the connection."""
        said = []
        while True:
            try:
                said.append(self.read())
            except Ended:
                return said

    def close(self) -> None:
        """End the connection."""
        self.sock.close()


class WorkerUnderTest:
    """A worker process."""

    def __init__(self, spec: WorkerSpec, env: dict[str, str]) -> None:
        self.spec = spec
        self.log_path = Path(spec.log_path)
        self.now_path = Path(spec.now_path)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fnr.worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=env,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(spec))
        self.process.stdin.close()

    @property
    def pid(self) -> int:
        """The worker's pid."""
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def spooled(self) -> list[str]:
        """Tokens whose results lie in the spool."""
        return sorted(path.stem for path in Path(self.spec.spool_dir).glob("*.json"))

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, as subprocess gives it."""
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        """Ask it to end; kill it with its whole group if it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(END_S)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)


class FakeDaemon:
    """A listening socket, and the workers started for it; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket_path = folder / "w.sock"
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        self.workers: list[WorkerUnderTest] = []
        self._peers: list[Peer] = []
        self._listener: socket.socket | None = None
        self.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        self.go_away()
        for worker in self.workers:
            worker.end()
        if kind is not None:
            for worker in self.workers:
                print(f"── log of {worker.spec.worker_id}\n{worker.log[-4_000:]}")

    def listen(self) -> None:
        """Be there for workers that connect."""
        self.socket_path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.socket_path))
        self._listener.listen(16)
        self._listener.settimeout(PATIENCE_S)

    def go_away(self) -> None:
        """Be gone as after a SIGKILL: nobody listens, connections are cut."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for peer in self._peers:
            peer.close()
        self._peers.clear()

    def spec(self, *, kind: str = "python", **fields: Any) -> WorkerSpec:
        """What a worker of this daemon would be told; fields are those of WorkerSpec."""
        worker_id = _ulids.new()
        usual: dict[str, Any] = {
            "worker_id": worker_id,
            "secret": SECRET,
            "function": "f",
            "kind": kind,
            "socket": str(self.socket_path),
            "log_path": str(self.folder / f"{worker_id}.log"),
            "now_path": str(self.folder / f"{worker_id}.now"),
            "spool_dir": str(self.spool),
        }
        return WorkerSpec(**usual | fields)

    def start(self, *, env: dict[str, str] | None = None, **fields: Any) -> WorkerUnderTest:
        """Start a worker; fields are those of WorkerSpec."""
        spec = self.spec(**fields)
        own = os.environ | {"FNR_WORKER_ID": spec.worker_id} | (env or {})
        worker = WorkerUnderTest(spec, own)
        self.workers.append(worker)
        return worker

    def accept(self, *, drop: Sequence[str] = (), welcome: bool = True) -> Peer:
        """The next worker that connects, greeted."""
        assert self._listener is not None
        sock, _ = self._listener.accept()
        peer = Peer(sock)
        self._peers.append(peer)
        peer.hello = peer.expect(Hello)
        if welcome:
            peer.send(Welcome(drop=tuple(drop)))
        return peer

    def serve(self, **fields: Any) -> tuple[WorkerUnderTest, Peer]:
        """A worker that is ready for attempts."""
        worker = self.start(**fields)
        return worker, self.accept().ready()

    def dismiss(self, worker: WorkerUnderTest, peer: Peer) -> int:
        """Let a worker go; its exit code."""
        peer.send(Stop())
        peer.at_end()
        return worker.wait()


def make_run(arguments: object = None, *, token: str = "", **fields: Any) -> Run:
    """An attempt to run; arguments: the input."""
    token = token or _ulids.new()
    raw = Raw(msgspec.json.encode({} if arguments is None else arguments))
    return Run(token=token, task_id=fields.pop("task_id", token), attempt=1, input=raw, **fields)


def spooled_frame(worker: WorkerUnderTest, token: str) -> FromWorker:
    """A result as it lies in the spool."""
    return from_worker.decode((Path(worker.spec.spool_dir) / f"{token}.json").read_bytes())
