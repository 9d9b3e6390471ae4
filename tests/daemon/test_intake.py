"""What a daemon that leaves says to those who submit: nothing, if they can ask the next one."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec import structs

from fnr.api.errors import FnrError, TryAgain
from fnr.api.requests import Submit, SubmitMany, TaskSpec
from fnr.config.units import DURATION_MS_MAX
from fnr.daemon.intake import Intake, _time_problems

NAMED = [{"task_id": "01JD0000000000000000000001"}, {"key": "nightly"}]


class Caller:
    """Who submits; keeps what it is told."""

    submitter = "ada"

    def __init__(self) -> None:
        self.told: list[FnrError | str] = []

    def send_away(self) -> None:
        self.told.append("sent away")

    def fail(self, _request_id: int, error: FnrError) -> None:
        self.told.append(error)


@pytest.fixture
def leaving() -> Any:
    """The intake of a daemon that ends at once, with a next one to come."""
    parts: Any = SimpleNamespace(leaving=True, accepting=False)
    dispatcher: Any = None
    reserve: Any = None
    return Intake(parts, dispatcher, reserve)


@pytest.mark.parametrize("names", NAMED)
async def test_what_has_a_name_is_asked_of_the_next_daemon(
    leaving: Any, names: dict[str, str]
) -> None:
    caller = Caller()
    leaving.submit(caller, 1, Submit(task=TaskSpec(function="f", **names)))
    item = msgspec.Raw(msgspec.json.encode({"function": "f", **names}))
    with pytest.raises(asyncio.CancelledError):
        await leaving.submit_many(caller, SubmitMany(items=[item]))
    assert caller.told == ["sent away"] * 2


async def test_what_has_none_is_refused_for_it_would_be_a_second_task(leaving: Any) -> None:
    caller = Caller()
    leaving.submit(caller, 1, Submit(task=TaskSpec(function="f")))
    [refused] = caller.told
    assert isinstance(refused, TryAgain)
    with pytest.raises(TryAgain, match="is stopping"):
        await leaving.submit_many(caller, SubmitMany(items=[msgspec.Raw(b'{"function":"f"}')]))
    with pytest.raises(TryAgain, match="is stopping"):
        await leaving.submit_many(caller, SubmitMany(items=[]))
    assert len(caller.told) == 1


@pytest.mark.parametrize("name", ["delay_ms", "timeout_ms", "expires_ms"])
def test_the_longest_duration_is_that_which_people_can_type(name: str) -> None:
    longest = TaskSpec(function="f", **{name: DURATION_MS_MAX})
    assert list(_time_problems(longest)) == []
    [problem] = _time_problems(structs.replace(longest, **{name: DURATION_MS_MAX + 1}))
    assert "to 100 years" in problem
