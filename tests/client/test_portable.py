"""A client that is pickled, as a pool of processes hands it on: the same daemon, asked anew."""

from __future__ import annotations

import pickle

from wire_server import WireServer

from fnr.api.requests import GetStatus, Status, Submit, Submitted
from fnr.client.sdk import AsyncClient, Client

STATUS = Status(state="running", version="1", home="/h")


def accepting(server: WireServer) -> None:
    server.answers[Submit] = lambda request: Submitted(task_id=request.task.task_id)


def test_it_keeps_its_options_and_makes_its_own_connection(server: WireServer) -> None:
    accepting(server)
    with Client(server.home, timeout="20s", reconnect="7s") as client:
        first = client.submit("f")
        with pickle.loads(pickle.dumps(client)) as again:
            assert again.submit("f") != first
            assert (again._timeout_ms, again._patience_ms) == (20_000, 7_000)
        assert client.submit("f") != first
    assert server.connections == 2


async def test_so_does_one_for_asyncio(server: WireServer) -> None:
    server.answers[GetStatus] = STATUS
    async with AsyncClient(server.home) as client:
        await client.status()
        async with pickle.loads(pickle.dumps(client)) as again:
            assert await again.status() == STATUS
    assert server.connections == 2
