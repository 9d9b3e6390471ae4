"""`fnr task`: list, show, history, wait, cancel, logs."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from fnr.api.errors import UsageError
from fnr.api.requests import CancelTasks, GetTask, ListTasks, PreviewCancel, WaitTasks
from fnr.cli import logs as log_command
from fnr.cli.changes import change_all
from fnr.cli.follow import ends_of
from fnr.cli.foreseen import show_foreseen
from fnr.cli.group import (
    TASK_ID_CHARS,
    confirm,
    examples,
    full_ids,
    group,
    pages,
    parse_duration,
)
from fnr.cli.here import here
from fnr.cli.options import After, DryRun, Ids, Limit, Reason, SomeIds, TaskId, Where, Yes
from fnr.cli.render import Column, Listing, show_list, show_one, show_pages
from fnr.cli.task_rows import TASKS
from fnr.cli.task_wait import waits_for
from fnr.cli.watching import watchable
from fnr.client.task_history import story
from fnr.client.task_story import page, smaller_words, value_text
from fnr.client.without_secrets import has_words, task_without_secrets, without_secrets
from fnr.policy.counted import counted
from fnr.policy.record import Page, TaskDetail, TaskEnd
from fnr.policy.task import Task, TaskState

# A cursor behind which no task stands.
BEHIND_ALL = "0" * TASK_ID_CHARS
app = group("task", "Tasks: what was asked for, where it is, how it went.")


def result_words(end: TaskEnd) -> str:
    """The result of a task that is done, the message of one that is not."""
    if end.task.state is not TaskState.DONE:
        return end.message
    mark = f" (degraded: {smaller_words(end.task)})" if end.task.degraded else ""
    return value_text(end.result) + mark


ENDS: Listing[TaskEnd] = Listing(
    schema="fnr.task.ends/1",
    columns=(
        Column("TASK", lambda end: end.task.task_id),
        Column("FUNCTION", lambda end: end.task.function),
        Column("STATE", lambda end: end.task.state.value),
        Column("ATTEMPTS", lambda end: end.task.attempts, right=True),
        Column("RESULT", result_words, flexible=True),
    ),
    name=lambda end: end.task.task_id,
    empty="no tasks",
)  # fmt: skip


@app.command(
    "list",
    epilog=examples(
        "fnr task list",
        "fnr task list --where 'state:dead function:render-*'",
        "fnr task list --where 'state:queued age>1h' -o name | fnr task cancel -",
    ),
)
@watchable
def list_tasks(where: Where = "", limit: Limit = 50, after: After = None) -> None:
    """List tasks, newest first."""
    show_pages(
        TASKS,
        pages(
            lambda cursor, size: _told(ListTasks(where=where, after=cursor, limit=size)),
            limit=limit,
            after=after,
        ),
    )


def _told(request: ListTasks) -> Page[Task]:
    page = here().ask(request)
    return replace(page, items=[_shown(task) for task in page.items])


def _shown(task: Task) -> Task:
    """Of tags and keys no table says anything, and RE2 costs more than a list."""
    if not here().as_json or not has_words(task):
        return task
    return task_without_secrets(task, here().redaction)


@app.command(epilog=examples("fnr task show 01JD", "fnr task show 01JD -o json | jq .input"))
@watchable
def show(task_id: TaskId) -> None:
    """Show one task: state, input, result, last error."""
    detail = _detail(task_id)
    show_one(
        "fnr.task/1",
        detail,
        lambda: page(detail, here().command) + waits_for(detail.task),
        name=detail.task.task_id,
    )


@app.command(epilog=examples("fnr task history 01JD"))
def history(task_id: TaskId) -> None:
    """Tell what happened to a task, in order: attempts, errors, decisions and why."""
    detail = _detail(task_id)
    show_one(
        "fnr.task.history/1",
        detail,
        lambda: "\n".join(story(detail)) + "\n",
        name=detail.task.task_id,
    )


@app.command(
    epilog=examples(
        "fnr task wait 01JD --for 10m",
        "fnr submit render --jsonl scenes.jsonl | fnr task wait -",
    )
)
def wait(
    ids: Ids,
    longest: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="Give up after this long, with exit code 124."),
    ] = None,
) -> None:
    """Wait until all of them have ended; exit code 0 if all are done, 1 if not."""
    timeout_ms = parse_duration(longest, flag="--for")
    if here().flags.timeout and longest is None:
        here().notice("notice: --timeout is for answers of the daemon; to give up waiting: --for")
    task_ids = full_ids(ids)
    request = WaitTasks(task_ids=task_ids, timeout_ms=timeout_ms)
    ends = ends_of(here(), here().connect(), request)
    shown = [replace(end, task=_shown(end.task)) for end in ends]
    show_list(ENDS, shown, total=len(ends))
    if any(end.task.state is not TaskState.DONE for end in ends):
        raise typer.Exit(1)


@app.command(
    epilog=examples(
        "fnr task cancel 01JD 01JE --reason 'wrong scene'",
        "fnr task cancel --where 'function:render state:queued' --dry-run",
    )
)
def cancel(
    ids: SomeIds = None,
    where: Where = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Cancel tasks: those that wait at once, those that run by stopping them.

    Prints the ids that were cancelled or are being stopped; exit code 1 if some were not.
    """
    if bool(ids) == bool(where):
        raise UsageError("cancel takes ids or --where, and not both", next_step="fnr task list")
    if dry_run:
        trial = PreviewCancel(task_ids=full_ids(ids or []), where=where)
        show_foreseen(trial, noun="task", done="cancelled")
        return
    after = None
    if where and not yes:
        many, after = _live_now(where)
        confirm(f"Cancel {many} matching {where!r}?", yes=yes)
    request = CancelTasks(task_ids=full_ids(ids or []), where=where, reason=reason, after=after)
    change_all(request, done="cancelled")


def _live_now(where: str) -> tuple[str, str | None]:
    """The tasks in words, and a cursor behind which stands none that comes after the question."""
    from fnr.policy.filter import TASK_FIELDS, narrowed  # noqa: PLC0415 - submit has none

    live = narrowed(where, "state:queued,waiting,running", fields=TASK_FIELDS)
    found = here().ask(ListTasks(where=live, limit=1))
    many = "the tasks" if found.total is None else counted(found.total, "task")
    if found.items:
        return many, f"{found.items[0].task_id}.0"
    return many, found.next or BEHIND_ALL


app.command("logs", epilog=examples("fnr task logs 01JD -f"))(log_command.task_logs)


def _detail(task_id: str) -> TaskDetail:
    return without_secrets(here().ask(GetTask(task_id=task_id)), here().redaction)
