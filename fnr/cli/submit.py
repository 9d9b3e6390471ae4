"""`fnr submit`: hand over one task, or a file of them."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import Raw

from fnr.api.errors import UsageError
from fnr.api.requests import Submit, Submitted, TaskSpec, WaitTasks
from fnr.cli.group import examples, group, parse_duration
from fnr.cli.here import here, say
from fnr.cli.inputs import build_input, key_values
from fnr.cli.moments import parse_moment
from fnr.cli.render import write, write_json
from fnr.cli.submit_jsonl import submit_lines
from fnr.cli.task import ENDS, result_words
from fnr.cli.terminal import block
from fnr.policy.record import TaskEnd
from fnr.policy.task import PRIORITY_DEFAULT, PRIORITY_MAX, PRIORITY_MIN, TaskState

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
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE…]",
            help="Input. A value is JSON if it parses (3, true, [1]), else text; '\"3\"' is text.",
        ),
    ] = None,
    input_from: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="JSON|@FILE|-", help="Input as a JSON object."),
    ] = None,
    jsonl: Annotated[
        str | None,
        typer.Option(
            "--jsonl",
            metavar="FILE|-",
            help="Many tasks: a line is an input, or without FUNCTION a task with all its fields.",
        ),
    ] = None,
    atomic: Annotated[
        bool, typer.Option("--atomic", help="With --jsonl: all lines or none.")
    ] = False,
    priority: Annotated[
        int,
        typer.Option("--priority", "-p", min=PRIORITY_MIN, max=PRIORITY_MAX, help="10 goes first."),
    ] = PRIORITY_DEFAULT,
    delay: Annotated[
        str | None, typer.Option("--delay", metavar="TIME", help="Not before, from now: 10m.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="WHEN", help="Not before: 2026-01-31T18:00, 18:00 is today."),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="Longest an attempt may take: 10m."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="A dead letter if not begun by then."),
    ] = None,
    unique: Annotated[
        str | None,
        typer.Option("--unique", metavar="KEY", help="While a live task has it, that task it is."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Idempotency key: submitting twice is once."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag; may be repeated.")
    ] = None,
    retries: Annotated[
        int | None, typer.Option("--retries", min=0, max=1_000, help="Instead of the function's.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Wait: exit 0 if done, 1 if dead or cancelled.")
    ] = False,
) -> None:
    """Hand over a task; prints its id once it is on disk. With --wait, prints its result.

    Once the id is printed the task cannot get lost: it ends as done, as a dead letter or cancelled.
    """
    spec = TaskSpec(
        function=function or "",
        priority=priority,
        delay_ms=parse_duration(delay, flag="--delay"),
        due_at_ms=None if at is None else parse_moment(at),
        timeout_ms=parse_duration(timeout, flag="--timeout"),
        expires_ms=parse_duration(expires, flag="--expires"),
        unique=unique,
        tags=key_values(tags or [], flag="--tag"),
        retries_max=retries,
        key=key,
    )
    if jsonl is not None:
        if values or input_from is not None or wait:
            raise UsageError("--jsonl goes with neither KEY=VALUE nor --input nor --wait")
        submit_lines(jsonl, spec, atomic=atomic)
        return
    if function is None:
        raise UsageError("which function?", next_step=f"{here().command} function list")
    if atomic:
        raise UsageError("--atomic is for --jsonl")
    _submit_one(_with_input(spec, build_input(values or [], input_from)), wait=wait)


def _with_input(spec: TaskSpec, raw: bytes) -> TaskSpec:
    from msgspec.structs import replace  # noqa: PLC0415 - only here

    return replace(spec, input=Raw(raw))


def _submit_one(spec: TaskSpec, *, wait: bool) -> None:
    if not wait:
        submitted = here().ask(Submit(task=spec))
        _show_submitted(submitted)
        here().hint(f"{here().command} task history {submitted.task_id}")
        return
    with here().connect() as connection:
        submitted = connection.ask(Submit(task=spec))
        here().notice(f"submitted {submitted.task_id}")
        try:
            [end] = connection.ask(WaitTasks(task_ids=[submitted.task_id]))
        except KeyboardInterrupt:
            say(f"the task goes on; {here().command} task wait {submitted.task_id}")
            raise
    _show_end(end)


def _show_submitted(submitted: Submitted) -> None:
    if here().as_json:
        write_json({"schema": "fnr.submitted/1", **_fields(submitted)}, pretty=True)
        return
    write(f"{submitted.task_id}\n")
    if submitted.duplicate:
        here().notice("notice: such a task exists already; nothing new was submitted")


def _fields(submitted: Submitted) -> dict[str, object]:
    return {"task_id": submitted.task_id, "duplicate": submitted.duplicate}


def _show_end(end: TaskEnd) -> None:
    if here().as_json:
        write_json({"schema": ENDS.schema, "items": [end], "total": 1, "next": None}, pretty=True)
    elif end.task.state is TaskState.DONE:
        write(block(result_words(end)) + "\n")
    if end.task.state is not TaskState.DONE:
        say(f"{end.task.state}: {block(end.message or end.task.reason)}")
        here().notice(f"hint: {here().command} task history {end.task.task_id}")
        raise typer.Exit(1)
