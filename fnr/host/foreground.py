"""Run a program in the foreground: with our terminal, until it ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence


def run_in_foreground(argv: Sequence[str]) -> int:
    """Run it to its end; its exit code, negative for a signal. Raises OSError if it cannot start.

    Ctrl-C is the program's while it runs: an editor takes it as a key.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen(list(argv), preexec_fn=_default_interrupt) as program:  # noqa: PLW1509 - no threads in a command
            return program.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
