"""Huey on SQLite with fsync on, driven as its own documentation says: enqueue, huey_consumer."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from huey_tasks import FILE_ENV
from process_use import session_of

END_S = 10.0
RESULTS_S = 10.0
LOOK_AGAIN_S = 0.02
FOLDER = Path(__file__).parent


def is_installed() -> bool:
    """Whether the extra `bench` is installed."""
    return importlib.util.find_spec("huey") is not None


class HueyQueue:
    """One queue in a folder of its own, removed on exit; the consumer runs when it is told to."""

    def __init__(self, folder: Path, *, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.env = {
            **os.environ,
            **(env or {}),
            FILE_ENV: str(folder / "huey.db"),
            "PYTHONPATH": str(FOLDER),
        }
        self._consumer: subprocess.Popen[bytes] | None = None

    def start_consumer(self, *, workers: int) -> None:
        """Process workers, quiet (it logs two lines a task otherwise), all else at its defaults."""
        program = [sys.executable, "-m", "huey.bin.huey_consumer", "huey_tasks.huey"]
        with (self.folder / "consumer.err").open("ab") as errors:
            self._consumer = subprocess.Popen(
                [*program, "-w", str(workers), "-k", "process", "-q"],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def processes(self) -> list[int]:
        """The consumer and its workers."""
        assert self._consumer is not None
        return session_of(self._consumer.pid)

    def wait_for_results(self, count: int) -> None:
        """Return when so many results are stored."""
        deadline_s = time.monotonic() + RESULTS_S
        # A connection of our own, read-only, after the work is done.
        connection = sqlite3.connect(f"file:{self.folder}/huey.db?mode=ro", uri=True)
        try:
            while True:
                [found] = connection.execute("SELECT count(*) FROM kv").fetchone()
                if found >= count:
                    return
                if time.monotonic() > deadline_s:
                    raise RuntimeError(f"{found} of {count} results are there")
                time.sleep(LOOK_AGAIN_S)
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._consumer is not None:
            self._consumer.send_signal(signal.SIGINT)
            try:
                self._consumer.wait(END_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._consumer.pid, signal.SIGKILL)
                self._consumer.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
