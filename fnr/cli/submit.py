"""`fnr submit`: hand over one task, or a file of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer
from msgspec import Raw
from msgspec.structs import replace

from fnr.api.errors import BadData, FnrError, UsageError
from fnr.api.requests import Submitted, TaskSpec, WaitTasks
from fnr.cli import options
from fnr.cli.follow import ends_of, find_task, hand_over
from fnr.cli.group import examples, group, parse_duration
from fnr.cli.here import here, say
from fnr.cli.inputs import as_text, build_input, key_values, with_quotes
from fnr.cli.moments import parse_moment, say_if_past
from fnr.cli.render import show_list, telling_of, write, write_json
from fnr.cli.submit_jsonl import submit_lines
from fnr.cli.task import ENDS
from fnr.cli.terminal import block
from fnr.client.specs import check_expiry
from fnr.client.task_story import smaller_words, value_text
from fnr.policy.record import TaskEnd
from fnr.policy.task import PRIORITY_DEFAULT, TaskState

app = group("submit", "Hand over tasks of a function.")


@app.command(
    epilog=examples(
        "fnr submit render scene=a.blend samples=128 --timeout 10m",
        "fnr submit render --input @scene.json --priority 9 --unique nightly",
        "fnr submit render --jsonl scenes.jsonl         one input object a line",
        "fnr submit --jsonl tasks.jsonl --atomic        one task a line, all or none",
        "fnr submit digest path=/etc/hosts --wait",
    )
)
def submit(
    *,
    function: Annotated[
        str | None, typer.Argument(metavar="[FUNCTION]", help="Name of the function.")
    ] = None,
    values: options.Values = None,
    input_from: options.InputFrom = None,
    jsonl: options.Jsonl = None,
    atomic: options.Atomic = False,
    priority: options.Priority = PRIORITY_DEFAULT,
    delay: options.Delay = None,
    at: options.At = None,
    timeout: options.TaskTimeout = None,
    expires: options.Expires = None,
    unique: options.Unique = None,
    key: options.Key = None,
    tags: options.Tags = None,
    retries: options.Retries = None,
    wait: options.WaitForEnd = False,
) -> None:
    """Hand over a task; prints its id once it is on disk. With --wait, prints its result.

    Once the id is printed the task cannot get lost: it ends as done, as a dead letter or cancelled.
    """
    if delay is not None and at is not None:
        raise UsageError("--delay and --at both say when; give one of them")
    spec = TaskSpec(
        function=as_text(function or ""),
        priority=priority,
        delay_ms=parse_duration(delay, flag="--delay"),
        due_at_ms=None if at is None else parse_moment(at),
        timeout_ms=parse_duration(timeout, flag="--timeout"),
        expires_ms=parse_duration(expires, flag="--expires"),
        unique=None if unique is None else as_text(unique),
        tags=key_values(tags or [], flag="--tag"),
        retries_max=retries,
        key=None if key is None else as_text(key),
    )
    check_expiry(spec, here().clock)
    say_if_past(at, spec.due_at_ms)
    if jsonl is not None:
        if values or input_from is not None or wait:
            raise UsageError("--jsonl goes with neither KEY=VALUE nor --input nor --wait")
        if unique is not None or key is not None:
            raise UsageError(
                "--unique and --key do not go with --jsonl",
                why="one key for all lines would make one task of them",
                next_step="fnr submit --jsonl FILE, with `unique` or `key` in each line",
            )
        submit_lines(jsonl, spec, atomic=atomic)
        return
    if function is None:
        raise UsageError("which function?", next_step=f"{here().command} function list")
    if atomic:
        raise UsageError("--atomic is for --jsonl")
    raw = build_input(values or [], input_from)
    try:
        _submit_one(replace(spec, input=Raw(raw)), wait=wait)
    except BadData as error:
        raise with_quotes(error, values or []) from error


def _submit_one(spec: TaskSpec, *, wait: bool) -> None:
    if not wait:
        submitted = hand_over(here(), spec)
        _show_submitted(submitted, spec.function)
        here().hint(f"{here().command} task history {submitted.task_id}")
        return
    with here().connect() as connection:
        submitted = hand_over(here(), spec, connection.ask)
        try:
            here().notice(_notice(submitted, spec.function))
            _warn(submitted)
            [end] = ends_of(here(), connection, WaitTasks(task_ids=[submitted.task_id]))
        except KeyboardInterrupt:
            say(f"the task goes on; {here().command} task wait {submitted.task_id}")
            raise
    _show_end(end)


def _notice(submitted: Submitted, function: str) -> str:
    if submitted.duplicate:
        return f"notice: {_existing(submitted, function)}; waiting for {submitted.task_id}"
    return f"submitted {submitted.task_id}"


def _existing(submitted: Submitted, function: str) -> str:
    """What has the key already: keys are those of the home, and not of each function."""
    with suppress(FnrError):  # it may have been forgotten by now, or the daemon be gone
        other = find_task(here(), submitted.task_id).function
        if other != function:
            return f"a task of another function, {other}, has this key already"
    return "such a task exists already"


def _show_submitted(submitted: Submitted, function: str) -> None:
    with telling_of(submitted.task_id):
        if here().as_json:
            write_json({"schema": "fnr.submitted/1", **_fields(submitted)}, pretty=True)
            return
        write(f"{submitted.task_id}\n")
    if submitted.duplicate:
        here().notice(f"notice: {_existing(submitted, function)}; nothing new was submitted")
    _warn(submitted)


def _warn(submitted: Submitted) -> None:
    if submitted.warning:
        here().notice(f"warning: it cannot start: {submitted.warning}")


def _fields(submitted: Submitted) -> dict[str, object]:
    known = {"task_id": submitted.task_id, "duplicate": submitted.duplicate}
    return known | ({"warning": submitted.warning} if submitted.warning else {})


def _show_end(end: TaskEnd) -> None:
    if here().as_json or here().output == "name":
        show_list(ENDS, [end], total=1)
    elif end.task.state is TaskState.DONE:
        write(block(value_text(end.result)) + "\n")
        if end.task.degraded:
            here().notice(f"notice: degraded: {smaller_words(end.task)}")
    if end.task.state is not TaskState.DONE:
        say(f"{end.task.state}: {block(end.message or end.task.reason)}")
        here().notice(f"hint: {here().command} task history {end.task.task_id}")
        raise typer.Exit(1)
