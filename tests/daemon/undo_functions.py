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
    _make(path)
    await asyncio.to_thread(_make, path + ".thread")
    await asyncio.to_thread(_make_in_fork, path + ".fork")
    raise ValueError("no good")


def _make(path: str) -> None:
    fnr.undo.remove_file(path).done(made=True)
    Path(path).write_text("made")


def _make_in_fork(path: str) -> None:
    if (pid := os.fork()) == 0:
        _make(path)
        os._exit(0)
    os.waitpid(pid, 0)


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


def touch_nothing(path: str) -> None:
    """Say how to remove a file, and fail before it is written."""
    fnr.undo.remove_file(path)
    raise ValueError("no good")


def refused(data: dict[str, str], tries: str) -> None:
    """Be refused the first time, after something that is undone by `note`."""
    fnr.undo.call("undo_functions:note", data)
    if not Path(tries).exists():
        Path(tries).touch()
        raise ConnectionResetError(104, "Connection reset by peer")


def late(path: str, bell: str, gate: str, then: str) -> None:
    """Like `make`, but everything happens only when the gate is opened."""
    with Path(bell).open("w") as told:
        told.write(f"{os.getpid()}\n")
    with Path(gate).open() as opened:
        opened.read()
    make(path, then)
