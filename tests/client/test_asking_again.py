"""What may be asked twice is asked again over restart after restart, what may not is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec import Raw
from wire_server import Close, Hang, Turns, WireServer

from fnr.api.errors import DaemonDown
from fnr.api.requests import GetStatus, Status, StopDaemon, Submit, Submitted, WaitTasks
from fnr.client import patience
from fnr.client.connect import Connection, ConnectionLost
from fnr.client.sdk import AsyncClient, Client
from fnr.config.paths import Paths
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task, TaskState

DONE = TaskEnd(
    task=Task(task_id="T", function="f", state=TaskState.DONE), result=Raw(b'{"lines": 3}')
)


@pytest.fixture
def client(server: WireServer) -> Iterator[Client]:
    with Client(server.home) as made:
        yield made


@pytest.fixture
async def async_client(server: WireServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.home) as made:
        yield made


def test_a_submit_is_repeated_over_restarts_with_the_same_id(
    server: WireServer, client: Client
) -> None:
    server.answers[Submit] = Turns(Close(), Close(), Close(), Submitted(task_id="T"))
    assert client.submit("render") == "T"
    first, *again = server.asked
    assert again == [first] * 3
    assert server.connections == 4


def test_a_call_is_repeated_over_restarts_too(server: WireServer, client: Client) -> None:
    server.answers[Submit] = Turns(Close(), Close(), Submitted(task_id="T"))
    server.answers[WaitTasks] = [DONE]
    assert client.call("render") == {"lines": 3}
    assert len({one.task.task_id for one in server.asked if isinstance(one, Submit)}) == 1


def test_a_loss_after_all_patience_is_reported(server: WireServer) -> None:
    server.answers[Submit] = Close()
    with Client(server.home, reconnect="0s") as client, pytest.raises(ConnectionLost):
        client.submit("render")
    assert len(server.asked) == 2


def test_what_is_not_safe_to_repeat_is_asked_of_the_daemon_that_is_there(
    server: WireServer, client: Client
) -> None:
    """A program that runs for days asks nothing of a daemon that was restarted meanwhile."""
    server.answers[StopDaemon] = True
    client.status()
    server.stop()
    server.start()
    assert client.ask(StopDaemon())
    assert server.asked == [StopDaemon()]


def test_after_a_loss_there_is_patience_too(
    server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the daemon is there again when a connection to it has failed."""

    class Starting(Connection):
        def __init__(self, paths: Paths, *, timeout_ms: int | None) -> None:
            try:
                super().__init__(paths, timeout_ms=timeout_ms)
            except DaemonDown:
                if not server.listens:
                    server.start()
                raise

    server.answers[StopDaemon] = Close()
    with Client(server.home, reconnect="60s") as client:
        with pytest.raises(ConnectionLost):
            client.ask(StopDaemon())
        server.stop()
        monkeypatch.setattr(patience, "Connection", Starting)
        assert client.status().state == "running"


def test_what_is_not_safe_to_repeat_is_not_repeated(server: WireServer, client: Client) -> None:
    server.answers[StopDaemon] = Close()
    with pytest.raises(ConnectionLost, match="went away"):
        client.ask(StopDaemon())
    assert server.asked == [StopDaemon()]


async def test_async_submit_is_repeated_over_restarts_with_the_same_id(
    server: WireServer, async_client: AsyncClient
) -> None:
    server.answers[Submit] = Turns(Close(b'{"id":1,'), Close(), Submitted(task_id="T"))
    assert await async_client.submit("f") == "T"
    assert server.asked == [server.asked[0]] * 3


async def test_async_a_loss_after_all_patience_is_reported(server: WireServer) -> None:
    server.answers[Submit] = Close()
    async with AsyncClient(server.home, reconnect="0s") as client:
        with pytest.raises(ConnectionLost):
            await client.submit("render")
    assert len(server.asked) == 2


async def test_async_what_is_not_safe_to_repeat_is_not_repeated(
    server: WireServer, async_client: AsyncClient
) -> None:
    server.answers[StopDaemon] = Close()
    with pytest.raises(ConnectionLost):
        await async_client.ask(StopDaemon())
    assert server.asked == [StopDaemon()]


async def test_async_a_daemon_that_hangs_when_it_is_back_is_given_the_same_time(
    server: WireServer,
) -> None:
    server.answers[Submit] = Turns(Close(), Submitted(task_id="T"))
    server.answers[GetStatus] = Turns(Hang(), Status(state="running", version="1", home="/h"))
    async with AsyncClient(server.home, timeout="500ms", reconnect="60s") as client:
        assert await client.submit("f") == "T"
