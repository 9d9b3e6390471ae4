"""`fnr undo`: list, show, retry, skip."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from fnr.api.requests import GetTask
from fnr.api.undo_requests import GetUndo, ListUndo, RetryUndo, SkipUndo
from fnr.cli.changes import change_many
from fnr.cli.group import confirm, examples, group, pages, read_ids
from fnr.cli.here import here
from fnr.cli.moments import since_filter
from fnr.cli.options import After, Ids, Limit, Since, Where, Yes
from fnr.cli.render import Column, Listing, show_one, show_pages, since
from fnr.cli.terminal import DIM, GREEN, RED, YELLOW
from fnr.cli.watching import watchable
from fnr.client.undo_story import undo_page, what
from fnr.client.without_secrets import step_without_secrets
from fnr.policy.counted import counted
from fnr.policy.filter import UNDO_FIELDS, FilterError, narrowed, parse
from fnr.policy.filter_tree import fields
from fnr.policy.record import Page
from fnr.policy.undo import Step, StepState

app = group("undo", "Undo: the steps that reverse what failed tasks had done.")

_STYLES = {
    StepState.NEEDS_OPERATOR: RED,
    StepState.UNDOING: YELLOW,
    StepState.UNDONE: GREEN,
    StepState.SKIPPED: DIM,
    StepState.DROPPED: DIM,
}

UNDO: Listing[Step] = Listing(
    schema="fnr.undo.list/1",
    columns=(
        Column("STEP", lambda step: step.undo_id),
        Column("FUNCTION", lambda step: step.function, flexible=True),
        Column("STATE", lambda step: step.state.value, style=lambda s: _STYLES.get(s.state, "")),
        Column("TRIES", lambda step: step.tries, right=True, spare=True),
        since("AGE", lambda step: step.recorded_at_ms),
        Column("UNDOES", what, lambda step: step.kind, flexible=True),
        Column("WHY", lambda step: step.reason, flexible=True),
    ),
    name=lambda step: step.undo_id,
    empty="no undo steps that are not ended",
)  # fmt: skip

UndoReason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why it need not be undone; on record.")
]


@app.command(
    "list",
    epilog=examples(
        "fnr undo list",
        "fnr undo list --where state:needs_operator -o name | fnr undo retry -",
        "fnr undo list 01JD --where 'state:undone,skipped'",
    ),
)
@watchable
def list_undo(
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Only of this task, in any state.")
    ] = None,
    where: Where = "",
    since: Since = None,
    limit: Limit = 50,
    after: After = None,
) -> None:
    """List steps, newest first; those that are not ended unless the filter names a state."""
    where = since_filter(where, since, UNDO_FIELDS)
    listing = UNDO
    if task is not None:
        task_id = here().ask(GetTask(task_id=task)).task.task_id
        where = _of_task(where, task_id)
        listing = replace(UNDO, empty=f"no such undo steps of task {task_id}")

    def page(cursor: str | None, count: int) -> Page[Step]:
        found = here().ask(ListUndo(where=where, after=cursor, limit=count))
        items = [step_without_secrets(step, here().redaction) for step in found.items]
        return replace(found, items=items)

    show_pages(listing, pages(page, limit=limit, after=after))


def _of_task(where: str, task_id: str) -> str:
    """The filter for steps of one task alone, in any state unless it speaks of that."""
    try:
        states = "state" in fields(parse(where, fields=UNDO_FIELDS))
    except FilterError:
        return where  # whoever answers says what is wrong with it
    further = f"task:{task_id}" if states else f"task:{task_id} state:{','.join(StepState)}"
    return narrowed(where, further, fields=UNDO_FIELDS)


@app.command(epilog=examples("fnr undo show 01JD", "fnr undo show 01JD… -o json | jq .data"))
def show(
    undo_id: Annotated[str, typer.Argument(metavar="ID", help="Of a step, or its beginning.")],
) -> None:
    """Show one step: what it undoes, what came of its tries, what can be done."""
    step = step_without_secrets(here().ask(GetUndo(undo_id=undo_id)), here().redaction)
    show_one("fnr.undo.step/1", step, lambda: undo_page(step, here().command), name=step.undo_id)


@app.command(epilog=examples("fnr undo retry 01JD", "fnr undo list -o name | fnr undo retry -"))
def retry(ids: Ids) -> None:
    """Try steps again that need an operator; the id of a task means all that it has."""
    ids = read_ids(ids)
    change_many(ids, lambda some: RetryUndo(ids=some), done="to be tried again")


@app.command(epilog=examples("fnr undo skip 01JD --reason 'removed it by hand' -y"))
def skip(ids: Ids, reason: UndoReason, yes: Yes = False) -> None:
    """Let steps go that need an operator; what they would have undone stays as it is."""
    ids = read_ids(ids)
    confirm(f"Let {counted(len(ids), 'undo step')} go?", yes=yes or not ids)
    change_many(ids, lambda some: SkipUndo(ids=some, reason=reason), done="skipped")
