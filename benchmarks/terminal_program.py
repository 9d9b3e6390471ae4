"""A program on a pseudo terminal: started, typed at, and its output waited for."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

PATIENCE_S = 60


class TerminalProgram:
    """`fnr …` on a terminal of 120×40 that nobody draws."""

    def __init__(self, home: Path, words: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        env.pop("NO_COLOR", None)
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fnr", "--home", str(home), *words],
            stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._seen = b""
        self.found = ""

    def type(self, text: str) -> float:
        """Type; when, in seconds."""
        self._seen = b""
        now_s = time.monotonic()
        os.write(self._master, text.encode())
        return now_s

    def wait_for(self, pattern: str) -> float:
        """When this stood in the output, in seconds; found: what it was."""
        wanted = re.compile(pattern.encode())
        give_up_s = time.monotonic() + PATIENCE_S
        while not (match := wanted.search(self._seen)):
            ready, _, _ = select.select(
                [self._master], [], [], max(0, give_up_s - time.monotonic())
            )
            if not ready:
                raise TimeoutError(f"{pattern!r} did not appear in {self._seen[-500:]!r}")
            self._seen += os.read(self._master, 65536)
        self.found = match[0].decode()
        return time.monotonic()

    def drain(self, seconds: float) -> None:
        """Let it write for so long."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            ready, _, _ = select.select([self._master], [], [], left_s)
            if ready:
                os.read(self._master, 65536)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
