"""Both clients against a real daemon, which is killed and comes back meanwhile."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "daemon"))

from live_home import LiveHome

from fnr.api.errors import NotFound, TimedOut
from fnr.api.replay_requests import ListReplays
from fnr.api.requests import WaitTasks
from fnr.client.sdk import AsyncClient, Client, TaskFailed
from fnr.policy.record import ENDS_BYTES_MAX, ENDS_MAX
from fnr.policy.replay import ReplayOptions
from fnr.policy.task import TaskState

TOML = f"""
[functions.count]
python = "live_functions:count_lines"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
[functions.gate]
python = "live_functions:open_gate"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
[functions.repeat]
python = "live_functions:repeat"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
[functions.refuse]
python = "live_functions:refuse"
env = {{ PYTHONPATH = "{Path(__file__).parent}" }}
"""


@pytest.fixture(scope="module")
def home() -> Iterator[LiveHome]:
    """One daemon for the module; a socket's path must stay under 108 bytes, hence not tmp_path."""
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), TOML).up()
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


def test_the_way_of_a_task_through_the_client(home: LiveHome) -> None:
    with Client(home.folder) as client:
        task_id = client.submit("count", {"text": "a\nb\n"}, tags={"kind": "live"})
        assert client.result(task_id, timeout="30s") == 2
        detail = client.get(task_id)
        assert detail.task.tags == {"kind": "live"}
        assert [task.task_id for task in client.tasks("tag.kind:live")] == [task_id]
        many = client.submit_many("count", ({"text": "x\n" * n} for n in range(5)))
        assert [client.result(each) for each in many.task_ids] == [0, 1, 2, 3, 4]
        assert client.status().state == "running"


def test_a_dead_task_is_an_error_with_its_end_and_can_be_replayed(home: LiveHome) -> None:
    with Client(home.folder) as client:
        task_id = client.submit("refuse", {"n": 1})
        with pytest.raises(TaskFailed, match="is dead") as caught:
            client.result(task_id, timeout="30s")
        assert "CUDA error" in caught.value.why
        assert [letter.task_id for letter in client.letters("function:refuse")] == [task_id]
        preview = client.replay_preview(task_id)
        assert (preview.eligible, preview.replayed) == (1, 0)
        plan = client.replay(task_id, reason="a test")
        assert (plan.total, plan.left, plan.state_by) == (1, 0, "fnr")
        # By what it returns the letter is back: whoever waits, waits for the new end.
        assert client.wait(task_id, timeout="30s").task.replays == 1
        again = client.replay(where=f"id:{task_id}", options=ReplayOptions(canary=1))
        assert (again.total, again.options.canary) == (1, 1)
        [_, first] = home.ask(ListReplays(limit=2)).items
        assert first.plan_id == plan.plan_id


def test_a_call_brings_the_result(home: LiveHome) -> None:
    with Client(home.folder) as client:
        assert client.call("count", {"text": "a\nb\n"}, within="30s") == 2
        with pytest.raises(TaskFailed):
            client.call("refuse", {"n": 1})
        with pytest.raises(NotFound, match="there is no function 'cuont'"):
            client.call("cuont")
        pipe = home.folder / "called"
        os.mkfifo(pipe)
        task_id = client.submit("gate", {"path": str(pipe)}, unique="the gate")
        with pytest.raises(TimedOut):
            client.call("gate", {"path": str(pipe)}, unique="the gate", within="10ms")
        pipe.write_text("open")
        assert client.result(task_id) == "open"


async def test_the_async_client_calls_too(home: LiveHome) -> None:
    async with AsyncClient(home.folder) as client:
        assert await client.call("count", {"text": "a\nb\n"}, within="30s") == 2


def test_the_same_key_is_the_same_task(home: LiveHome) -> None:
    with Client(home.folder) as client:
        one = client.submit("count", {"text": ""}, key="once")
        assert client.submit("count", {"text": ""}, key="once") == one


async def test_the_async_client_waits_for_many_at_once(home: LiveHome) -> None:
    async with AsyncClient(home.folder) as client:
        found = await client.submit_many("count", ({"text": "x\n" * n} for n in range(20)))
        ends = await client.wait_all(found.task_ids, timeout="30s")
        assert {end.task.state for end in ends} == {TaskState.DONE}
        task_id = await client.submit("count", {"text": "\n"}, delay="1h")
        assert (await client.cancel(task_id)).changed == [task_id]


async def test_results_that_fit_into_no_one_answer_come_all_the_same(home: LiveHome) -> None:
    sizes = [6_000_000 + n for n in range(7)]
    with Client(home.folder, timeout="60s") as client:
        found = client.submit_many("repeat", ({"text": "x", "times": size} for size in sizes))
        ends = client.wait_all(found.task_ids, timeout="60s")
        assert [len(client.result(end.task.task_id)) for end in ends] == sizes
        assert [end.task.task_id for end in ends] == found.task_ids
        # One answer has at least one, and as many more as fit.
        first = client.ask(WaitTasks(task_ids=found.task_ids))
        assert 0 < sum(len(bytes(end.result)) for end in first) <= ENDS_BYTES_MAX
        assert len(first) < len(sizes)
    async with AsyncClient(home.folder, timeout="60s") as both:
        assert await both.wait_all(found.task_ids) == ends


def test_who_waits_for_thousands_is_told_in_the_order_asked_for(home: LiveHome) -> None:
    with Client(home.folder, timeout="60s") as client:
        inputs = ({"text": ""} for _ in range(ENDS_MAX + 100))
        ids = client.submit_many("count", inputs, delay="1h").task_ids[::-1]
        with pytest.raises(TimedOut, match=f"{len(ids)} of {len(ids)} tasks have not ended"):
            client.wait_all(ids, timeout="1ms")
        assert len(client.cancel(*ids).changed) == len(ids)
        ends = client.wait_all(ids, timeout="60s")
        assert [end.task.task_id for end in ends] == ids
        assert {end.task.state for end in ends} == {TaskState.CANCELLED}
        with pytest.raises(NotFound, match="there is no task 01JXC7"):
            client.wait_all([*ids, "01JXC7" + "0" * 20])


def test_a_wait_outlives_a_killed_daemon(home: LiveHome) -> None:
    """Method: the task waits at a named pipe; the daemon is killed and started meanwhile."""
    pipe = home.folder / "gate"
    os.mkfifo(pipe)
    results: list[object] = []
    connected = threading.Event()

    def wait() -> None:
        with Client(home.folder, reconnect="30s") as client:
            client.status()
            connected.set()
            results.append(client.result(task_id))

    with Client(home.folder) as client:
        task_id = client.submit("gate", {"path": str(pipe)})
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert connected.wait(30)
    # Opening returns when the function has opened the other end: the attempt is running.
    with pipe.open("w") as gate:
        home.kill()
        assert home.start(), home.log()
        gate.write("open")
    waiting.join()
    assert results == ["open"]
