"""A connection ends with the last who has its client: who closes none has not used it up."""

from __future__ import annotations

import asyncio
import gc
from threading import Event

import pytest
from wire_server import WireServer

from fnr.api.requests import GetStatus, Status, Submit, Submitted, WaitTasks
from fnr.client.sdk import AsyncClient, Client
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task, TaskState

STATUS = Status(state="running", version="1", home="/h")
END = TaskEnd(task=Task(task_id="T", function="f", state=TaskState.DONE))


def test_a_client_that_nobody_has_any_more_is_no_client_of_the_daemon(server: WireServer) -> None:
    server.answers[GetStatus] = STATUS
    assert Client(server.home).status() == STATUS
    server.gone.get()


async def test_nor_is_one_for_asyncio(server: WireServer) -> None:
    """A program that makes one for each of its own requests: the daemon takes in a thousand."""
    server.answers[GetStatus] = STATUS
    assert await AsyncClient(server.home).status() == STATUS
    await asyncio.to_thread(server.gone.get)


def test_loops_that_take_turns_leave_no_connection_behind(server: WireServer) -> None:
    server.answers[GetStatus] = STATUS
    client = AsyncClient(server.home)
    loops = asyncio.new_event_loop(), asyncio.new_event_loop()
    for loop in (*loops, *loops):
        assert loop.run_until_complete(client.status()) == STATUS
    for loop in loops:
        loop.run_until_complete(client.close())
    for loop in loops:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert server.connections > 2
    for _ in range(server.connections):
        server.gone.get()


def test_a_question_under_way_on_one_loop_outlives_a_turn_of_another(server: WireServer) -> None:
    """Method: the stand-in answers it only after the turn."""
    asked, answer_now = Event(), Event()

    def late(_: WaitTasks) -> list[TaskEnd]:
        asked.set()
        answer_now.wait()
        return [END]

    server.answers |= {GetStatus: STATUS, WaitTasks: late}
    client = AsyncClient(server.home)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    waiting = first.create_task(client.wait("T"))
    first.run_until_complete(asyncio.to_thread(asked.wait))
    assert second.run_until_complete(client.status()) == STATUS
    second.run_until_complete(client.close())
    answer_now.set()
    assert first.run_until_complete(waiting) == END
    assert [type(one) for one in server.asked].count(WaitTasks) == 1
    for _ in range(2):
        first.run_until_complete(asyncio.to_thread(server.gone.get))
    for loop in (first, second):
        loop.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_what_another_loop_has_left_can_be_closed(server: WireServer) -> None:
    server.answers[Submit] = Submitted(task_id="T")
    client = AsyncClient(server.home, timeout="5s")
    assert asyncio.run(client.submit("f")) == "T"
    asyncio.run(client.close())
    assert asyncio.run(client.submit("f")) == "T"
    assert server.connections == 2
    del client
    gc.collect()
