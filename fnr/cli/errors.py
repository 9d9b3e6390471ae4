"""`fnr errors`: list, show, explain, groups, similar, tail, ack, snooze, resolve, reclassify."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer
from msgspec.structs import replace

from fnr.api.errors import NotFound, UsageError
from fnr.api.incident_requests import (
    AckIncidents,
    GetError,
    GetIncident,
    ListErrors,
    ListIncidents,
    ListSimilar,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.cli.changes import change_many
from fnr.cli.error_tail import tail
from fnr.cli.error_views import ERRORS, INCIDENTS, SIMILAR
from fnr.cli.group import examples, group, pages, parse_duration, read_ids
from fnr.cli.here import here
from fnr.cli.moments import since_filter
from fnr.cli.options import After, Ids, Limit, Reason, Since, Where
from fnr.cli.render import show_list, show_one, show_pages
from fnr.cli.watching import watchable
from fnr.client.error_story import as_json, explanation, numbers
from fnr.client.incident_story import error_page, incident_page
from fnr.client.without_secrets import task_without_secrets
from fnr.config.load import load
from fnr.policy.filter import ERROR_FIELDS, INCIDENT_FIELDS, narrowed
from fnr.policy.record import ErrorDetail, IncidentDetail
from fnr.policy.rules import Category

NONE_OPEN = "no open incidents; --all lists snoozed and resolved ones, too"

app = group(
    "errors", "Errors: what went wrong, why it was named so, which of them are one incident."
)

ErrorId = Annotated[
    str,
    typer.Argument(metavar="ID", help="Of an error, or of a task or incident: its latest error."),
]
IncidentId = Annotated[
    str, typer.Argument(metavar="ID", help="Of an incident, or of one of its errors.")
]


@app.command(
    "list",
    epilog=examples(
        "fnr errors list --since 1h",
        "fnr errors list --where 'category:unknown function:render-*'",
        "fnr errors list --where was:unknown -o jsonl | jq .message",
    ),
)
@watchable
def list_errors(
    where: Where = "", since: Since = None, limit: Limit = 50, after: After = None
) -> None:
    """List errors, newest first."""
    where = since_filter(where, since, ERROR_FIELDS)
    show_pages(
        ERRORS,
        pages(
            lambda cursor, size: here().ask(ListErrors(where=where, after=cursor, limit=size)),
            limit=limit,
            after=after,
        ),
    )


@app.command(epilog=examples("fnr errors show 01JD", "fnr errors show 2:3f9c -o json"))
def show(
    error_id: Annotated[
        str, typer.Argument(metavar="ID", help="Of an error, a task or an incident.")
    ],
) -> None:
    """Show one error with all it left behind, or one incident."""
    if ":" in error_id:
        _show_incident(error_id)
        return
    try:
        detail = _error(error_id)
    except NotFound as error:
        try:
            _show_incident(error_id)
        except NotFound:
            raise error from None
        return
    show_one(
        "fnr.errors.error/1",
        detail,
        lambda: error_page(detail, here().command),
        name=detail.error.error_id,
    )


def _show_incident(incident_id: str) -> None:
    detail = here().ask(GetIncident(incident_id=incident_id))
    show_one(
        "fnr.errors.incident/1",
        detail,
        lambda: incident_page(detail, here().command),
        name=detail.incident.incident_id,
    )


@app.command(
    epilog=examples("fnr errors explain 01JD", "fnr errors explain 01JD -o json | jq .numbers")
)
def explain(error_id: ErrorId) -> None:
    """Explain an error: evidence, rule, words, strategy, every number and where it came from."""
    detail = _error_of(error_id)
    found = numbers(detail, load(here().paths))
    show_one(
        "fnr.errors.explain/1",
        as_json(detail, found),
        lambda: explanation(detail, found, here().command),
        name=detail.error.error_id,
    )


def _error(error_id: str) -> ErrorDetail:
    detail = here().ask(GetError(error_id=error_id))
    if not here().as_json:
        return detail  # no page shows tags and keys
    return replace(detail, task=task_without_secrets(detail.task, here().redaction))


def _error_of(written: str) -> ErrorDetail:
    """The error of that id, or the latest one of that task or incident."""
    if ":" in written:
        return _latest_of(here().ask(GetIncident(incident_id=written)))
    try:
        return _error(written)
    except NotFound as error:
        try:
            found = here().ask(GetIncident(incident_id=written))
        except NotFound:
            raise error from None
    return _latest_of(found)


def _latest_of(detail: IncidentDetail) -> ErrorDetail:
    """The latest one that is kept: a task that recovered is forgotten before a dead letter is."""
    for error_id in (detail.incident.last_error_id, *(one.error_id for one in detail.errors[:1])):
        with suppress(NotFound):
            return _error(error_id)
    raise NotFound(
        f"no error of incident {detail.incident.incident_id} is kept any more",
        why="they are forgotten with their tasks (store.keep_done) or purged with them",
        next_step=f"{here().command} errors show {detail.incident.incident_id}",
    )


@app.command(
    epilog=examples(
        "fnr errors groups",
        "fnr errors groups --where 'state:new count>10'",
        "fnr errors groups --all --since 7d",
    )
)
@watchable
def groups(
    *,
    where: Where = "",
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="Also snoozed and resolved ones.")] = False,
    limit: Limit = 50,
    after: After = None,
) -> None:
    """List incidents, latest error first; open ones unless the filter names a state."""
    where = since_filter(where, since, INCIDENT_FIELDS)
    if every:
        where = narrowed(where, "state:*", fields=INCIDENT_FIELDS)
    show_pages(
        INCIDENTS if "state" in where else replace(INCIDENTS, empty=NONE_OPEN),
        pages(
            lambda cursor, size: here().ask(ListIncidents(where=where, after=cursor, limit=size)),
            limit=limit,
            after=after,
        ),
    )


@app.command(epilog=examples("fnr errors similar 2:3f9c", "fnr errors similar 01JD -o json"))
def similar(incident_id: IncidentId, limit: Limit = 10) -> None:
    """List the incidents that share most with one, the nearest first."""
    found = here().ask(ListSimilar(incident_id=incident_id, limit=limit or 1_000))
    show_list(SIMILAR, found, total=len(found))


app.command(
    epilog=examples(
        "fnr errors tail",
        "fnr errors tail --where 'category:permanent' -n 0",
        "fnr errors tail -o jsonl | jq -r .message",
    )
)(tail)


@app.command(epilog=examples("fnr errors ack 2:3f9c --reason 'looking into it'"))
def ack(ids: Ids, reason: Reason = "") -> None:
    """Say that you have seen incidents; ends a snooze."""
    ids = read_ids(ids)
    change_many(
        ids, lambda some: AckIncidents(incident_ids=some, reason=reason), done="acknowledged"
    )


@app.command(epilog=examples("fnr errors snooze 2:3f9c --for 2h --reason 'new disk is coming'"))
def snooze(
    ids: Ids,
    longest: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long: 2h, 1d12h.")
    ] = None,
    reason: Reason = "",
) -> None:
    """Leave incidents alone for a while; their errors go on being counted."""
    for_ms = parse_duration(longest, flag="--for")
    if for_ms is None:
        raise UsageError("say how long", why="a snooze has an end", next_step="--for 2h")
    ids = read_ids(ids)
    change_many(
        ids,
        lambda some: SnoozeIncidents(incident_ids=some, for_ms=for_ms, reason=reason),
        done="snoozed",
    )


@app.command(epilog=examples("fnr errors resolve 2:3f9c --reason 'disk replaced'"))
def resolve(ids: Ids, reason: Reason = "") -> None:
    """Say that incidents are over; the next error opens them again, as regressed."""
    ids = read_ids(ids)
    change_many(
        ids, lambda some: ResolveIncidents(incident_ids=some, reason=reason), done="resolved"
    )


@app.command(
    epilog=examples("fnr errors reclassify 01JD --category transient --why 'the proxy restarted'")
)
def reclassify(
    ids: Ids,
    category: Annotated[
        str,
        typer.Option("--category", metavar="CATEGORY", help=", ".join(map(str, Category)) + "."),
    ],
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="On record; 1,000 characters at most.")
    ] = "",
) -> None:
    """Say what errors are; the classification they were given stays on record beside it.

    Nothing is tried again by itself: `fnr dlq replay` does that.
    """
    if category not in Category.__members__.values():
        raise UsageError(
            f"there is no category {category!r}",
            why=f"it is one of {', '.join(map(str, Category))}",
            next_step="fnr errors reclassify --help",
        )
    ids = read_ids(ids)
    named = Category(category)
    change_many(
        ids,
        lambda some: ReclassifyErrors(error_ids=some, category=named, why=why),
        done="reclassified",
    )
