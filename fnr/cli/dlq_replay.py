"""`fnr dlq replay`: put dead letters back, after saying which can go and why others cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import typer

from fnr.api.errors import NotFound, UsageError
from fnr.api.requests import ReplayLetters, ReplayReport
from fnr.cli.group import confirm, full_ids
from fnr.cli.here import here, say
from fnr.cli.letter_views import preview
from fnr.cli.options import DryRun, SomeIds, Where, Yes
from fnr.cli.pace import Pace
from fnr.cli.render import write, write_json
from fnr.client.answers import add_report
from fnr.client.connect import Connection

CHUNK = 500
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")
_MS_OF = {"s": 1_000, "m": 60_000, "h": 3_600_000}


def replay(
    *,
    ids: SomeIds = None,
    where: Where = "",
    everything: Annotated[bool, typer.Option("--all", help="Every open dead letter.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/s", help="No faster than this: 5/s, 100/m.")
    ] = None,
) -> None:
    """Put dead letters back into the queue with fresh budgets of attempts.

    A letter stays, as replaying, until its task has succeeded; if it fails again, it is open again.
    """
    if [bool(ids), bool(where), everything].count(True) != 1:
        raise UsageError("give ids, --where or --all", next_step="fnr dlq replay --all --dry-run")
    pace = Pace(here().clock, per_ms=_per_ms(rate))
    task_ids = full_ids(ids or [])
    with here().connect() as connection:
        plan = _whole(connection, task_ids, where, everything=everything)
        if not task_ids or dry_run or plan.blocked:
            _show_plan(plan, dry_run=dry_run)
        if dry_run:
            return
        if not plan.eligible:
            if plan.blocked:
                raise typer.Exit(1)
            raise NotFound("nothing to replay", next_step=f"{here().command} dlq list")
        if len(task_ids) != 1:
            confirm(f"Replay {plan.eligible}?", yes=yes)
        done = ReplayReport(eligible=0)
        try:
            for request in _requests(connection, task_ids, where, everything=everything, pace=pace):
                done = add_report(done, connection.ask(request))
        except KeyboardInterrupt:
            say(f"{done.replayed} of {plan.eligible} replayed; the others are still dead letters")
            raise
    _show_done(done)


def _whole(
    connection: Connection, task_ids: list[str], where: str, *, everything: bool
) -> ReplayReport:
    """The report of a dry run over everything."""
    total, after = ReplayReport(eligible=0), None
    while True:
        report = connection.ask(
            ReplayLetters(
                task_ids=task_ids,
                where=where,
                all=everything,
                dry_run=True,
                after=after,
                limit=CHUNK,
            )
        )
        total = add_report(total, report)
        after = report.next
        if after is None:
            return total


def _requests(
    connection: Connection, task_ids: list[str], where: str, *, everything: bool, pace: Pace
) -> Iterator[ReplayLetters]:
    """Chunks, each in its turn when there is a rate."""
    if task_ids:
        size = pace.chunk(CHUNK)
        for first in range(0, len(task_ids), size):
            chunk = task_ids[first : first + size]
            pace.wait_for(len(chunk))
            yield ReplayLetters(task_ids=chunk, limit=len(chunk))
        return
    # Letters that were replayed are no longer open, so the next chunk is always the first; those
    # that cannot be replayed stay, and the cursor leads past them.
    after: str | None = None
    while True:
        size = pace.chunk(CHUNK)
        pace.wait_for(size)
        look = connection.ask(
            ReplayLetters(where=where, all=everything, dry_run=True, after=after, limit=size)
        )
        yield ReplayLetters(where=where, all=everything, after=after, limit=size)
        after = look.next
        if after is None:
            return


def _show_plan(plan: ReplayReport, *, dry_run: bool) -> None:
    if here().as_json:
        if dry_run:
            write_json(_as_json(plan), pretty=True)
        return
    lines = list(preview(plan))
    if dry_run:
        write("\n".join(lines) + "\n")
    else:
        for line in lines:
            say(line)


def _show_done(done: ReplayReport) -> None:
    if here().as_json:
        write_json(_as_json(done), pretty=True)
    else:
        write(f"{done.replayed} replayed\n")
        here().hint(f"{here().command} task list --where 'replays>0'")
    if done.blocked:
        raise typer.Exit(1)


def _as_json(report: ReplayReport) -> dict[str, object]:
    return {
        "schema": "fnr.dlq.replay/1",
        "eligible": report.eligible,
        "replayed": report.replayed,
        "blocked": report.blocked,
        "examples": report.examples,
        "functions": report.functions,
    }


def _per_ms(rate: str | None) -> float | None:
    if rate is None:
        return None
    found = _RATE.fullmatch(rate)
    if not found or float(found[1]) <= 0:
        raise UsageError(f"--rate: {rate!r} is no rate", why='write it like "5/s" or "100/m"')
    return float(found[1]) / _MS_OF[found[2]]
