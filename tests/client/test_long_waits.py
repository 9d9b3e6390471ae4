"""A wait goes on over every restart of the daemon, within the time that was said."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from wire_server import Close, Hang, Turns, WireServer

from fnr.api import wire
from fnr.api.errors import TimedOut
from fnr.api.requests import Submit, Submitted, WaitTasks
from fnr.client import async_link, async_sdk
from fnr.client.connect import SLACK_MS
from fnr.client.sdk import AsyncClient, Client
from fnr.config.paths import find_paths
from fnr.host.clock import Clock, is_ulid
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task, TaskState

DONE = TaskEnd(task=Task(task_id="T", function="f", state=TaskState.DONE))


def left_ms(server: WireServer) -> list[int | None]:
    """What was left of the wait each time that it was asked."""
    return [request.timeout_ms for request in server.asked if isinstance(request, WaitTasks)]


def test_a_wait_is_asked_again_as_often_as_the_daemon_comes_back(server: WireServer) -> None:
    server.answers[WaitTasks] = Turns(Close(), Close(), Close(), [DONE])
    with Client(server.home) as client:
        assert client.wait("T", timeout="1h") == DONE
    first, *others = left_ms(server)
    assert (first, len(others)) == (3_600_000, 3)
    assert all(left is not None and 0 < left <= 3_600_000 for left in others)


async def test_so_is_one_of_asyncio(server: WireServer) -> None:
    server.answers[WaitTasks] = Turns(Close(), Close(), Close(), [DONE])
    async with AsyncClient(server.home) as client:
        assert await client.wait("T") == DONE
    assert left_ms(server) == [None] * 4


def test_a_wait_over_restarts_says_how_long_it_was_in_all(server: WireServer) -> None:
    server.answers[WaitTasks] = Turns(Close(), TimedOut("too late", why="waited 3s"))
    with Client(server.home) as client, pytest.raises(TimedOut) as caught:
        client.wait("T", timeout="5m")
    assert caught.value.why == "waited 5m"


def leave(server: WireServer) -> Close:
    """The daemon goes away for good, as far as its clients can see."""
    Path(server.paths.socket_file).unlink()
    return Close()


def test_a_wait_is_over_when_its_time_is_whether_the_daemon_is_back_or_not(
    server: WireServer,
) -> None:
    server.answers[WaitTasks] = lambda _: leave(server)
    with Client(server.home, reconnect="1h") as client, pytest.raises(TimedOut) as caught:
        client.wait("T", timeout="50ms")
    assert caught.value.why == "waited 50ms"
    assert "nobody answers at" in caught.value.details[0]


async def test_async_a_wait_is_over_when_its_time_is_whether_the_daemon_is_back_or_not(
    server: WireServer,
) -> None:
    server.answers[WaitTasks] = lambda _: leave(server)
    async with AsyncClient(server.home, reconnect="1h") as client:
        with pytest.raises(TimedOut) as caught:
            await client.wait("T", timeout="50ms")
    assert caught.value.why == "waited 50ms"


async def test_async_who_only_looks_gets_the_end_of_what_has_ended_over_a_new_connection_too(
    server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told that the daemon is away. Method: a busy host may take longer than usual."""
    for module in (async_sdk, async_link):
        monkeypatch.setattr(module, "SLACK_MS", 30_000)
    server.answers[WaitTasks] = [DONE]
    async with AsyncClient(server.home) as client:
        assert await client.wait("T", timeout="0s") == DONE
        server.stop()
        server.start()
        assert await client.wait("T", timeout="0s") == DONE


async def test_async_a_wait_that_was_given_up_is_taken_up_by_who_waits_for_the_same(
    server: WireServer,
) -> None:
    """Who polls with asyncio.timeout would leave the daemon one more wait with each look."""
    server.answers[WaitTasks] = Hang()
    async with AsyncClient(server.home) as client:
        for _ in range(3):
            wait = asyncio.ensure_future(client.wait("T"))
            while not server.asked:
                await client.status()
            wait.cancel()
            with pytest.raises(asyncio.CancelledError):
                await wait
        wait = asyncio.ensure_future(client.wait("T"))
        await client.status()
        other = asyncio.ensure_future(client.wait("U"))
        while len(server.asked) < 2:
            await client.status()
        [connected] = server._open
        # Beside the first wait there was a look at the daemon, in whichever order.
        connected.sendall(b"".join(wire.encode_answer(number, [DONE]) for number in (1, 2)))
        assert await wait == DONE
        # A program that polls does so for one task after the other, on one connection.
        link = client._mine.link
        assert link is not None and not link._given_up
        other.cancel()
    assert [request.task_ids for request in server.asked] == [["T"], ["U"]]


@pytest.mark.parametrize("silent", [Submit, WaitTasks])
async def test_nobody_waits_longer_than_asked_for_a_daemon_that_says_nothing(
    server: WireServer, silent: type
) -> None:
    """It is stopped, say; the time that answers have otherwise is no part of it."""
    server.answers |= {Submit: take, WaitTasks: [DONE], silent: Hang()}
    clock, within = Clock(), "100ms"
    begun_ms = clock.boot_ms()
    told: list[tuple[str, ...]] = []
    with Client(server.home, timeout="60s") as client:
        with pytest.raises(TimedOut) as caught:
            client.call("f", within=within)
        told.append(caught.value.details)
        if silent is WaitTasks:
            with pytest.raises(TimedOut):
                client.result("T", timeout=within)
    async with AsyncClient(server.home, timeout="60s") as both:
        with pytest.raises(TimedOut) as caught:
            await both.call("f", within=within)
        told.append(caught.value.details)
        if silent is WaitTasks:
            with pytest.raises(TimedOut):
                await both.result("T", timeout=within)
    assert clock.boot_ms() - begun_ms < 4 * (100 + SLACK_MS) + 1_000
    asked = [one.task.task_id for one in server.asked if isinstance(one, Submit)]
    named = [[word for word in " ".join(words).split() if is_ulid(word)] for words in told]
    assert named == [[task_id] for task_id in asked]


@pytest.fixture
def stopped() -> Iterator[Path]:
    """The home of a daemon that does not even read: nobody accepts from its socket."""
    with TemporaryDirectory(prefix="fnr-") as home, socket.socket(socket.AF_UNIX) as listening:
        paths = find_paths(home)
        Path(paths.run_dir).mkdir()
        listening.bind(paths.socket_file)
        listening.listen(1)
        yield Path(home)


async def test_async_leaving_does_not_wait_for_a_daemon_that_does_not_read(stopped: Path) -> None:
    """Method: more than fits into the socket."""
    async with asyncio.timeout(30), AsyncClient(stopped, timeout="50ms") as client:
        with pytest.raises(TimedOut):
            await client.submit("f", {"body": "x" * 4_000_000})


def take(request: Submit) -> Submitted:
    return Submitted(task_id=request.task.task_id or "")
