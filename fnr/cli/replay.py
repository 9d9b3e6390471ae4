"""`fnr replay`: list, show, pause, resume, cancel."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.api.errors import FnrError
from fnr.api.replay_requests import (
    CancelReplays,
    GetReplay,
    ListReplayEntries,
    ListReplays,
    PauseReplays,
    ResumeReplays,
)
from fnr.cli.changes import change
from fnr.cli.group import examples, group, pages, read_ids
from fnr.cli.here import here
from fnr.cli.options import After, Limit, Reason
from fnr.cli.render import show_one, show_pages
from fnr.cli.replay_follow import followed
from fnr.cli.replay_limits import Concurrency, Rate, checked, rate_per_h
from fnr.cli.replay_views import ENTRIES, REPLAYS, replay_page
from fnr.cli.watching import watchable
from fnr.policy.replay import EntryState, ReplayOptions, ReplayState, changed

app = group("replay", "Replays: plans that put dead letters back; `fnr dlq replay` makes them.")

PlanId = Annotated[str, typer.Argument(metavar="ID", help="A replay, or the beginning of its id.")]
PlanIds = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Replays, or unique beginnings; - reads them.")
]


@app.command("list", epilog=examples("fnr replay list", "fnr replay list --active -o name"))
@watchable
def list_replays(
    active: Annotated[
        bool, typer.Option("--active", help="Only those that have not ended.")
    ] = False,
    limit: Limit = 50,
    after: After = None,
) -> None:
    """List replays, newest first."""
    show_pages(
        REPLAYS,
        pages(
            lambda cursor, size: here().ask(ListReplays(active=active, after=cursor, limit=size)),
            limit=limit,
            after=after,
        ),
    )


@app.command(
    epilog=examples(
        "fnr replay show 01JD",
        "fnr replay show 01JD --letters skipped",
        "fnr replay show 01JD --wait",
    )
)
@watchable
def show(
    plan_id: PlanId,
    letters: Annotated[
        EntryState | None,
        typer.Option("--letters", help="List its letters in this state, with the reasons."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Wait until it has ended; exit 1 unless done.")
    ] = False,
    limit: Limit = 50,
    after: After = None,
) -> None:
    """Show one replay: its limits, how far it is, and why letters did not come home."""
    if wait:
        followed(here().ask(GetReplay(plan_id=plan_id, reasons=False)).plan, to_the_end=True)
    if letters is not None:
        show_pages(
            ENTRIES,
            pages(
                lambda cursor, size: here().ask(
                    ListReplayEntries(plan_id=plan_id, state=letters, after=cursor, limit=size)
                ),
                limit=limit,
                after=after,
            ),
        )
        return
    detail = here().ask(GetReplay(plan_id=plan_id))
    show_one(
        "fnr.replay.show/1",
        detail,
        lambda: replay_page(detail, here().command),
        name=detail.plan.plan_id,
    )
    if wait and detail.plan.state is not ReplayState.DONE:
        raise typer.Exit(FnrError.exit_code)


@app.command(epilog=examples("fnr replay pause 01JD --reason 'the disk is slow today'"))
def pause(plan_ids: PlanIds, reason: Reason = "") -> None:
    """Put nothing more back; tasks that are back already go on."""
    ids = read_ids(plan_ids)
    change(ids, PauseReplays(plan_ids=ids, reason=reason), done="paused")


@app.command(epilog=examples("fnr replay resume 01JD", "fnr replay resume 01JD --rate 20/s"))
def resume(
    plan_ids: PlanIds,
    rate: Rate = None,
    concurrency: Concurrency = None,
    reason: Reason = "",
) -> None:
    """Go on, also after a stop; with --rate or --concurrency (or off, 0) a running one too."""
    ids = read_ids(plan_ids)
    limits = {"rate_per_h": rate_per_h(rate), "concurrency": concurrency}
    checked(changed(ReplayOptions(), **limits), refused="nothing was resumed")
    request = ResumeReplays(plan_ids=ids, **limits, reason=reason)
    change(ids, request, done="resumed")


@app.command(epilog=examples("fnr replay cancel 01JD --reason 'the wrong filter'"))
def cancel(plan_ids: PlanIds, reason: Reason = "") -> None:
    """Give replays up for good: what was not put back stays a dead letter."""
    ids = read_ids(plan_ids)
    change(ids, CancelReplays(plan_ids=ids, reason=reason), done="cancelled")
