"""Run a program in the foreground, with our terminal, until it ends; and being one ourselves."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from fnr.host.procfs import read_stat


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


def has_shell() -> bool:
    """Whether a shell of our session would notice that we stop, and let us go on.

    Where there is none, as in a terminal that was opened for us alone, it would be lost with us.
    """
    ours = read_stat(os.getpid())
    parent = None if ours is None else read_stat(ours.parent)
    # Whatever was started for us, as `sh -c` is, stops along.
    while ours and parent and (parent.session, parent.group) == (ours.session, ours.group):
        parent = read_stat(parent.parent)
    return bool(ours and parent and parent.session == ours.session)


def stop_for_shell() -> None:
    """Stop until somebody lets us go on; what was started for us stops as well."""
    # A handler would be told of it by another thread, later than we go on.
    before = signal.signal(signal.SIGCONT, signal.SIG_DFL)
    os.killpg(0, signal.SIGSTOP)
    signal.signal(signal.SIGCONT, before)
