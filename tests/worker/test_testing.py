"""fnr.testing: a function runs as in a worker, and what it did is there to be asserted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

import fnr
import fnr.testing
from fnr.api.errors import BadData
from fnr.policy.task import INPUT_BYTES_MAX
from fnr.worker import sdk


def render(frames: int, scene: str = "a") -> dict[str, Any]:
    begun = (fnr.attempt().checkpoint or {"frame": 0})["frame"]
    for frame in range(begun, frames):
        if fnr.cancelled():
            raise RuntimeError("cancelled")
        fnr.progress(frame + 1, frames, stage=scene)
        fnr.checkpoint({"frame": frame + 1})
    return {"frames": (begun, frames), "key": fnr.attempt().key}


class Float64(float):
    """Made from Python's own, as numpy.float64 is."""


def train(rate: Any) -> dict[str, Any]:
    loss = Float64(rate / 2)
    fnr.undo.call("models:drop", {"loss": loss})
    fnr.checkpoint({"loss": loss})
    return {"loss": loss}


async def later(value: Any) -> Any:
    fnr.progress(1)
    return value


def broken() -> None:
    raise ConnectionResetError(104, "Connection reset by peer")


def not_json() -> object:
    return object()


def test_a_success_gives_its_result_and_what_was_reported() -> None:
    outcome = fnr.testing.run(render, {"frames": 2})
    assert outcome.ok
    assert outcome.result["frames"] == [0, 2]
    assert [(one.done, one.total, one.stage) for one in outcome.progress] == [
        (1, 2, "a"),
        (2, 2, "a"),
    ]
    assert outcome.checkpoints == ({"frame": 1}, {"frame": 2})
    assert (outcome.category, outcome.message, outcome.decision) == ("", "", None)


def test_a_second_attempt_goes_on_from_a_checkpoint() -> None:
    outcome = fnr.testing.run(render, {"frames": 3}, attempt=2, checkpoint={"frame": 2})
    assert outcome.result["frames"] == [2, 3]
    assert len(outcome.progress) == 1


def test_numbers_of_other_libraries_are_numbers_wherever_they_are_told() -> None:
    outcome = fnr.testing.run(
        train, {"rate": Float64(0.5)}, checkpoint={"loss": Float64(1)}, attempt=2
    )
    assert (outcome.message, outcome.result) == ("", {"loss": 0.25})
    assert outcome.checkpoints == ({"loss": 0.25},)


def test_progress_that_is_no_number_fails_as_in_a_worker() -> None:
    outcome = fnr.testing.run(lambda: fnr.progress("half"))  # type: ignore[arg-type]  # on purpose
    assert outcome.message == "ValueError: could not convert string to float: 'half'"


@pytest.mark.parametrize("tell", [fnr.checkpoint, lambda data: fnr.undo.call("a:b", data)])
def test_what_is_told_has_a_depth_that_everybody_can_read(tell: Callable[[Any], object]) -> None:
    def deep(levels: int) -> None:
        data: dict[str, Any] = {}
        for _ in range(levels - 1):
            data = {"in": data}
        tell(data)

    assert fnr.testing.run(deep, {"levels": 499}).ok
    for levels in (501, 5_000):
        outcome = fnr.testing.run(deep, {"levels": levels})
        assert isinstance(outcome.error, ValueError)
        assert outcome.message.endswith("is nested deeper than 500 levels")


@pytest.mark.parametrize("key", [None, (1, 2)])
def test_a_key_that_is_none_is_called_one(key: object) -> None:
    outcome = fnr.testing.run(lambda: {key: 1})
    assert outcome.message.endswith(f"{type(key).__name__} as a key is unsupported")


def test_a_cancel_is_seen() -> None:
    outcome = fnr.testing.run(render, {"frames": 3}, cancelled=True)
    assert outcome.message == "RuntimeError: cancelled"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "cannot be written as JSON"),
        (Path("a.blend"), "cannot be written as JSON"),
        ("\ud800", "cannot be written as JSON"),
        ("a\0b", r"value contains \\u0000"),
        ("x" * INPUT_BYTES_MAX, "bytes; at most"),
        (json.loads("[" * 200 + "]" * 200), "nested deeper than 200 levels"),
    ],
    ids=range(6),
)
def test_input_that_no_client_could_submit_is_no_attempt(value: object, why: str) -> None:
    """A test that passed with it would promise what a submit refuses."""
    with pytest.raises(BadData, match=why):
        fnr.testing.run(later, {"value": value})


def test_an_attempt_leaves_as_many_undo_steps_as_in_a_worker() -> None:
    def careful(steps: int) -> None:
        for step in range(steps):
            fnr.undo.cancel_task(str(step))

    assert len(fnr.testing.run(careful, {"steps": 200}).undo) == 200
    outcome = fnr.testing.run(careful, {"steps": 201})
    assert (outcome.category, len(outcome.undo)) == ("permanent", 200)
    assert outcome.message.endswith("an attempt may leave 200 undo steps at most")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: fnr.Wait(vram="8"),
        lambda: fnr.Wait(vram="8GiB", port=1),
        lambda: fnr.Retry(after="soon"),
        lambda: fnr.checkpoint("x" * (1 << 20)),
        lambda: fnr.checkpoint(math.nan),
        lambda: fnr.breaker("A B").__enter__(),
    ],
)
def test_what_a_function_asks_wrongly_is_the_mistake_of_its_code(ask: Callable[[], object]) -> None:
    """By its words the first would be waited for as GPU memory, others be the submitter's fault."""
    outcome = fnr.testing.run(ask)
    assert isinstance(outcome.error, ValueError)
    assert outcome.classification is not None
    assert (outcome.category, outcome.classification.rule) == ("permanent", "fnr/wrong-call")


async def test_a_coroutine_is_run_in_a_test_that_is_one() -> None:
    outcome = fnr.testing.run(later, {"value": 7})
    assert (outcome.message, outcome.result, len(outcome.progress)) == ("", 7, 1)


def test_input_is_checked_as_in_a_worker() -> None:
    outcome = fnr.testing.run(render, {"frame": 3})
    assert "missing input 'frames'" in outcome.message
    assert outcome.category == "validation"


def test_a_failure_is_named_and_what_follows_is_decided() -> None:
    outcome = fnr.testing.run(broken)
    assert outcome.category == "transient"
    assert isinstance(outcome.error, ConnectionResetError)
    assert outcome.decision is not None
    assert outcome.decision.action == "retry"
    last = fnr.testing.run(broken, attempt=4)
    assert last.decision is not None
    assert last.decision.action == "bury"


def test_a_result_that_is_no_json_is_the_functions_failure() -> None:
    outcome = fnr.testing.run(not_json)
    assert isinstance(outcome.error, TypeError)


def test_coroutines_and_names_run_too() -> None:
    assert fnr.testing.run(later, {"value": [1]}).result == [1]
    assert fnr.testing.run("json:dumps", {"obj": 1}).result == "1"
    assert fnr.testing.run("nowhere:nothing").category == "permanent"


def test_afterwards_everything_is_as_before() -> None:
    before = sdk.host()
    fnr.testing.run(broken)
    assert sdk.host() is before


def test_a_service_of_an_impossible_name_is_refused_as_by_a_worker() -> None:
    def guards() -> None:
        with fnr.breaker("My NAS"):
            pass

    assert "'My NAS' is no name" in fnr.testing.run(guards, {}).message


def tells_who(me: int) -> int:
    """Each tells what it has to when all have begun, so that all are under way at once."""
    all_are_here.wait()
    fnr.checkpoint(me)
    fnr.progress(me)
    fnr.undo.cancel_task(f"TASK-{me}")
    fnr.breaker("storage").__enter__()
    all_are_here.wait()
    return fnr.attempt().number


all_are_here = Barrier(3)


def test_attempts_of_several_threads_are_told_apart() -> None:
    with ThreadPoolExecutor(3) as threads:
        outcomes = list(
            threads.map(lambda me: fnr.testing.run(tells_who, {"me": me}, attempt=me), [1, 2, 3])
        )
    for me, outcome in enumerate(outcomes, 1):
        assert (outcome.message, outcome.result, outcome.checkpoints) == ("", me, (me,))
        assert [each.done for each in outcome.progress] == [me]
        assert [data["task_id"] for _, data in outcome.undo] == [f"TASK-{me}"]
    assert sdk.host() is None


def test_a_thread_of_a_function_belongs_to_its_attempt() -> None:
    def told_by_a_thread() -> None:
        thread = Thread(target=fnr.checkpoint, args=("from there",))
        thread.start()
        thread.join()

    assert fnr.testing.run(told_by_a_thread).checkpoints == ("from there",)
