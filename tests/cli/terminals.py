"""A terminal that a program believes to be real: what it shows there, and keys pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path


class Session:
    """`fnr` in a pseudo-terminal of a given width; also the controlling one, so Ctrl-C works."""

    def __init__(
        self,
        home: Path | str,
        *words: str,
        columns: int = 100,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = b""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environ = {**os.environ, "TERM": "xterm", **(env or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fnr", "--home", str(home), *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ,
            start_new_session=True,
        )
        os.close(theirs)

    def wait_for(self, text: str) -> Session:
        """Read until a text is on the screen."""
        while text.encode() not in self.screen:
            assert self._read(), self.shown()
        return self

    def shows(self, text: str) -> bool:
        """Is a text on the screen by now?"""
        while select.select([self._ours], [], [], 0)[0] and self._read():
            pass
        return text.encode() in self.screen

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait(timeout=60)

    def shown(self) -> str:
        """Everything that was written to the terminal."""
        return self.screen.decode("utf-8", "replace").replace("\r\n", "\n")

    def _read(self) -> bytes:
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # EIO: nobody holds the other end any more
            data = b""
        self.screen += data
        return data


def show(home: Path | str, *words: str, columns: int = 100, **env: str) -> str:
    """What a command shows in a terminal."""
    session = Session(home, *words, columns=columns, env=env)
    session.end()
    return session.shown()
