"""A real daemon in a home of its own, as an operator would start it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fnr.api.errors import FnrError
from fnr.api.requests import GetStatus, ListWorkers, StopDaemon
from fnr.client.connect import Connection
from fnr.client.sdk import Client
from fnr.config.paths import Paths, find_paths
from fnr.policy.record import WorkerRecord

READY_S = 30.0
END_S = 30.0
LOOK_AGAIN_S = 0.02
PROGRAM = [sys.executable, "-m", "fnr"]
FUNCTIONS_FOLDER = Path(__file__).parent


def function_toml(name: str, *, python: str, workers: int, more: str = "") -> str:
    """One [functions.NAME] table whose workers find the benchmark's functions."""
    return (
        f'[functions.{name}]\npython = "{python}"\n'
        f"workers = {{ min = {workers}, max = {workers} }}\n"
        f'env = {{ PYTHONPATH = "{FUNCTIONS_FOLDER}" }}\n{more}\n'
    )


class LiveDaemon:
    """Started on entry, when it has said READY=1; ended and its home removed on exit."""

    def __init__(self, home: Path, toml: str, *, env: dict[str, str] | None = None) -> None:
        self.home = home
        self.paths: Paths = find_paths(home=str(home))
        self._env = {**os.environ, **(env or {})}
        home.mkdir(parents=True, exist_ok=True)
        (home / "fnr.toml").write_text(f"version = 1\n{toml}")

    def __enter__(self) -> Self:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.bind("")  # an abstract address of the kernel's choosing
            bell.settimeout(READY_S)
            address = "@" + bell.getsockname()[1:].decode()
            with (self.home / "daemon.err").open("ab") as errors:
                self.process = subprocess.Popen(
                    [*PROGRAM, "--home", str(self.home), "daemon"],
                    env={**self._env, "NOTIFY_SOCKET": address},
                    stdin=subprocess.DEVNULL,
                    stderr=errors,
                )
            try:
                while not bell.recv(4096).startswith(b"READY=1"):
                    pass
            except TimeoutError:
                self.end()
                raise RuntimeError(f"the daemon did not start:\n{self.log()}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            sys.stderr.write(self.log()[-4_000:])
        self.end()
        shutil.rmtree(self.home, ignore_errors=True)

    def end(self) -> None:
        """In a hurry, and its workers with it. SIGKILL when that is not enough."""
        if self.process.poll() is not None:
            return
        pids: list[int] = []
        try:
            pids = [worker.pid for worker in self.ask(ListWorkers())]
            self.ask(StopDaemon(now=True))
            self.process.wait(END_S)
        except (FnrError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def client(self) -> Client:
        """fnr for Python programs, as any program would use it."""
        return Client(self.home, timeout="60s")

    def connection(self) -> Connection:
        """One blocking connection."""
        return Connection(self.paths, timeout_ms=60_000)

    def ask(self, request: Any) -> Any:
        """One question on a connection of its own."""
        with self.connection() as connection:
            return connection.ask(request)

    def wait_for_ended(self, count: int, *, state: str = "done") -> None:
        """Return when so many tasks are so; raise when it takes too long, or more are."""
        deadline_s = time.monotonic() + READY_S
        while (found := self.ask(GetStatus()).counts.get(state, 0)) < count:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{found} of {count} tasks are {state}")
            time.sleep(LOOK_AGAIN_S)
        if found > count:
            raise RuntimeError(f"{found} tasks are {state}, but there were {count}")

    def idle_workers(self, count: int) -> list[WorkerRecord]:
        """The workers, once so many of them are ready and have nothing to do."""
        deadline_s = time.monotonic() + READY_S
        while True:
            workers: list[WorkerRecord] = self.ask(ListWorkers())
            if sum(worker.state == "idle" for worker in workers) >= count:
                return workers
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not {count} idle workers: {workers}")
            time.sleep(LOOK_AGAIN_S)

    def log(self) -> str:
        """What the daemon wrote to stderr."""
        return (self.home / "daemon.err").read_text(errors="replace")
