"""Functions that record how to undo what they do, for the daemon's tests of undo."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import fnr


def make(path: str, then: str = "fail", bell: str = "", gate: str = "") -> str:
    """Say how to remove a file, write it, and end in one way or another."""
    fnr.undo.remove_file(path)
    Path(path).write_text("made")
    if bell:
        with Path(bell).open("w") as told:
            told.write(f"{os.getpid()}\n")
    if gate:
        with Path(gate).open() as opened:
            opened.read()
    if then == "fail":
        raise ValueError("no good")
    if then == "reset":
        raise ConnectionResetError(104, "Connection reset by peer")
    if then == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return path


async def make_async(path: str) -> None:
    """The same in a coroutine, a thread and a forked process."""
    fnr.undo.remove_file(path)
    Path(path).write_text("made")

    def in_thread() -> None:
        fnr.undo.remove_file(path + ".thread")
        Path(path + ".thread").write_text("made")

    await asyncio.to_thread(in_thread)
    if (pid := os.fork()) == 0:
        fnr.undo.remove_file(path + ".fork")
        Path(path + ".fork").write_text("made")
        os._exit(0)
    os.waitpid(pid, 0)
    raise ValueError("no good")


def steps(steps: list[dict[str, Any]]) -> None:
    """Record steps as they come, then fail."""
    for step in steps:
        fnr.undo.record(step["kind"], step["data"])
    raise ValueError("no good")


def note(data: dict[str, str]) -> None:
    """What a step calls: append a line to a file, or refuse while another file is not there."""
    needs = data.get("needs", "")
    if needs and not Path(needs).exists():
        raise ConnectionRefusedError(f"{needs} is not there")
    fd = os.open(data["path"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, (data["line"] + "\n").encode())
    os.close(fd)
    sys.stdout.write("noted\n")


def again(path: str, tries: str, times: int) -> int:
    """Write a file that must not be there yet; be refused until tried often enough."""
    fnr.undo.remove_file(path)
    with Path(path).open("x") as file:
        file.write("made")
    count = Path(tries)
    tried = len(count.read_text()) if count.exists() else 0
    count.write_text("x" * (tried + 1))
    if tried < times:
        raise ConnectionResetError(104, "Connection reset by peer")
    return tried
