"""What a program is told when something goes wrong: by name, in one line, for its own home."""

from __future__ import annotations

import pickle
from copy import copy
from datetime import timedelta

import msgspec
import pytest
from msgspec import Raw
from wire_server import Turns, WireServer

import fnr
from fnr.api.errors import BadData, FnrError, TimedOut, UsageError, from_json
from fnr.api.requests import GetTask, Submit, SubmitMany, Submitted, SubmittedMany, WaitTasks
from fnr.policy.record import TaskEnd
from fnr.policy.task import Task, TaskState

DEAD = TaskEnd(
    task=Task(task_id="T", function="f", state=TaskState.DEAD),
    message="no space left",
    result=Raw(b"null"),
)


def test_what_a_program_catches_has_a_public_name() -> None:
    for name in ("DaemonDown", "FnrError", "TaskFailed", "TimedOut"):
        assert name in fnr.__all__
        assert issubclass(getattr(fnr, name), fnr.FnrError)


@pytest.mark.parametrize(
    "error",
    [
        fnr.TaskFailed(DEAD),
        fnr.DaemonDown("it is down", why="nobody", next_step="fnr daemon start", details=("d",)),
        fnr.BreakerOpen("storage", "open", 2.5),
        fnr.Retry("why", after="30s"),
        fnr.Wait(vram="8GiB"),
    ],
)
def test_an_error_can_be_copied_and_handed_to_another_process(error: Exception) -> None:
    """A pool of processes hangs, or breaks, on an error that it cannot make anew."""
    error.add_note("of the program's own")
    for made in (copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(made), str(made), made.args) == (type(error), str(error), error.args)
        assert made.__dict__ == error.__dict__


def test_the_line_of_a_traceback_says_why() -> None:
    assert str(FnrError("it failed")) == "it failed"
    error = fnr.TimedOut("no answer", why="waited 5s", details=("if accepted, it is task T",))
    assert str(error) == "no answer: waited 5s; if accepted, it is task T"
    assert from_json(error.as_json()).lines() == error.lines()


def test_what_to_type_next_is_typed_for_the_programs_home(server: WireServer) -> None:
    server.answers[Submit] = Submitted(task_id="T")
    server.answers[WaitTasks] = [DEAD]
    server.answers[GetTask] = BadData("refused", next_step="fnr function show f")
    ours = f"fnr --home {server.home} "
    with fnr.Client(server.home) as client:
        for asked in (lambda: client.result("T"), lambda: client.call("f")):
            with pytest.raises(fnr.TaskFailed, match="task T is dead: no space left") as caught:
                asked()
            assert caught.value.next_step == f"{ours}task history T"
        with pytest.raises(BadData) as refused:
            client.get("T")
        assert refused.value.next_step == f"{ours}function show f"


async def test_the_same_of_asyncio_programs(server: WireServer) -> None:
    server.answers[Submit] = Submitted(task_id="T")
    server.answers[WaitTasks] = [DEAD]
    server.answers[GetTask] = BadData("refused", next_step="fnr function show f")
    ours = f"fnr --home {server.home} "
    async with fnr.AsyncClient(server.home) as client:
        with pytest.raises(fnr.TaskFailed) as caught:
            await client.call("f")
        assert caught.value.next_step == f"{ours}task history T"
        with pytest.raises(BadData) as refused:
            await client.get("T")
        assert refused.value.next_step == f"{ours}function show f"


async def test_a_batch_that_is_not_answered_for_names_its_tasks(server: WireServer) -> None:
    """Who submits them again without a look makes each of them twice."""
    accepted = SubmittedMany(task_ids=[str(number) for number in range(1_000)])
    server.answers[SubmitMany] = Turns(accepted, TimedOut("late"), accepted, TimedOut("late"))
    inputs = [{"n": number} for number in range(1_500)]
    with fnr.Client(server.home) as client, pytest.raises(fnr.TimedOut) as caught:
        client.submit_many("f", inputs)
    async with fnr.AsyncClient(server.home) as client:
        with pytest.raises(fnr.TimedOut) as again:
            await client.submit_many("f", inputs)
    for error, asked in ((caught.value, server.asked[1]), (again.value, server.asked[3])):
        first, last = (msgspec.json.decode(asked.items[place])["task_id"] for place in (0, -1))
        assert error.details == (
            f"if these 500 were accepted, they are {first} to {last}",
            "1000 before that are accepted, 0 to 999",
        )


@pytest.mark.parametrize("within", [timedelta(seconds=-1), timedelta.max])
def test_no_wait_is_negative_or_longer_than_a_life(server: WireServer, within: timedelta) -> None:
    with fnr.Client(server.home) as client, pytest.raises(UsageError, match="within"):
        client.call("f", within=within)
    assert not server.asked
