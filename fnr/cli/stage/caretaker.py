"""Whoever plays on a throwaway home may be killed: then this process ends and removes what is left.

It waits for the end of a pipe that only the player holds. A player that has cleaned up leaves no
home, and then there is nothing to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fnr.cli.stage.home import ThrowawayHome, environment
from fnr.cli.stage.interruptions import Interruptions
from fnr.cli.stage.processes import (
    STOP_PATIENCE_MS,
    end_daemon,
    kill_marked,
    kill_orphans,
    take_end,
)
from fnr.host import chaos_records as records
from fnr.host import process
from fnr.host.clock import Clock
from fnr.host.faults.undoing import abort

# A fault that kills the daemon starts another one.
ROUNDS_MAX = 5


@contextmanager
def watched(home: ThrowawayHome, interruptions: Interruptions) -> Iterator[int]:
    """While this lasts somebody stands by who ends and removes the home if we are killed."""
    read_fd, write_fd = os.pipe()
    try:
        with interruptions.held():
            child = process.spawn(
                [sys.executable, "-m", "fnr.cli.stage.caretaker", str(home.root), str(read_fd)],
                env=environment(),
                cwd="/",
                keep_open=(read_fd,),
            )
    except BaseException:
        os.close(write_fd)
        raise
    finally:
        os.close(read_fd)
    try:
        yield child.pid
    finally:
        os.close(write_fd)
        take_end(child, patience_ms=STOP_PATIENCE_MS)


def tidy_up(home: ThrowawayHome) -> None:
    """End the daemon, its faults and its workers; remove the home."""
    for _ in range(ROUNDS_MAX):
        ended = end_daemon(home)
        for injection in records.active(home.paths.chaos_dir):
            abort(injection, by="who stands by", clock=Clock())
            ended = True
        if not ended:
            break
    # One that was begun a moment ago holds no lock yet, and would make the home anew.
    kill_marked(home.mark)
    kill_orphans(home)
    home.remove()


def main(root: str, fd: str) -> None:
    """Wait until nobody plays any more."""
    os.read(int(fd), 1)
    if Path(root).is_dir():
        tidy_up(ThrowawayHome(Path(root)))


if __name__ == "__main__":
    main(*sys.argv[1:])
