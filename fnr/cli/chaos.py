"""`fnr chaos`: faults, inject, list, abort, drill, score, scenarios, proxy."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated

import typer
from msgspec.structs import replace

from fnr.api.chaos_requests import AbortDrills, InjectFault, InjectReport
from fnr.api.errors import DaemonDown, NotFound, TimedOut, TryAgain, UsageError
from fnr.api.question import Changed
from fnr.cli import chaos_drill, chaos_proxy, chaos_score
from fnr.cli.changes import show_changed
from fnr.cli.group import confirm, examples, group, parse_duration
from fnr.cli.here import here
from fnr.cli.options import DryRun, Yes
from fnr.cli.render import Column, Listing, show_list, show_one, since
from fnr.cli.terminal import duration, one_line
from fnr.cli.watching import watchable
from fnr.host import chaos_records as records
from fnr.host.faults.undoing import abort as undo_here
from fnr.policy.chaos import Drilled
from fnr.policy.faults import CATALOGUE, Fault

app = group("chaos", "Break things on purpose, safely, and be told how fnr dealt with it.")

FAULTS: Listing[Fault] = Listing(
    schema="fnr.chaos.faults/1",
    columns=(
        Column("FAULT", lambda fault: fault.name),
        Column("REACH", lambda fault: fault.reach.value),
        Column("RISK", lambda fault: fault.risk.value),
        Column("WHAT", lambda fault: fault.what, flexible=True),
        Column("ENDS", lambda fault: fault.undo, flexible=True, spare=True),
        Column("OPTIONS", lambda fault: " ".join(_options(fault)), spare=True),
    ),
    name=lambda fault: fault.name,
    empty="no faults",
)


# What is said of an effect that nobody has seen yet.
_ARMED = "armed; its effect shows when somebody meets it"
_UNSEEN = {"daemon-kill": "the daemon is killed as soon as this is said, and started again"}


def _options(fault: Fault) -> Iterator[str]:
    for name, value in fault.options.items():
        yield f"{name}={value or '…'}"


def _state(one: Drilled) -> str:
    if one.state == "active":
        return "active"
    if one.outcome is None:
        return "over"
    if not one.outcome.reverted:
        return "unsafe"
    return "over" if one.outcome.proven else "no effect"


def _left(one: Drilled) -> str:
    if one.state != "active":
        return ""
    return duration(max(0, one.injection.until_boot_ms - here().clock.boot_ms()))


DRILLS: Listing[Drilled] = Listing(
    schema="fnr.chaos.list/1",
    columns=(
        Column("ID", lambda one: one.injection.injection_id),
        Column("FAULT", lambda one: one.injection.fault),
        Column("STATE", _state),
        since("BEGAN", lambda one: one.injection.begun_at_ms),
        Column("LEFT", _left, right=True),
        Column("BY", lambda one: one.injection.by, spare=True),
        Column("REASON", lambda one: one.injection.reason, flexible=True),
        Column("EFFECT", lambda one: one.outcome.effect if one.outcome else "", flexible=True),
    ),
    name=lambda one: one.injection.injection_id,
    empty="no fault acts now",
)


@app.command("faults", epilog=examples("fnr chaos faults", "fnr chaos faults -o json"))
def list_faults() -> None:
    """List what can be broken: how far it goes, what it risks, how it ends."""
    show_list(FAULTS, CATALOGUE.values(), total=len(CATALOGUE))


@app.command(
    epilog=examples(
        "fnr chaos inject worker-stop --where function:render --duration 30s --reason drill -n",
        "fnr chaos inject error --where tag.batch:7 --set message='CUDA out of memory'"
        " --duration 1m --reason test -y",
    )
)
def inject(
    *,
    fault: Annotated[str, typer.Argument(metavar="FAULT", help="See `fnr chaos faults`.")],
    duration_: Annotated[
        str, typer.Option("--duration", metavar="TIME", help="Longest it may act: 30s.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="On record; 1,000 characters at most.")
    ],
    where: Annotated[
        str, typer.Option("--where", metavar="EXPR", help="What it hits; see `fnr help filters`.")
    ] = "",
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option of it.")
    ] = None,
    times: Annotated[
        int, typer.Option("--times", metavar="N", min=1, help="How often it may hit one task.")
    ] = 1,
    workers_max: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="How many workers it may hit.")
    ] = 1,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Begin one fault on the running daemon; it ends by itself."""
    if fault not in CATALOGUE:
        near = difflib.get_close_matches(fault, CATALOGUE, n=1, cutoff=0.5)
        raise NotFound(
            f"there is no fault {fault!r}",
            why=f"did you mean {near[0]!r}?" if near else "",
            next_step="fnr chaos faults",
        )
    request = InjectFault(
        fault=fault,
        duration_ms=parse_duration(duration_, flag="--duration") or 0,
        reason=reason,
        where=where,
        options=_pairs(options or []),
        times=times,
        workers_max=workers_max,
        dry_run=True,
    )
    plan = here().ask(request, offline=False)
    if not dry_run:
        confirm(f"{_in_words(plan)}\nbegin?", yes=yes)
        plan = here().ask(replace(request, dry_run=False), offline=False)
    show_one("fnr.chaos.inject/1", plan, lambda: _page(plan), name=plan.injection_id or plan.fault)
    if plan.injection_id:
        here().hint(f"{here().command} chaos abort {plan.injection_id}")


def _pairs(words: list[str]) -> dict[str, str]:
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise UsageError(f"--set takes NAME=VALUE, not {word!r}")
        found[name] = value
    return found


def _in_words(plan: InjectReport) -> str:
    lines = [f"{plan.fault}: reach {plan.reach}, risk {plan.risk}"]
    lines += [f"  {number}. {deed}" for number, deed in enumerate(plan.deeds, 1)]
    if plan.kept_out:
        lines.append(f"  protected and spared: {', '.join(plan.kept_out)}")
    return "\n".join(map(one_line, lines))


def _page(plan: InjectReport) -> str:
    words = _in_words(plan)
    if plan.outcome is not None:
        seen = plan.outcome.effect or _UNSEEN.get(plan.fault, _ARMED)
        words += f"\n{plan.injection_id} began: {one_line(seen)}"
    return words + "\n"


@app.command("list", epilog=examples("fnr chaos list", "fnr chaos list --past -o json"))
@watchable
def list_drills(
    past: Annotated[bool, typer.Option("--past", help="Also those that are over.")] = False,
) -> None:
    """List faults that act now; works without the daemon."""
    known = records.history(here().paths.chaos_dir)
    found = [one for one in known if past or one.state == "active"]
    show_list(DRILLS, found, total=len(found))


@app.command(epilog=examples("fnr chaos abort 01JD", "fnr chaos abort --all"))
def abort(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…]", help="Of a fault or of its drill.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Whatever acts now.")] = False,
) -> None:
    """End faults now and put everything right; works without the daemon."""
    if bool(ids) == every:
        raise UsageError("abort needs ids or --all, and not both", next_step="fnr chaos list")
    try:
        changed = here().ask(AbortDrills(ids=ids or [], all=every), offline=False)
    except (DaemonDown, TimedOut, TryAgain):
        # No daemon, or one that answers nobody: the records say all that undoing needs.
        changed = _abort_here(ids or [])
    show_changed(changed, done="ended")


def _abort_here(ids: list[str]) -> Changed:
    """The same without a daemon: from the undo records alone."""
    wanted = tuple(word.upper() for word in ids)
    changed = Changed()
    for one in records.active(here().paths.chaos_dir):
        if wanted and not (one.injection_id.startswith(wanted) or one.drill_id.startswith(wanted)):
            continue
        outcome = undo_here(one, by="fnr chaos abort", clock=here().clock)
        if outcome is not None and outcome.reverted:
            changed.changed.append(one.injection_id)
        else:
            why = outcome.residue if outcome else "its outcome is not known"
            changed.unchanged[one.injection_id] = why
    if wanted and not changed.changed and not changed.unchanged:
        raise NotFound("no such fault acts now", next_step="fnr chaos list")
    return changed


app.command(
    "drill",
    epilog=examples(
        "fnr chaos drill",
        "fnr chaos drill --scenario standard --seed 7 -o json | jq .figures",
        "fnr chaos drill --live --concurrent 20",
    ),
)(chaos_drill.drill)
app.command(
    "score",
    epilog=examples("fnr chaos score", "fnr chaos score --all", "fnr chaos score --against 01JD"),
)(chaos_score.score)
app.command("scenarios", epilog=examples("fnr chaos scenarios"))(chaos_score.scenarios)
app.command("proxy", epilog=examples("fnr chaos proxy --listen 9188 --upstream 127.0.0.1:8188"))(
    chaos_proxy.proxy
)
