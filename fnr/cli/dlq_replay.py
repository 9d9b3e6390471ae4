"""`fnr dlq replay`: start a plan that puts letters back, after saying which can and which not."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from fnr.api.errors import FnrError, NotFound, TimedOut, UsageError
from fnr.api.letter_requests import ReplayLetters, ReplayReport
from fnr.api.replay_requests import GetReplay, StartReplay
from fnr.cli.group import confirm, full_ids, parse_duration
from fnr.cli.here import here, say
from fnr.cli.letter_views import preview
from fnr.cli.options import Detach, DryRun, Reason, SomeIds, Where, Yes
from fnr.cli.render import write, write_json
from fnr.cli.replay_follow import followed, is_at_rest
from fnr.cli.replay_limits import Concurrency, Rate, checked, failures, rate_per_h
from fnr.cli.replay_views import progress
from fnr.cli.terminal import block
from fnr.client.answers import add_report, previews
from fnr.client.connect import ConnectionLost
from fnr.client.next_step import told_here
from fnr.policy.replay import ReplayDetail, ReplayOptions, ReplayOrder, ReplayPlan, ReplayState

CHUNK = 500

Canary = Annotated[
    int, typer.Option("--canary", metavar="N", min=0, help="Try N first; go on if they come home.")
]
Ramp = Annotated[
    str | None,
    typer.Option("--ramp", metavar="TIME", help="Begin with a tenth and reach the rate in: 10m."),
]
StopOnFailures = Annotated[
    str | None,
    typer.Option("--stop-on-failures", metavar="N|P%", help="Stop when so many died again."),
]
Order = Annotated[ReplayOrder, typer.Option("--order", help="Who goes first.")]
KeepOrderBy = Annotated[
    str,
    typer.Option(
        "--keep-order-by", metavar="KEY", help="tag.NAME or input.NAME: equal ones one by one."
    ),
]
WaitForAll = Annotated[
    bool, typer.Option("--wait", "-w", help="Wait until all have ended; exit 1 unless all done.")
]


class Chosen(Struct, frozen=True, kw_only=True):
    """Which letters were asked for."""

    task_ids: list[str]
    where: str
    everything: bool


def replay(
    *,
    ids: SomeIds = None,
    where: Where = "",
    everything: Annotated[bool, typer.Option("--all", help="Every open dead letter.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    canary: Canary = 0,
    rate: Rate = None,
    ramp: Ramp = None,
    concurrency: Concurrency = None,
    stop_on_failures: StopOnFailures = None,
    order: Order = ReplayOrder.OLDEST,
    keep_order_by: KeepOrderBy = "",
    wait: WaitForAll = False,
    detach: Detach = False,
    reason: Reason = "",
) -> None:
    """Put dead letters back into the queue with fresh budgets of attempts.

    A letter stays, as replaying, until its task has succeeded; if it fails again, it is open again.
    The daemon does it, as a plan that `fnr replay` shows; this waits until all are put back.
    """
    if [bool(ids), bool(where), everything].count(True) != 1:
        raise UsageError("give ids, --where or --all", next_step="fnr dlq replay --all --dry-run")
    if wait and detach:
        raise UsageError("--wait and --detach contradict each other; give one of them")
    failures_max, failures_percent = failures(stop_on_failures)
    options = ReplayOptions(
        canary=canary,
        rate_per_h=rate_per_h(rate) or None,
        ramp_ms=parse_duration(ramp, flag="--ramp"),
        concurrency=concurrency,
        failures_max=failures_max,
        failures_percent=failures_percent,
        order=order,
        keep_order_by=keep_order_by,
    )
    options = checked(options, refused="the replay was not started")
    chosen = Chosen(task_ids=full_ids(ids or []), where=where, everything=everything)
    if not (chosen.task_ids or where or everything):
        _show_nothing_asked()
        return
    if not _looked_at(chosen, order=order, dry_run=dry_run, yes=yes):
        return
    plan = _begun(
        StartReplay(
            task_ids=chosen.task_ids, where=where, all=everything, options=options, reason=reason
        )
    )
    if detach:
        _show_detached(plan.plan_id)
        return
    plan = followed(plan, to_the_end=wait)
    _show_done(here().ask(GetReplay(plan_id=plan.plan_id)), waited=wait)


def _begun(request: StartReplay) -> ReplayPlan:
    try:
        return here().ask(request)
    except (ConnectionLost, TimedOut) as error:
        # Not asked again: what died again meanwhile would be put back twice.
        error.next_step = f"{here().command} replay list"
        raise


def _looked_at(chosen: Chosen, *, order: ReplayOrder, dry_run: bool, yes: bool) -> bool:
    """Show who can go, and ask; whether to go on. With -y a filter is not gone through twice."""
    if yes and not dry_run and not chosen.task_ids:
        return True
    report = _whole(chosen, order)
    if not chosen.task_ids or dry_run or report.blocked:
        _show_preview(report, dry_run=dry_run)
    if dry_run:
        return False
    if not report.eligible:
        if report.blocked:
            raise typer.Exit(FnrError.exit_code)
        raise _nothing()
    if len(chosen.task_ids) != 1:
        confirm(f"Replay {report.eligible}?", yes=yes)
    return True


def _whole(chosen: Chosen, order: ReplayOrder) -> ReplayReport:
    """The report of a dry run over everything."""
    total = ReplayReport(eligible=0)
    left = previews(
        ReplayLetters(
            task_ids=chosen.task_ids,
            where=chosen.where,
            all=chosen.everything,
            dry_run=True,
            order=order,
            limit=CHUNK,
        )
    )
    with here().connect() as connection:
        while left:
            report = connection.ask(left[0])
            total = add_report(total, report)
            left = [replace(left[0], after=report.next)] if report.next else left[1:]
    return total


def _show_preview(report: ReplayReport, *, dry_run: bool) -> None:
    if here().as_json:
        if dry_run or not report.eligible:  # else what is put back is the answer
            _write_report(report)
        return
    lines = list(preview(report))
    if dry_run:
        write("\n".join(lines) + "\n")
    else:
        for line in lines:
            say(line)


def _show_nothing_asked() -> None:
    """Standard input had no ids: who pipes a list has nothing to do on a good day."""
    if here().as_json:
        _write_report(ReplayReport(eligible=0))
    else:
        here().notice("nothing replayed")


def _write_report(report: ReplayReport) -> None:
    write_json(
        {
            "schema": "fnr.dlq.replay/1",
            "eligible": report.eligible,
            "replayed": 0,
            "blocked": report.blocked,
            "examples": report.examples,
            "functions": report.functions,
        },
        pretty=True,
    )


def _show_detached(plan_id: str) -> None:
    if here().as_json:
        write_json({"schema": "fnr.dlq.replay/1", "plan_id": plan_id}, pretty=True)
        return
    write(f"{plan_id}\n")
    here().hint(f"{here().command} replay show {plan_id}")


def _show_done(detail: ReplayDetail, *, waited: bool) -> None:
    """What was put back, and what was not and why; exit 1 when that is not everything."""
    plan = detail.plan
    if not plan.total:
        raise _nothing()
    if here().as_json:
        write_json(
            {
                "schema": "fnr.dlq.replay/1",
                "eligible": plan.total - plan.skipped,
                "replayed": plan.put_back,
                "blocked": detail.reasons,
                "examples": detail.examples,
                "plan": plan,
            },
            pretty=True,
        )
    else:
        write(f"{plan.put_back} replayed{': ' + progress(plan) if waited else ''}\n")
        for reason, count in detail.reasons.items():
            say(f"  {count:>8}  {told_here(reason, here().command)}")
    ended_early = is_at_rest(plan) and plan.state is not ReplayState.DONE
    look = f"{here().command} replay show {plan.plan_id}"
    if ended_early:
        say(block(f"the replay is {plan.state}: {plan.why}"))
        say(f"  try: {look}")
    else:
        here().hint(look)
    if ended_early or plan.skipped or (waited and plan.done < plan.total):
        raise typer.Exit(FnrError.exit_code)


def _nothing() -> NotFound:
    return NotFound("nothing to replay", next_step=f"{here().command} dlq list")
