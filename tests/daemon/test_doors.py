"""Whoever is outside comes in, whatever was done to the files that stand for the sockets."""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from live_home import LiveHome
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api import wire
from fnr.api.errors import DaemonDown, TryAgain
from fnr.config.paths import find_paths
from fnr.daemon.doors import Doors
from fnr.daemon.parts import Parts
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def reached(home: LiveHome) -> ask.Status:
    """The daemon's answer, as soon as it can be reached."""
    while True:
        try:
            return cast("ask.Status", home.ask(ask.GetStatus()))
        except DaemonDown:
            continue


def test_the_end_of_a_daemon_leaves_the_sockets_of_another_home_at_that_place(
    home_at: HomeAt, tmp_path: Path
) -> None:
    home = home_at("").up()
    home.folder.rename(tmp_path / "moved")
    successor = LiveHome(home.folder, "").up()
    try:
        assert home.end() == 0
        assert successor.process is not None
        assert successor.ask(ask.GetStatus()).pid == successor.process.pid
    finally:
        successor.close()


def test_sockets_that_were_removed_are_made_again(home_at: HomeAt) -> None:
    home = home_at(function("echo", "echo", "workers = { min = 0, max = 1 }")).up()
    shutil.rmtree(home.paths.run_dir)
    with pytest.raises(DaemonDown):
        home.ask(ask.GetStatus())
    assert home.process is not None
    home.process.send_signal(signal.SIGHUP)
    assert reached(home).pid == home.process.pid
    # Its worker comes in, too.
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE


@pytest.mark.parametrize("ours", [True, False])
async def test_doors_are_looked_after_by_themselves_while_the_home_is_ours(
    tmp_path: Path, *, ours: bool
) -> None:
    timers: list[Callable[[], None]] = []
    parts: Any = SimpleNamespace(
        paths=find_paths(str(tmp_path)),
        loop=asyncio.get_running_loop(),
        later=lambda _, call: timers.append(call) or asyncio.get_running_loop().call_soon(int),
    )
    file = Path(parts.paths.socket_file)
    file.parent.mkdir()
    doors = Doors(
        cast("Parts", parts),
        workers=refuse,
        clients=refuse,
        turn_away=refuse,
        holds_home=lambda: ours,
    )
    doors.open()
    shutil.rmtree(file.parent)
    timers.pop()()
    assert stands(file) == ours
    assert timers
    doors.close()
    assert not stands(file)


def test_who_cannot_be_let_in_for_want_of_descriptors_waits(home_at: HomeAt) -> None:
    """Each knock was heard of again at once: a log of thousands of lines a second."""
    home = home_at("").up()
    assert home.process is not None
    pid = home.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # What it has open stays so. Not as many as that: some of it is closed in a moment.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, before[1]))
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(home.paths.socket_file)
        visitor.sendall(wire.encode_request(ask.GetStatus(), request_id=1))
        while "connections wait" not in home.log():
            pass
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        visitor.settimeout(30)
        assert wire.decode_reply(visitor.makefile("rb").readline()).id == 1
    assert home.log().count("connections wait") == 1


def test_one_more_client_than_there_are_descriptors_for_is_told_so(home_at: HomeAt) -> None:
    """Nobody could ask what was wrong: each command was told after a while that it may be busy.

    Method: the daemon may open only as many files as it has, and visitors come and stay.
    """
    home = home_at("").up()
    assert home.process is not None
    pid = home.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    visitors: list[socket.socket] = []
    try:
        while (refusal := refusal_of_one_more(visitors, home)) is None:
            pass
        assert refusal["code"] == TryAgain.code
        assert f"it may open {highest + 1} files" in refusal["why"]
        assert refusal["hint"] == f"prlimit --pid {pid} --nofile=65536"
        visitors.pop(0).close()
        while refusal_of_one_more(visitors, home) is not None:
            pass
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for visitor in visitors:
            visitor.close()


def refusal_of_one_more(visitors: list[socket.socket], home: LiveHome) -> dict[str, Any] | None:
    """What one is told at the door; None who is let in, and stays."""
    visitor = socket.socket(socket.AF_UNIX)
    visitor.settimeout(30)
    visitor.connect(home.paths.socket_file)
    visitors.append(visitor)
    with suppress(BrokenPipeError):  # told already
        visitor.sendall(wire.encode_request(ask.Watch(), request_id=1))
    with visitor.makefile("rb") as lines:
        return wire.decode_reply(lines.readline()).error


def stands(file: Path) -> bool:
    return file.is_socket()


def refuse(sock: socket.socket) -> None:
    """Let nobody in."""
    sock.close()
