"""`fnr dlq`: list, show, stats, replay, edit, resolve, purge, export, import."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import typer.core

from fnr.api.errors import NotFound, UsageError
from fnr.api.letter_requests import (
    GetLetterStats,
    ListLetters,
    PreviewPurge,
    PreviewResolve,
    PurgeLetters,
    ResolveLetters,
)
from fnr.api.requests import GetTask
from fnr.cli.changes import change_all
from fnr.cli.dlq_edit import edit
from fnr.cli.dlq_files import export_letters, import_letters
from fnr.cli.dlq_replay import replay
from fnr.cli.foreseen import show_foreseen
from fnr.cli.group import confirm, examples, full_ids, group, pages, read_ids
from fnr.cli.here import here
from fnr.cli.letter_views import LETTERS, STATS
from fnr.cli.options import After, DryRun, Limit, Reason, SomeIds, TaskId, Where, Yes
from fnr.cli.render import show_list, show_one, show_pages
from fnr.cli.watching import watchable
from fnr.client.letter_story import letter_page
from fnr.client.without_secrets import without_secrets
from fnr.policy.counted import counted
from fnr.policy.filter import FilterError, parse
from fnr.policy.filter_fields import LETTER_FIELDS
from fnr.policy.filter_tree import fields

# A cursor behind which no letter stands.
BEHIND_ALL = "0-0"
TASK_LIST = " task list"


class LetterGroup(typer.core.TyperGroup):
    """A letter's id is its task's, but who mistyped one looks among the letters."""

    def invoke(self, ctx: Any) -> Any:
        """Run one of the commands."""
        try:
            return super().invoke(ctx)
        except NotFound as error:
            if error.next_step.endswith(TASK_LIST):
                error.next_step = f"{error.next_step.removesuffix(TASK_LIST)} dlq list"
            raise


app = group(
    "dlq", "Dead letters: tasks that will not be tried again unless replayed.", cls=LetterGroup
)


@app.command(
    "list",
    epilog=examples(
        "fnr dlq list",
        "fnr dlq list --where 'category:transient age<1d function:render-*'",
        "fnr dlq list --where state:resolved -o jsonl | jq .resolution",
    ),
)
@watchable
def list_letters(where: Where = "", limit: Limit = 50, after: After = None) -> None:
    """List dead letters, newest first; open ones unless the filter names a state."""
    show_pages(
        LETTERS,
        pages(
            lambda cursor, size: here().ask(ListLetters(where=where, after=cursor, limit=size)),
            limit=limit,
            after=after,
        ),
    )


@app.command(epilog=examples("fnr dlq show 01JD", "fnr dlq show 01JD -o json | jq .errors"))
def show(
    task_id: TaskId,
) -> None:
    """Show one dead letter: why it died, its input, its errors, what can be done."""
    detail = here().ask(GetTask(task_id=task_id))
    if detail.letter is None:
        raise NotFound(
            f"task {detail.task.task_id} has no dead letter",
            why=f"it is {detail.task.state}",
            next_step=f"{here().command} task show {detail.task.task_id}",
        )
    detail = without_secrets(detail, here().redaction)
    show_one(
        "fnr.dlq.letter/1",
        detail,
        lambda: letter_page(detail, here().command),
        name=detail.task.task_id,
    )


@app.command(epilog=examples("fnr dlq stats", "fnr dlq stats --where 'age<1d'"))
@watchable
def stats(where: Where = "") -> None:
    """Count open dead letters by function, category and cause."""
    found = here().ask(GetLetterStats(where=where))
    show_list(STATS, found, total=sum(stat.count for stat in found))


@app.command(
    epilog=examples(
        "fnr dlq resolve 01JD --reason 'the customer deleted the scene'",
        "fnr dlq resolve --where 'function:thumbnail age>30d' --dry-run",
        "fnr dlq resolve --where 'function:thumbnail age>30d' -y --reason stale",
    )
)
def resolve(
    ids: SomeIds = None,
    where: Where = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put letters to rest without a replay; they are kept until purged."""
    _ids_or_where(ids, where)
    if dry_run:
        trial = PreviewResolve(task_ids=full_ids(ids or []), where=where)
        show_foreseen(trial, noun="letter", done="resolved")
        return
    after = None
    if where and not yes:
        what, after = _as_of_now(where)
        confirm(f"Resolve {what} matching {where!r}?", yes=yes)
    request = ResolveLetters(task_ids=full_ids(ids or []), where=where, reason=reason, after=after)
    change_all(request, done="resolved")


@app.command(
    epilog=examples(
        "fnr dlq purge --where 'state:resolved age>90d' --dry-run",
        "fnr dlq export --where function:old --to old.jsonl",
        "fnr dlq purge --where function:old --open",
    )
)
def purge(
    ids: SomeIds = None,
    where: Where = "",
    also_open: Annotated[
        bool, typer.Option("--open", help="Also letters that nobody has resolved: lost for good.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete resolved letters and their tasks, inputs and errors; there is no way back."""
    _ids_or_where(ids, where)
    where = _to_purge(where, also_open=also_open)
    words = read_ids(ids or [])
    if dry_run:
        trial = PreviewPurge(task_ids=full_ids(words), where=where, open=also_open)
        only = "" if also_open or not where else "notice: without --open only resolved letters go"
        show_foreseen(trial, noun="letter", done="deleted", if_none=only)
        return
    what, after = counted(len(words), "dead letter"), None
    if where and not yes:
        what, after = _as_of_now(where)
        what = f"{what} matching {where!r}"
    confirm(f"Delete {what} for good?", yes=yes or not (words or where))
    request = PurgeLetters(task_ids=full_ids(words), where=where, open=also_open, after=after)
    change_all(request, done="deleted")


app.command(
    epilog=examples(
        "fnr dlq replay 01JD 01JE",
        "fnr dlq replay --where 'category:resource function:render' --dry-run",
        "fnr dlq replay --all --canary 20 --rate 5/s --stop-on-failures 10% -y",
        "fnr dlq replay --where incident:1:4f0c --order priority --detach -y",
        "fnr dlq list --where 'message~ENOSPC' -o name --limit 0 | fnr dlq replay - -y",
    )
)(replay)
app.command(
    epilog=examples("fnr dlq edit 01JD", "fnr dlq edit 01JD --set width=512 && fnr dlq replay 01JD")
)(edit)
app.command("export", epilog=examples("fnr dlq export > letters.jsonl"))(export_letters)
app.command("import", epilog=examples("fnr dlq import letters.jsonl", "fnr dlq import -"))(
    import_letters
)


def _ids_or_where(ids: list[str] | None, where: str) -> None:
    if bool(ids) == bool(where):
        raise UsageError("give ids or --where, and not both", next_step="fnr dlq list")


def _to_purge(where: str, *, also_open: bool) -> str:
    """A filter that says nothing of the state means the letters that may go, not the open ones."""
    try:
        speaks_of_it = not where or "state" in fields(parse(where, fields=LETTER_FIELDS))
    except FilterError:
        return where  # whoever answers says what is wrong with it
    if speaks_of_it:
        return where
    return f"({where}) state:{'open,resolved' if also_open else 'resolved'}"


def _as_of_now(where: str) -> tuple[str, str | None]:
    """The letters in words, and a cursor behind which stands none that comes after the question."""
    found = here().ask(ListLetters(where=where, limit=1))
    what = "the dead letters" if found.total is None else counted(found.total, "dead letter")
    if found.items:
        return what, f"{found.items[0].died_at_ms + 1}-0"
    return what, found.next or BEHIND_ALL
