"""A home of its own with a real daemon: started, killed, asked, and checked by tests."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from nursery import Forked, nursery

from fnr.client.connect import Connection
from fnr.config.paths import Paths, find_paths
from fnr.host.lock import lock_holder

FUNCTIONS = Path(__file__).parent
READY_S = 30


class LiveHome:
    """One home with at most one daemon at a time."""

    def __init__(self, folder: Path, toml: str) -> None:
        self.paths: Paths = find_paths(home=str(folder))
        self.folder = folder
        self.write(toml)
        self.process: subprocess.Popen[bytes] | Forked | None = None
        # What starts the daemon in surroundings of its own, and then becomes it.
        self.prefix: list[str] = []
        # What follows `fnr daemon`.
        self.flags: list[str] = []
        self._open: list[Connection] = []

    def write(self, toml: str) -> None:
        """Write fnr.toml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "fnr.toml").write_text(toml)

    def start(self, *, env: dict[str, str] | None = None) -> bool:
        """Start the daemon and wait for READY=1, as systemd would; False if it ended first."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.bind("")  # an abstract address of the kernel's choosing
            address = "@" + bell.getsockname()[1:].decode()
            words = ["--home", str(self.folder), "daemon", *self.flags]
            given = {**os.environ, "NOTIFY_SOCKET": address, **(env or {})}
            with (self.folder / "daemon.err").open("ab") as stderr:
                if self.prefix:
                    self.process = subprocess.Popen(
                        [*self.prefix, sys.executable, "-m", "fnr", *words],
                        env=given,
                        stdin=subprocess.DEVNULL,
                        stderr=stderr,
                    )
                else:
                    self.process = nursery().fork(words, env=given, stderr=stderr.fileno())
            return _rings(bell, self.process.pid)

    def up(self) -> LiveHome:
        """Start the daemon; the test needs it running."""
        assert self.start(), self.log()
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
            self.kill()
        end_workers(self.folder)

    def log(self) -> str:
        """What the daemon wrote to stderr."""
        return (self.folder / "daemon.err").read_text(errors="replace")


def _rings(bell: socket.socket, pid: int) -> bool:
    """Wait for READY=1 or for the end of the process, whichever comes first."""
    pidfd = os.pidfd_open(pid)
    try:
        while True:
            ready, _, _ = select.select([bell, pidfd], [], [], READY_S)
            if bell in ready:
                if bell.recv(4096).startswith(b"READY=1"):
                    return True
            elif pidfd in ready:
                return False
            else:
                raise TimeoutError(f"the daemon neither started nor ended in {READY_S} s")
    finally:
        os.close(pidfd)


def end_workers(home: Path) -> None:
    """End workers whose daemon was killed: their standard output is a log under this home."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            output = str((folder / "fd" / "1").readlink())
        except OSError:
            continue
        if output.startswith(f"{home}/") and int(folder.name) != os.getpid():
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(int(folder.name), signal.SIGKILL)
                os.waitpid(int(folder.name), 0)


@contextmanager
def small_state(home: LiveHome) -> Iterator[None]:
    """The state of a home that is not up yet lies on a file system of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    Path(home.paths.state_dir).mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", home.paths.state_dir]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        home.close()
        # Whoever was just killed may still be about to let go of it.
        subprocess.run(["umount", "--lazy", home.paths.state_dir], check=True)


@pytest.fixture
def home_at() -> Iterator[Callable[[str], LiveHome]]:
    """Make homes with a given fnr.toml; all of them are ended and removed after the test."""
    homes: list[LiveHome] = []

    def make(toml: str) -> LiveHome:
        # Not tmp_path: a Unix socket's path must stay under 108 bytes.
        home = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), toml)
        homes.append(home)
        return home

    yield make
    for home in homes:
        home.close()
        shutil.rmtree(home.folder, ignore_errors=True)


@contextmanager
def home_of_its_own(toml: str) -> Iterator[LiveHome]:
    """A home with a running daemon for all tests of a file; whichever daemon is there then ends."""
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), toml).up()
    yield made
    if (pid := lock_holder(made.paths.lock_file)) is not None:
        os.kill(pid, signal.SIGKILL)
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)
