"""A stand-in for the daemon: speaks the wire, answers as a test tells it, keeps what it saw."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from fnr.api import wire
from fnr.api.errors import FnrError
from fnr.api.requests import Event, GetStatus, Status
from fnr.config.paths import Paths, find_paths

ALIVE = Status(state="running", version="0", home="")


class Hang:
    """As an answer: none, and the connection stays open."""


class Close:
    """As an answer: none, and the connection is closed; some bytes of a reply may go out first."""

    def __init__(self, first: bytes = b"") -> None:
        self.first = first


class Raw:
    """As an answer: exactly these bytes."""

    def __init__(self, line: bytes) -> None:
        self.line = line


class Turns:
    """As an answer: these in turn; the last one is repeated."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def next(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Events:
    """As an answer to Watch: that it is watched, then these events."""

    def __init__(self, *events: Event) -> None:
        self.events = events


class WireServer:
    """Listens in a home of its own; `answers` maps request classes to answers or functions."""

    def __init__(self, folder: Path | None = None) -> None:
        # Not tmp_path: a Unix socket's path must stay under 108 bytes.
        self._own = folder is None
        self.home = folder or Path(tempfile.mkdtemp(prefix="fnr-"))
        self.paths: Paths = find_paths(str(self.home))
        # Clients make sure with it that a new connection is alive; it is not kept in `asked`.
        self.answers: dict[type, Any] = {GetStatus: ALIVE}
        self.asked: list[Any] = []
        self.arrived: SimpleQueue[Any] = SimpleQueue()
        self.connections = 0
        # One for each connection that has ended, whoever has ended it.
        self.gone: SimpleQueue[None] = SimpleQueue()
        self._door: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._watchers: list[tuple[socket.socket, int]] = []

    def start(self, *, backlog: int = 128) -> WireServer:
        """Bind and serve."""
        Path(self.paths.run_dir).mkdir(parents=True, exist_ok=True)
        Path(self.paths.socket_file).unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(self.paths.socket_file)
        self._door.listen(backlog)
        self._run(self._accept, self._door)
        return self

    @property
    def listens(self) -> bool:
        """Started, and not stopped since."""
        return self._door is not None

    def tell(self, *events: Event) -> None:
        """Send events to everybody who watches."""
        for connected, request_id in self._watchers:
            for event in events:
                connected.sendall(wire.encode_event(request_id, event))

    def stop(self) -> None:
        """Close the door and every connection."""
        if self._door is not None:
            # Closing alone does not wake a thread that waits in accept.
            self._door.shutdown(socket.SHUT_RDWR)
            self._door.close()
            self._door = None
            # Whoever comes in at this very moment has to be among those that are sent away.
            self._threads.pop(0).join()
        for connected in self._open:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._watchers.clear()
        Path(self.paths.socket_file).unlink(missing_ok=True)

    def close(self) -> None:
        """Stop and remove the home."""
        self.stop()
        if self._own:
            shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                connected, _ = door.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connected)
            self._run(self._serve, connected)

    def _serve(self, connected: socket.socket) -> None:
        with connected, connected.makefile("rb") as lines:
            try:
                for line in lines:
                    if not self._reply(connected, line):
                        return
            except OSError:
                return
            finally:
                self.gone.put(None)

    def _reply(self, connected: socket.socket, line: bytes) -> bool:
        request_id, request = wire.decode_request(line)
        if isinstance(request, FnrError):
            connected.sendall(wire.encode_error(request_id, request))
            return True
        if self.answers.get(type(request)) is not ALIVE:
            self.asked.append(request)
        answer = self._answer(request)
        self.arrived.put(request)
        match answer:
            case Hang():
                pass
            case Close():
                connected.sendall(answer.first)
                connected.shutdown(socket.SHUT_RDWR)
                return False
            case Raw():
                connected.sendall(answer.line)
            case Events():
                self._watchers.append((connected, request_id))
                connected.sendall(wire.encode_answer(request_id, True))
                for event in answer.events:
                    connected.sendall(wire.encode_event(request_id, event))
            case FnrError():
                connected.sendall(wire.encode_error(request_id, answer))
            case _:
                connected.sendall(wire.encode_answer(request_id, answer))
        return True

    def _answer(self, request: Any) -> Any:
        answer = self.answers.get(type(request), Hang())
        if isinstance(answer, Turns):
            answer = answer.next()
        return answer(request) if callable(answer) and not isinstance(answer, type) else answer
