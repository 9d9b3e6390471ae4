"""A gate: someone else's process blocks at it until the test opens it, without any polling."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self


class Gate:
    """A named pipe; `cat PATH` or open(PATH).read() waits at it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever still waits is let go, so that no test can hang on a failure.
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return

    def __str__(self) -> str:
        return str(self.path)

    def open(self, text: str = "") -> None:
        """Wait until somebody is at the gate, and let them go."""
        self.path.write_text(text)

    def wait(self) -> str:
        """The other way round: wait until somebody writes to it and has closed it."""
        return self.path.read_text()
