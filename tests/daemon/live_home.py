"""A home of its own with a real daemon: started, killed, asked, and checked by tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fnr.api.requests import Event, Watch
from fnr.client.connect import Connection
from fnr.config.paths import Paths, find_paths

FUNCTIONS = Path(__file__).parent
READY_S = 30


class LiveHome:
    """One home; `start` returns when the daemon has said READY=1, as systemd would hear it."""

    def __init__(self, folder: Path, toml: str) -> None:
        self.paths: Paths = find_paths(home=str(folder))
        self.folder = folder
        self.write(toml)
        self.process: subprocess.Popen[bytes] | None = None
        self._open: list[Connection] = []

    def write(self, toml: str) -> None:
        """Write fnr.toml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "fnr.toml").write_text(toml)

    def start(self, *, env: dict[str, str] | None = None, ready: bool = True) -> LiveHome:
        """Start the daemon; with ready=False do not wait (it is expected to die first)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.bind("")  # an abstract address of the kernel's choosing
            bell.settimeout(READY_S)
            name = bell.getsockname()
            address = "@" + name[1:].decode() if isinstance(name, bytes) else name
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fnr", "--home", str(self.folder), "daemon"],
                env={**os.environ, "NOTIFY_SOCKET": address, **(env or {})},
                stdin=subprocess.DEVNULL,
                stderr=(self.folder / "daemon.err").open("ab"),
            )
            if ready:
                while not bell.recv(4096).startswith(b"READY=1"):
                    pass
        return self

    def connection(self, *, timeout_ms: int | None = 30_000) -> Connection:
        """A connection that the fixture closes."""
        connection = Connection(self.paths, timeout_ms=timeout_ms)
        self._open.append(connection)
        return connection

    def ask(self, request: Any) -> Any:
        """One question on a connection of its own."""
        connection = Connection(self.paths, timeout_ms=30_000)
        try:
            return connection.ask(request)
        finally:
            connection.close()

    def watch(self, *, task_ids: Iterable[str] = ()) -> Iterable[Event]:
        """Events from now on."""
        return self.connection(timeout_ms=60_000).watch(Watch(task_ids=list(task_ids)))

    def fnr(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> Any:
        """Run the command line against this home."""
        return subprocess.run(
            [sys.executable, "-m", "fnr", "--home", str(self.folder), *words],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kill(self) -> None:
        """SIGKILL the daemon and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, *, signal_number: int = signal.SIGTERM) -> int:
        """Ask the daemon to end; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        """End everything that this home started."""
        for connection in self._open:
            connection.close()
        if self.process is not None and self.process.poll() is None:
            # Twice: hurry. What runs is interrupted, and no worker outlives the test.
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        end_workers(self.folder)

    def log(self) -> str:
        """What the daemon wrote to stderr."""
        return (self.folder / "daemon.err").read_text(errors="replace")


def end_workers(home: Path) -> None:
    """End workers whose daemon was killed: their standard output is a log under this home."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            output = os.readlink(folder / "fd" / "1")
        except OSError:
            continue
        if output.startswith(f"{home}/") and int(folder.name) != os.getpid():
            try:
                os.kill(int(folder.name), signal.SIGKILL)
            except ProcessLookupError:
                continue
