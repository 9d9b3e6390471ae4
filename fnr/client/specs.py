"""What a program says of a task, as the request it becomes.

Durations are text with a unit ("10m") or a timedelta: a bare number is refused here as it is in
fnr.toml.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

import msgspec
from msgspec import Raw

from fnr.api.errors import BadData, UsageError
from fnr.api.requests import SubmitMany, TaskSpec, WaitTasks
from fnr.client.connect import not_text
from fnr.config.paths import Paths, find_paths
from fnr.config.units import DURATION_MS_MAX, duration_ms, format_duration
from fnr.host.clock import Clock
from fnr.policy.json_numbers import as_builtin, number_lost
from fnr.policy.task import INPUT_DEPTH_MAX, PRIORITY_DEFAULT

Duration = str | timedelta
CHUNK_ITEMS = 1_000
# Far below what one request may have, so that the daemon answers others in between.
CHUNK_BYTES = 8 * 1024 * 1024

_encode = msgspec.json.Encoder(enc_hook=as_builtin).encode


class SubmitOptions(TypedDict, total=False):
    """What may be said of a task beside its function and input.

    priority: 1 to 10, higher first. delay, at: not before. timeout: of one attempt.
    expires:  if it has not begun by then it becomes a dead letter.
    unique:   while a live task has this key, submitting gives that task.
    key:      idempotency key, for a program that may start again between two submits.
    retries:  instead of the function's own number. None: as if it were not said.
    """

    priority: int | None
    delay: Duration | None
    at: datetime | None
    timeout: Duration | None
    expires: Duration | None
    unique: str | None
    tags: Mapping[str, str] | None
    retries: int | None
    key: str | None
    parent: str | None


def task_spec(
    function: str,
    input: Mapping[str, Any] | None,  # noqa: A002 - the word of the house
    options: SubmitOptions,
    *,
    task_id: str | None = None,
) -> TaskSpec:
    """A task as it is asked for; BadData when the input cannot be JSON."""
    if not options:
        body = _EMPTY if input is None else Raw(input_json(input))
        return TaskSpec(function=function, input=body, task_id=task_id)
    for name in options.keys() - SubmitOptions.__annotations__.keys():
        raise _unknown_option(name)
    # As of a program that passes on what it may not have been told itself.
    said: dict[str, Any] = {name: each for name, each in options.items() if each is not None}
    spec = TaskSpec(
        function=function,
        input=_EMPTY if input is None else Raw(input_json(input)),
        priority=said.get("priority", PRIORITY_DEFAULT),
        delay_ms=_ms(said, "delay"),
        due_at_ms=_moment_ms(said.get("at")),
        timeout_ms=_ms(said, "timeout"),
        expires_ms=_ms(said, "expires"),
        unique=said.get("unique"),
        tags=_tags(said.get("tags", {})),
        retries_max=said.get("retries"),
        key=said.get("key"),
        parent_id=said.get("parent"),
        task_id=task_id,
    )
    return check_expiry(spec, Clock())


EXPIRES_FIRST = "the task would expire before it may begin"


def check_expiry(spec: TaskSpec, clock: Clock) -> TaskSpec:
    """The task, unless it would expire before it may begin: UsageError."""
    if why := expires_first(spec, clock):
        raise UsageError(EXPIRES_FIRST, why=why)
    return spec


def expires_first(spec: TaskSpec, clock: Clock) -> str:
    """When it expires and when it may begin, if that is no sooner."""
    now_ms = clock.now_ms()
    expires_ms = spec.expires_ms
    if spec.expires_at_ms is not None:
        # Of one that has expired already the daemon says how long ago.
        expires_ms = spec.expires_at_ms - now_ms if spec.expires_at_ms > now_ms else None
    begins_ms = spec.delay_ms or 0
    if spec.due_at_ms is not None:
        begins_ms = max(0, spec.due_at_ms - now_ms)
    if expires_ms is None or expires_ms > begins_ms:
        return ""
    return (
        f"it expires {format_duration(expires_ms)} from now,"
        f" and is due {format_duration(begins_ms)} from now"
    )


def task_specs(
    function: str, inputs: Iterable[Mapping[str, Any]], options: SubmitOptions
) -> Iterator[TaskSpec]:
    """A task for each input; UsageError for options that can be said of one task only."""
    for name in ("unique", "key"):
        if options.get(name) is None:
            continue
        raise UsageError(
            f"submit_many takes no {name!r}",
            why="one key for all of them would make one task of them",
            next_step="submit them one by one, each with its own",
        )
    return _numbered(function, inputs, options)


def _numbered(
    function: str, inputs: Iterable[Mapping[str, Any]], options: SubmitOptions
) -> Iterator[TaskSpec]:
    for number, each in enumerate(inputs):
        try:
            spec = task_spec(function, each, options)
        except BadData as error:
            error.details += (f"it is inputs[{number}]",)
            raise
        yield spec


def input_json(value: Mapping[str, Any]) -> bytes:
    """An input as JSON; BadData says what in it cannot be."""
    if not isinstance(value, dict) and isinstance(value, Mapping):
        value = dict(value)
    try:
        encoded = _encode(value)
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        why = f"nested deeper than {INPUT_DEPTH_MAX} levels" if deep else str(error)
        raise BadData("the input cannot be written as JSON", why=why) from error
    if number := number_lost(value, encoded):
        raise BadData("the input cannot be written as JSON", why=f"it holds {number}")
    return encoded


def batches(specs: Iterable[TaskSpec], *, atomic: bool) -> Iterator[SubmitMany]:
    """Tasks in requests of CHUNK_ITEMS each, fewer where they are large.

    An atomic batch is one request, whatever its size.
    """
    items: list[Raw] = []
    size_bytes = 0
    for spec in specs:
        item = _item(spec)
        size_bytes += len(item)
        if items and not atomic and (len(items) == CHUNK_ITEMS or size_bytes > CHUNK_BYTES):
            yield SubmitMany(items=items)
            items, size_bytes = [], len(item)
        items.append(item)
    if items:
        yield SubmitMany(items=items, atomic=atomic)


def _item(spec: TaskSpec) -> Raw:
    try:
        return Raw(_encode(spec))
    except UnicodeEncodeError as error:
        raise not_text(error) from error


def home_paths(home: str | os.PathLike[str] | None) -> Paths:
    """Where a program's daemon is; an empty home is a variable that it has not set."""
    if home is None:
        return find_paths(None)
    if not (folder := os.fspath(home)):
        raise UsageError("home needs a value, and an empty one is none")
    return find_paths(folder)


def wait_tasks(task_ids: Iterable[str], timeout: Duration | None) -> WaitTasks:
    """The question how these end; UsageError for what is one id itself."""
    # A text is a list as well: of its letters.
    if isinstance(task_ids, str):
        raise UsageError("wait_all takes a list of ids", why=f"got the text {task_ids!r}")
    timeout_ms = None if timeout is None else milliseconds(timeout, what="timeout")
    return WaitTasks(task_ids=list(task_ids), timeout_ms=timeout_ms)


def milliseconds(value: Duration, *, what: str) -> int:
    """A duration in ms; UsageError says how to write it."""
    if isinstance(value, timedelta):
        if not timedelta(0) <= value <= _LONGEST:
            raise UsageError(f"{what}: a duration is 0 to 100 years, got {value}")
        return round(value / timedelta(milliseconds=1))
    try:
        return duration_ms(value)
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from error


_EMPTY = Raw(b"{}")
_LONGEST = timedelta(milliseconds=DURATION_MS_MAX)


def _unknown_option(name: str) -> UsageError:
    near = difflib.get_close_matches(name, SubmitOptions.__annotations__, n=1)
    return UsageError(
        f"a task has no option {name!r}",
        why=f"did you mean {near[0]!r}?"
        if near
        else f"it has {', '.join(SubmitOptions.__annotations__)}",
    )


def _ms(said: Mapping[str, Any], name: str) -> int | None:
    value: Duration | None = said.get(name)
    return None if value is None else milliseconds(value, what=name)


def _tags(tags: object) -> dict[str, str]:
    # A list of texts would become tags as well, if each has two letters.
    if not isinstance(tags, Mapping):
        raise UsageError(f'tags: must be a mapping like {{"batch": "7"}}, got {tags!r}')
    return dict(tags)


def _moment_ms(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise UsageError(f"at: the moment must be a datetime with a time zone, got {moment!r}")
    if moment.tzinfo is None:
        raise UsageError("at: the moment needs a time zone, like datetime(…, tzinfo=UTC)")
    return round(moment.timestamp() * 1_000)
