"""What both clients ask about many ids goes in chunks, so that each answer comes in time."""

from __future__ import annotations

from wire_server import Turns, WireServer

from fnr.api.letter_requests import ReplayLetters, ReplayReport
from fnr.client.answers import CHUNK_IDS
from fnr.client.sdk import AsyncClient, Client
from fnr.policy.dead_letter import SHARED_KEY, KeyTaker

IDS = [str(number) for number in range(CHUNK_IDS + 1)]


def two_reports() -> Turns:
    """Of both chunks one letter can go, and both have the same unique key."""
    takers = (KeyTaker(rank=rank, task_id=f"T{rank}", function="f") for rank in (1, 2))
    return Turns(
        *(ReplayReport(eligible=1, functions={"f": 1}, takers={"k": taker}) for taker in takers)
    )


def chunks(server: WireServer) -> list[list[str]]:
    """The ids of each question."""
    return [request.task_ids for request in server.asked if isinstance(request, ReplayLetters)]


def test_a_preview_of_many_letters(server: WireServer) -> None:
    server.answers[ReplayLetters] = two_reports()
    with Client(server.home) as client:
        report = client.replay_preview(*IDS, IDS[0])
    assert (report.eligible, report.blocked) == (1, {SHARED_KEY: 1})
    assert chunks(server) == [IDS[:CHUNK_IDS], IDS[CHUNK_IDS:]]


async def test_so_does_that_of_asyncio(server: WireServer) -> None:
    server.answers[ReplayLetters] = two_reports()
    async with AsyncClient(server.home) as client:
        report = await client.replay_preview(*IDS)
    assert (report.eligible, report.blocked) == (1, {SHARED_KEY: 1})
    assert chunks(server) == [IDS[:CHUNK_IDS], IDS[CHUNK_IDS:]]
