"""What programs say of tasks becomes requests, with units or not at all."""

from __future__ import annotations

import math
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from fnr.api.errors import BadData, UsageError
from fnr.api.requests import TaskSpec
from fnr.client.sdk import AsyncClient, Client
from fnr.client.specs import CHUNK_BYTES, CHUNK_ITEMS, SubmitOptions, batches, task_spec, task_specs


def test_every_option_finds_its_field() -> None:
    spec = task_spec(
        "render",
        {"n": 1},
        SubmitOptions(
            priority=9,
            delay="10s",
            at=datetime(2026, 1, 1, tzinfo=UTC),
            timeout=timedelta(minutes=2),
            expires="1h",
            unique="u",
            tags={"a": "b"},
            retries=2,
            key="k",
            parent="p",
        ),
    )
    assert bytes(spec.input) == b'{"n":1}'
    assert msgspec.structs.asdict(spec) | {"input": None} == {
        "function": "render",
        "input": None,
        "priority": 9,
        "delay_ms": 10_000,
        "due_at_ms": 1_767_225_600_000,
        "timeout_ms": 120_000,
        "expires_ms": 3_600_000,
        "expires_at_ms": None,
        "unique": "u",
        "tags": {"a": "b"},
        "retries_max": 2,
        "key": "k",
        "task_id": None,
        "parent_id": "p",
    }


def test_a_task_without_options_is_small_on_the_wire() -> None:
    assert msgspec.json.encode(task_spec("f", None, SubmitOptions())) == (
        b'{"function":"f","input":{}}'
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SubmitOptions(timeout="10"), "timeout: needs a unit"),
        (SubmitOptions(delay=10), "delay: needs a unit"),  # type: ignore[typeddict-item]  # wrong on purpose
        (SubmitOptions(at=datetime(2026, 1, 1)), "at: the moment needs a time zone"),  # noqa: DTZ001 - wrong on purpose
        (SubmitOptions(at=1_767_225_600), "at: the moment must be a datetime"),  # type: ignore[typeddict-item]  # as above
    ],
)
def test_a_time_without_unit_or_zone_is_refused(options: SubmitOptions, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        task_spec("f", None, options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (SubmitOptions(delay="10m", expires="1m"), "expires 1m from now, and is due 10m from now"),
        (SubmitOptions(delay="1m", expires="1m"), "expires 1m from now, and is due 1m from now"),
        (SubmitOptions(at=datetime(2999, 1, 1, tzinfo=UTC), expires="1h"), "expires 1h from now"),
    ],
)
def test_what_would_expire_before_it_may_begin_is_refused(options: SubmitOptions, why: str) -> None:
    with pytest.raises(UsageError, match="would expire before it may begin") as refused:
        task_spec("f", None, options)
    assert why in refused.value.why


def test_an_option_that_is_none_was_not_said() -> None:
    said: dict[str, Any] = dict.fromkeys(SubmitOptions.__annotations__)
    assert task_spec("f", None, SubmitOptions(**said)) == task_spec("f", None, SubmitOptions())
    # And a type checker knows it: mypy looks at this line, too.
    assert task_spec("f", None, {"unique": None}) == task_spec("f", None, {})


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_an_empty_home_is_not_the_hosts_own(client: type[Client | AsyncClient]) -> None:
    with pytest.raises(UsageError, match="an empty one is none"):
        client("")


def test_what_may_begin_in_time_is_not_refused() -> None:
    past = datetime(2001, 1, 1, tzinfo=UTC)
    for options in (SubmitOptions(delay="1m", expires="61s"), SubmitOptions(at=past, expires="1s")):
        assert task_spec("f", None, options).expires_ms


def test_an_option_that_there_is_not_is_refused() -> None:
    options: SubmitOptions = {"tag": {"a": "b"}}  # type: ignore[typeddict-unknown-key]  # wrong on purpose
    with pytest.raises(UsageError, match="no option 'tag'") as refused:
        task_spec("f", None, options)
    assert refused.value.why == "did you mean 'tags'?"


@pytest.mark.parametrize("options", [SubmitOptions(unique="u"), SubmitOptions(key="k")])
def test_many_tasks_do_not_share_one_key(options: SubmitOptions) -> None:
    """All but the first would be taken for repetitions of it, and never run."""
    with pytest.raises(UsageError, match="submit_many takes no"):
        task_specs("f", [{"n": 1}, {"n": 2}], options)


@pytest.mark.parametrize("tags", [["ab"], ["batch=7"], "ab"])
def test_tags_are_a_mapping_and_nothing_that_could_pass_for_one(tags: Any) -> None:
    """A list of two letters each became a tag of one letter."""
    with pytest.raises(UsageError, match="must be a mapping like"):
        task_spec("f", None, SubmitOptions(tags=tags))


async def test_one_id_is_no_list_of_ids(tmp_path: Path) -> None:
    """Its first letters were looked for, and no task was found that is called 0."""
    with pytest.raises(UsageError, match="takes a list of ids: got the text '01JD'"):
        Client(tmp_path).wait_all("01JD")
    with pytest.raises(UsageError, match="takes a list of ids"):
        await AsyncClient(tmp_path).wait_all("01JD")


@pytest.mark.parametrize("kind", [MappingProxyType, ChainMap, UserDict, OrderedDict])
def test_any_mapping_is_an_input(kind: Callable[[dict[str, object]], Mapping[str, Any]]) -> None:
    assert bytes(task_spec("f", kind({"a": None}), SubmitOptions()).input) == b'{"a":null}'
    with pytest.raises(BadData, match="it holds nan"):
        task_spec("f", kind({"a": math.nan}), SubmitOptions())


def test_of_many_inputs_it_is_said_which_one_is_no_json() -> None:
    specs = task_specs("f", [{"n": 1}, {"n": 2}, {"n": math.nan}], SubmitOptions())
    with pytest.raises(BadData, match=r"it holds nan; it is inputs\[2\]"):
        list(specs)


def test_an_input_that_is_no_json_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["self"] = loop
    for value in ({"a": object()}, {"a": "\ud800"}, {"a": [1, {"b": math.nan}], "c": None}, loop):
        with pytest.raises(BadData, match="cannot be written as JSON"):
            task_spec("f", value, SubmitOptions())


def test_many_tasks_become_chunks_and_atomic_ones_a_single_request() -> None:
    specs = [TaskSpec(function="f") for _ in range(CHUNK_ITEMS + 1)]
    assert [len(request.items) for request in batches(specs, atomic=False)] == [CHUNK_ITEMS, 1]
    [one] = batches(specs, atomic=True)
    assert (len(one.items), one.atomic) == (CHUNK_ITEMS + 1, True)
    assert list(batches([], atomic=True)) == []


def test_large_tasks_make_smaller_chunks() -> None:
    spec = task_spec("f", {"text": "x" * (CHUNK_BYTES // 4)}, SubmitOptions())
    small = TaskSpec(function="f")
    found = [len(request.items) for request in batches([spec] * 7 + [small] * 2, atomic=False)]
    assert found == [3, 3, 3]
    [one] = batches([spec] * 7, atomic=True)
    assert len(one.items) == 7
