"""The clients for programs, against a stand-in: keys, repeats, pages, forks, lost connections."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Barrier

import msgspec
import pytest
from msgspec import Raw, structs
from wire_server import Close, Hang, Turns, WireServer
from wire_server import Raw as RawLine

import fnr
from fnr.api import wire
from fnr.api.errors import (
    BadData,
    DaemonDown,
    NotFound,
    StorageError,
    TimedOut,
    UsageError,
)
from fnr.api.letter_requests import ListLetters, ReplayLetters, ReplayReport
from fnr.api.replay_requests import GetReplay, StartReplay
from fnr.api.requests import (
    CancelTasks,
    Changed,
    GetStatus,
    GetTask,
    ListTasks,
    RefusedItem,
    Status,
    StopDaemon,
    Submit,
    SubmitMany,
    Submitted,
    SubmittedMany,
    WaitTasks,
)
from fnr.client import async_sdk
from fnr.client.answers import LOOK_S, LOOK_S_MAX, pauses_s
from fnr.client.async_link import AsyncLink
from fnr.client.connect import ConnectionLost
from fnr.client.sdk import AsyncClient, Client, TaskFailed
from fnr.config.paths import Paths
from fnr.host.clock import Clock, is_ulid
from fnr.policy.record import TaskDetail, TaskEnd
from fnr.policy.replay import ReplayDetail, ReplayPlan, ReplayState
from fnr.policy.task import Task, TaskState

# Of who gets an answer; who gets none has little.
PATIENCE_MS = 30_000
STATUS = Status(state="running", version="1", home="/h")
DONE = TaskEnd(
    task=Task(task_id="T", function="f", state=TaskState.DONE), result=Raw(b'{"lines": 3}')
)
DEAD = TaskEnd(task=Task(task_id="T", function="f", state=TaskState.DEAD), message="no space left")


@pytest.fixture
def client(server: WireServer) -> Iterator[Client]:
    with Client(server.home) as made:
        yield made


@pytest.fixture
async def async_client(server: WireServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.home) as made:
        yield made


def accept(request: SubmitMany) -> SubmittedMany:
    return SubmittedMany(task_ids=[str(number) for number in range(len(request.items))])


def test_the_clients_are_public() -> None:
    assert (fnr.Client, fnr.AsyncClient) == (Client, AsyncClient)


def test_submit_gives_the_id_and_proposes_one(server: WireServer, client: Client) -> None:
    server.answers[Submit] = Submitted(task_id="T")
    assert client.submit("render", {"n": 1}, timeout="10m") == "T"
    client.submit("render")
    client.submit("render", key="mine")
    first, second, mine = (request.task for request in server.asked)
    assert all(is_ulid(task.task_id) for task in (first, second, mine))
    assert len({task.task_id for task in (first, second, mine)}) == 3
    assert (first.key, mine.key) == (None, "mine")
    assert server.connections == 1


def test_without_a_daemon_nothing_is_waited_for(tmp_path: Path) -> None:
    with Client(tmp_path) as client, pytest.raises(DaemonDown):
        client.submit("render")


def test_a_daemon_that_does_not_come_back_is_down(server: WireServer) -> None:
    server.answers[GetStatus] = lambda _: server_stops(server)
    with Client(server.home, reconnect="10ms") as client, pytest.raises(DaemonDown):
        client.status()


def server_stops(server: WireServer) -> Close:
    Path(server.paths.socket_file).unlink()
    return Close()


def until_arrived(server: WireServer, kind: type) -> None:
    """Until the stand-in has taken such a request, and forgotten what came before it."""
    while not isinstance(server.arrived.get(timeout=PATIENCE_MS / 1_000), kind):
        pass


def test_after_a_timeout_a_late_answer_is_not_taken_for_the_next(server: WireServer) -> None:
    """Method: the second question must not be asked where the first answer may still arrive."""
    server.answers[GetStatus] = Turns(Hang(), STATUS)
    with Client(server.home, timeout="50ms") as client:
        with pytest.raises(TimedOut):
            client.status()
        until_arrived(server, GetStatus)
        client._timeout_ms = PATIENCE_MS
        assert client.status() == STATUS
    assert server.connections == 2


async def test_a_submit_without_an_answer_says_by_which_id_one_can_look(
    server: WireServer,
) -> None:
    server.answers[Submit] = Hang()
    with Client(server.home, timeout="50ms") as client, pytest.raises(TimedOut) as caught:
        client.submit("f")
    until_arrived(server, Submit)
    async with AsyncClient(server.home) as both:
        await both.status()
        both._timeout_ms = 50
        with pytest.raises(TimedOut) as caught_async:
            await both.submit("f")
        until_arrived(server, Submit)
    asked = [one.task.task_id for one in server.asked if isinstance(one, Submit)]
    told = [error.value.details for error in (caught, caught_async)]
    assert told == [(f"if it was accepted, it is task {task_id}",) for task_id in asked]


def test_many_are_sent_in_chunks_and_refusals_are_counted_through(
    server: WireServer, client: Client
) -> None:
    bad = RefusedItem(index=0, why="bad", code="bad_data")

    def refuse_first(request: SubmitMany) -> SubmittedMany:
        ids = [str(number) for number in range(1, len(request.items))]
        return SubmittedMany(task_ids=ids, refused=[bad], duplicates=1)

    server.answers[SubmitMany] = refuse_first
    found = client.submit_many("f", ({"n": number} for number in range(1_500)))
    assert [len(request.items) for request in server.asked] == [1_000, 500]
    assert len(found.task_ids) == 1_498
    assert (found.refused, found.duplicates) == ([bad, structs.replace(bad, index=1_000)], 2)
    items = [msgspec.json.decode(item) for request in server.asked for item in request.items]
    assert len({item["task_id"] for item in items}) == 1_500


def test_an_input_that_is_none_tells_what_was_accepted_before_it(
    server: WireServer, client: Client
) -> None:
    server.answers[SubmitMany] = SubmittedMany(task_ids=["A", "B"])
    inputs = ({"n": number if number < 1_200 else object()} for number in range(1_500))
    with pytest.raises(BadData) as refused:
        client.submit_many("f", inputs)
    assert refused.value.details == (
        "it is inputs[1200]",
        "2 before that are accepted, A to B",
    )


async def test_so_does_an_error_of_the_program_itself(
    server: WireServer, client: Client, async_client: AsyncClient
) -> None:
    server.answers[SubmitMany] = SubmittedMany(task_ids=["A", "B"])
    with pytest.raises(ZeroDivisionError) as caught:
        client.submit_many("f", ({"n": 1 / (1_200 - number)} for number in range(1_500)))
    assert caught.value.__notes__ == ["2 before that are accepted, A to B"]
    with pytest.raises(ZeroDivisionError) as caught:
        await async_client.submit_many("f", ({"n": 1 / (9 - number)} for number in range(10)))
    assert not hasattr(caught.value, "__notes__")


def test_wait_and_result(server: WireServer, client: Client) -> None:
    server.answers[WaitTasks] = Turns([DONE], [DONE], [DEAD], [DONE, DEAD])
    assert client.wait("T", timeout="1m") == DONE
    assert server.asked[0] == WaitTasks(task_ids=["T"], timeout_ms=60_000)
    assert client.result("T") == {"lines": 3}
    with pytest.raises(TaskFailed, match="task T is dead") as caught:
        client.result("T")
    assert caught.value.why == "no space left"
    assert caught.value.end == DEAD
    assert client.wait_all(["T", "T"]) == [DONE, DEAD]


def test_a_call_is_a_submit_and_its_result(server: WireServer, client: Client) -> None:
    server.answers[Submit] = lambda request: Submitted(task_id=request.task.task_id)
    server.answers[WaitTasks] = Turns([DONE], [DEAD], TimedOut("1 of 1 task has not ended"))
    assert client.call("render", {"n": 1}, timeout="10m") == {"lines": 3}
    submit, wait = server.asked
    assert (submit.task.timeout_ms, wait.task_ids) == (600_000, [submit.task.task_id])
    with pytest.raises(TaskFailed, match="task T is dead"):
        client.call("render")
    with pytest.raises(TimedOut, match="has not ended"):
        client.call("render", within="1m")
    assert server.asked[-1].timeout_ms == 60_000
    assert server.connections == 1


def test_a_call_whose_connection_is_lost_submits_the_same_task(
    server: WireServer, client: Client
) -> None:
    server.answers[Submit] = Turns(Close(), lambda request: Submitted(task_id=request.task.task_id))
    server.answers[WaitTasks] = [DONE]
    assert client.call("render") == {"lines": 3}
    first, again, wait = server.asked
    assert first == again
    assert wait.task_ids == [first.task.task_id]


def test_a_call_for_work_that_is_under_way_waits_for_that(
    server: WireServer, client: Client
) -> None:
    server.answers[Submit] = Submitted(task_id="T", duplicate=True)
    server.answers[WaitTasks] = Turns(NotFound("there is no task"), [DONE])
    assert client.call("render", unique="a") == {"lines": 3}
    assert server.asked[-1].task_ids == ["T"]


def test_a_call_takes_its_two_answers_in_any_order(server: WireServer, client: Client) -> None:
    """Method: the stand-in holds the first and answers both with the second, backwards."""
    held: list[bytes] = []

    def hold(_: Submit) -> Hang:
        held.append(wire.encode_error(1, StorageError("the store takes no new tasks")))
        return Hang()

    server.answers[Submit] = hold
    server.answers[WaitTasks] = lambda _: RawLine(
        wire.encode_error(2, NotFound("there is no task")) + held[0]
    )
    with pytest.raises(StorageError, match="takes no new tasks"):
        client.call("render")
    assert client.status().state == "running"
    assert server.connections == 1


def test_lists_go_through_all_pages(server: WireServer, client: Client) -> None:
    one, two = ({"task_id": name, "function": "f"} for name in "12")
    server.answers[ListTasks] = Turns({"items": [one], "next": "1"}, {"items": [two]})
    assert [task.task_id for task in client.tasks("state:dead")] == ["1", "2"]
    assert [request.after for request in server.asked] == [None, "1"]
    letter = {
        "task_id": "1",
        "function": "f",
        "cause": "poison",
        "category": "unknown",
        "reason": "r",
        "died_at_ms": 1,
    }
    server.answers[ListLetters] = Turns({"items": [letter], "next": "1"}, {"items": []})
    assert [found.task_id for found in client.letters()] == ["1"]


def test_the_other_words(server: WireServer, client: Client) -> None:
    detail = TaskDetail(task=DONE.task, input=Raw(b"{}"))
    server.answers |= {
        GetTask: detail,
        CancelTasks: Changed(changed=["T"]),
        GetStatus: STATUS,
        ReplayLetters: Turns(
            ReplayReport(eligible=2, functions={"f": 2}, blocked={"r": 1}, next="c"),
            ReplayReport(eligible=1, functions={"f": 1, "g": 1}),
        ),
    }
    assert client.get("T") == detail
    assert client.cancel("T", reason="r").changed == ["T"]
    assert client.status() == STATUS
    report = client.replay_preview(where="function:f")
    assert (report.eligible, report.functions, report.blocked) == (3, {"f": 3, "g": 1}, {"r": 1})
    assert (server.asked[-1].after, server.asked[-1].dry_run) == ("c", True)


def replay_plan(state: ReplayState, *, left: int) -> ReplayPlan:
    return ReplayPlan(
        plan_id="P", state=state, state_at_ms=1, created_at_ms=1, created_by="a", state_by="a",
        frozen_at_ms=None if state is ReplayState.PLANNING else 1, total=left, pending=left,
    )  # fmt: skip


PLANNING = replay_plan(ReplayState.PLANNING, left=0)
MIDWAY = ReplayDetail(plan=replay_plan(ReplayState.RUNNING, left=2))


@pytest.mark.parametrize("state", [ReplayState.RUNNING, ReplayState.PAUSED, ReplayState.STOPPED])
def test_a_replay_returns_when_all_are_back_or_it_rests(
    server: WireServer, client: Client, state: ReplayState
) -> None:
    last = replay_plan(state, left=0 if state is ReplayState.RUNNING else 1)
    server.answers |= {
        StartReplay: PLANNING,
        GetReplay: Turns(MIDWAY, ReplayDetail(plan=last)),
    }
    assert client.replay(where="function:f", reason="r") == last
    assert [type(asked) for asked in server.asked] == [StartReplay, GetReplay, GetReplay]
    assert server.asked[0] == StartReplay(where="function:f", reason="r")
    assert client.replay("T", detach=True) == PLANNING


def test_looks_at_a_replay_become_rarer_and_never_too_rare() -> None:
    first = [*islice(pauses_s(), 100)]
    assert (first[0], first[-1]) == (LOOK_S, LOOK_S_MAX)
    assert sorted(first) == first


def test_a_bare_number_is_refused() -> None:
    with pytest.raises(UsageError, match="timeout: needs a unit"):
        Client(timeout="10")


def test_a_forked_process_has_its_own_connection_and_ids(
    server: WireServer, client: Client
) -> None:
    server.answers[Submit] = lambda request: Submitted(task_id=request.task.task_id)
    parents = client.submit("f")
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, client.submit("f").encode())
        os._exit(0)
    os.waitpid(child, 0)
    childs = os.read(readable, 100).decode()
    os.close(readable)
    os.close(writable)
    assert childs != parents
    assert server.connections == 2
    assert client.submit("f") not in {parents, childs}
    assert server.connections == 2


async def test_many_are_cancelled_chunk_by_chunk(server: WireServer, client: Client) -> None:
    """100,000 in one request took as long as a client waits, and kept everybody else waiting."""
    server.answers[CancelTasks] = lambda request: Changed(
        changed=request.task_ids[1:], unchanged={request.task_ids[0]: "it is done"}
    )
    ids = [str(number) for number in range(1_001)]
    found = client.cancel(*ids, reason="not needed")
    async with AsyncClient(server.home) as other:
        assert await other.cancel(*ids, reason="not needed") == found
    assert [len(request.task_ids) for request in server.asked] == [500, 500, 1] * 2
    assert {request.reason for request in server.asked} == {"not needed"}
    assert found.unchanged == dict.fromkeys(["0", "500", "1000"], "it is done")
    assert sorted([*found.changed, *found.unchanged]) == sorted(ids)


def test_threads_share_a_client_and_each_has_its_own_connection(
    server: WireServer, client: Client
) -> None:
    """They took each other's answers from one connection, and hung for its whole timeout."""
    server.answers[Submit] = lambda request: Submitted(task_id=request.task.task_id)
    all_there = Barrier(4)

    def submit_many(number: int) -> list[str]:
        all_there.wait()
        return [client.submit(f"f{number}") for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(submit_many, range(4)))
    of_function: dict[str, list[str]] = {}
    for request in server.asked:
        of_function.setdefault(request.task.function, []).append(request.task.task_id)
    assert found == [of_function[f"f{number}"] for number in range(4)]
    assert len({task_id for ids in found for task_id in ids}) == 200
    assert server.connections == 4


# ── asyncio ──────────────────────────────────────────────────────────────────


async def test_async_questions_share_a_connection_and_answers_may_come_in_any_order(
    server: WireServer, async_client: AsyncClient
) -> None:
    """Method: the stand-in keeps all but the last request and answers them backwards."""
    held: list[bytes] = []

    def hold(request: Submit) -> object:
        answer = Submitted(task_id=bytes(request.task.input).decode())
        held.append(wire.encode_answer(len(held) + 1, answer))
        return Hang() if len(held) < 20 else RawLine(b"".join(reversed(held)))

    server.answers[Submit] = hold
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(async_client.submit("f", {"n": n})) for n in range(20)]
    assert [task.result() for task in tasks] == [f'{{"n":{n}}}' for n in range(20)]
    assert server.connections == 1


async def test_async_errors_and_deadlines(server: WireServer) -> None:
    server.answers[GetStatus] = Turns(BadData("no"), Hang(), STATUS)
    async with AsyncClient(server.home) as client:
        with pytest.raises(BadData, match="no"):
            await client.status()
        client._timeout_ms = 50
        with pytest.raises(TimedOut):
            await client.status()
        client._timeout_ms = PATIENCE_MS
        assert await client.status() == STATUS
    assert server.connections == 1


async def test_async_garbage_ends_the_connection(server: WireServer) -> None:
    server.answers[StopDaemon] = RawLine(b"HTTP/1.1 200 OK\n")
    async with AsyncClient(server.home) as client:
        with pytest.raises(ConnectionLost):
            await client.ask(StopDaemon())


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[DaemonDown]:
    """Every attempt of an AsyncClient to connect that nobody answered."""
    found: SimpleQueue[DaemonDown] = SimpleQueue()
    open_link = AsyncLink.open

    async def watched(paths: Paths, *, timeout_ms: int) -> AsyncLink:
        try:
            return await open_link(paths, timeout_ms=timeout_ms)
        except DaemonDown as error:
            found.put(error)
            raise

    monkeypatch.setattr(AsyncLink, "open", watched)
    return found


async def test_async_has_patience_with_a_daemon_that_went_away_before_the_question(
    server: WireServer, refusals: SimpleQueue[DaemonDown]
) -> None:
    server.answers |= {StopDaemon: lambda _: server_stops(server), Submit: Submitted(task_id="T")}
    async with AsyncClient(server.home, reconnect="1m") as client, asyncio.TaskGroup() as group:
        with pytest.raises(ConnectionLost):
            await client.ask(StopDaemon())
        submitting = group.create_task(client.submit("f"))
        await asyncio.to_thread(refusals.get)
        server.stop()
        server.start()
        assert await submitting == "T"


async def test_async_all_lose_patience_with_a_daemon_at_once(
    server: WireServer, refusals: SimpleQueue[DaemonDown]
) -> None:
    def hang_up_on_the_last(_: Submit) -> object:
        return server_stops(server) if len(server.asked) == 20 else Hang()

    server.answers[Submit] = hang_up_on_the_last
    # Longer than a refused connection takes on a busy machine: patience is lost behind a pause.
    async with AsyncClient(server.home, reconnect="300ms") as client:
        found = await asyncio.gather(  # noqa: TID251 - each error is looked at
            *(client.submit("f") for _ in range(20)), return_exceptions=True
        )
        assert {type(error) for error in found} == {ConnectionLost}
        assert 1 <= refusals.qsize() < 20
        # Whether it was accepted is not known; every one is told its own id.
        told = [error.details for error in found if isinstance(error, ConnectionLost)]
        ids = [request.task.task_id for request in server.asked]
        assert told == [(f"if it was accepted, it is task {task_id}",) for task_id in ids]
        # From now on nobody is waited for.
        before = refusals.qsize()
        with pytest.raises(DaemonDown):
            await client.status()
        assert refusals.qsize() == before + 1


async def test_async_without_a_daemon(tmp_path: Path) -> None:
    async with AsyncClient(tmp_path) as client:
        with pytest.raises(DaemonDown):
            await client.submit("f")


async def test_async_the_other_words(server: WireServer, async_client: AsyncClient) -> None:
    one, two = ({"task_id": name, "function": "f"} for name in "12")
    detail = TaskDetail(task=DONE.task, input=Raw(b"{}"))
    server.answers |= {
        SubmitMany: accept,
        WaitTasks: Turns([DONE], [DEAD]),
        ListTasks: Turns({"items": [one], "next": "1"}, {"items": [two]}),
        ListLetters: {"items": []},
        GetTask: detail,
        CancelTasks: Changed(changed=["T"]),
        ReplayLetters: Turns(
            ReplayReport(eligible=1, next="c"),
            ReplayReport(eligible=1),
        ),
        StartReplay: PLANNING,
        GetReplay: Turns(MIDWAY, ReplayDetail(plan=replay_plan(ReplayState.DONE, left=0))),
    }
    found = await async_client.submit_many("f", ({"n": n} for n in range(1_001)))
    assert len(found.task_ids) == 1_001
    assert await async_client.result("T") == {"lines": 3}
    with pytest.raises(TaskFailed):
        await async_client.result("T")
    assert [task.task_id async for task in async_client.tasks()] == ["1", "2"]
    assert [letter async for letter in async_client.letters()] == []
    assert await async_client.get("T") == detail
    assert (await async_client.cancel("T")).changed == ["T"]
    assert (await async_client.replay_preview(all=True)).eligible == 2
    assert (await async_client.replay(all=True)).state is ReplayState.DONE


async def test_async_large_requests_wait_until_the_daemon_reads(
    server: WireServer, async_client: AsyncClient
) -> None:
    size = 4 * 1024 * 1024
    server.answers[Submit] = lambda request: Submitted(task_id=str(len(request.task.input)))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(async_client.submit("f", {"a": "x" * size})) for _ in range(4)]
    assert {task.result() for task in tasks} == {str(size + len('{"a":""}'))}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_second_loop_gets_its_own_connection(server: WireServer) -> None:
    """Method: asyncio.run twice with one client that nobody has closed."""
    server.answers[Submit] = Submitted(task_id="T")
    client = AsyncClient(server.home, timeout="5s")
    assert [asyncio.run(client.submit("f")) for _ in range(2)] == ["T", "T"]
    assert server.connections == 2
    del client
    gc.collect()


def test_loops_of_several_threads_share_a_client_and_each_has_its_own_connection(
    server: WireServer,
) -> None:
    """Method: all loops run until each has asked, and ask in turns."""
    server.answers[Submit] = lambda request: Submitted(task_id=request.task.task_id)
    client = AsyncClient(server.home, timeout="5s")
    together = Barrier(4, timeout=60)

    async def submit() -> list[str]:
        ids = []
        for _ in range(20):
            together.wait()
            ids.append(await client.submit("f"))
        await client.close()
        return ids

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: asyncio.run(submit()), range(4)))
    assert len({task_id for ids in found for task_id in ids}) == 80
    assert server.connections == 4


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_forked_process_makes_ids_of_its_own_also_on_a_clock_that_stands_still(
    server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that two processes make is one task: the second one's would be lost."""

    class Standing(Clock):
        def now_ms(self) -> int:
            return 1_000

    monkeypatch.setattr(async_sdk, "Clock", Standing)
    server.answers[Submit] = lambda request: Submitted(task_id=request.task.task_id)
    client = AsyncClient(server.home)
    ids = [asyncio.run(client.submit("f"))]
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, asyncio.run(client.submit("f")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    ids += [os.read(readable, 100).decode(), asyncio.run(client.submit("f"))]
    os.close(readable)
    os.close(writable)
    assert len({*ids}) == 3
    del client
    gc.collect()
