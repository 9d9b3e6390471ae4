"""How replays look: the row in a list, the page of one, a line of progress."""

from __future__ import annotations

from fnr.cli.render import Column, Listing, clock_time, since
from fnr.cli.replay_limits import options_text
from fnr.cli.terminal import GREEN, RED, one_line
from fnr.client.next_step import told_here
from fnr.policy.replay import (
    BY,
    ReplayDetail,
    ReplayEntry,
    ReplayPlan,
    ReplayState,
    goes_on_by_itself,
)

_STYLES = {
    ReplayState.DONE: GREEN,
    ReplayState.STOPPED: RED,
    ReplayState.PAUSED: RED,
}

_HALTS = frozenset({ReplayState.PAUSED, ReplayState.STOPPED, ReplayState.CANCELLED})

REPLAYS: Listing[ReplayPlan] = Listing(
    schema="fnr.replay.list/1",
    columns=(
        Column("REPLAY", lambda plan: plan.plan_id),
        Column("STATE", lambda plan: plan.state.value, style=lambda p: _STYLES.get(p.state, "")),
        Column("LETTERS", lambda plan: plan.total, right=True),
        Column("LEFT", lambda plan: plan.left, right=True),
        Column("LIVE", lambda plan: plan.live, right=True),
        Column("DONE", lambda plan: plan.done, right=True),
        Column("DEAD", lambda plan: plan.dead, right=True),
        Column("SKIPPED", lambda plan: plan.skipped, right=True, spare=True),
        since("AGE", lambda plan: plan.created_at_ms),
        Column("WHY", lambda plan: plan.why, flexible=True),
    ),
    name=lambda plan: plan.plan_id,
    empty="no replays",
)  # fmt: skip

ENTRIES: Listing[ReplayEntry] = Listing(
    schema="fnr.replay.entries/1",
    columns=(
        Column("TASK", lambda entry: entry.task_id),
        Column("STATE", lambda entry: entry.state.value),
        Column("KEY", lambda entry: entry.key or "", spare=True),
        since("AGE", lambda entry: entry.at_ms),
        Column("WHY", lambda entry: entry.why, flexible=True),
    ),
    name=lambda entry: entry.task_id,
    empty="no letters",
)


def replay_page(detail: ReplayDetail, command: str) -> str:
    """One replay: what it was asked to do, how far it is, and why letters did not come home."""
    plan = detail.plan
    rows = [
        ("replay", plan.plan_id),
        ("state", f"{plan.state} since {clock_time(plan.state_at_ms)} by {plan.state_by}"),
        ("why", plan.why),
        ("letters", f"{plan.total} {_chosen(plan)}"),
        ("made", f"{clock_time(plan.created_at_ms)} by {plan.created_by}"),
        ("reason", plan.reason),
        ("limits", options_text(plan.options)),
        ("progress", progress(plan)),
    ]
    lines = [f"{name + ':':<12}{one_line(value)}" for name, value in rows if value]
    if detail.reasons:
        lines += ["", "not home" if detail.looked_at_all else "not home (of those looked at)"]
    for reason, count in detail.reasons.items():
        some = ", ".join(detail.examples.get(reason, ())[:3])
        lines.append(
            f"  {count:>8}  {one_line(told_here(reason, command))}"
            + (f"  ({some})" if some else "")
        )
    lines += _moves(detail)
    if plan.state in {ReplayState.PAUSED, ReplayState.STOPPED}:
        go_on = f"{command} replay resume {plan.plan_id}"
        if goes_on_by_itself(plan):
            go_on = "by itself, as soon as that breaker lets calls through"
        lines += ["", f"go on:       {go_on}"]
        lines += [f"give up:     {command} replay cancel {plan.plan_id}"]
    return "\n".join(lines) + "\n"


def _moves(detail: ReplayDetail) -> list[str]:
    """Its moves, unless it only was made, went on by itself and ended."""
    if all(move.by == BY and move.state not in _HALTS for move in detail.moves[1:]):
        return []
    told = [
        f"  {clock_time(move.at_ms)}  {move.state} by {one_line(move.by)}"
        + (f": {one_line(move.why)}" if move.why else "")
        for move in detail.moves
    ]
    return ["", "moves", *told]


def progress(plan: ReplayPlan) -> str:
    """How far a replay is, in one line."""
    parts = (
        ("left", plan.left),
        ("live", plan.live),
        ("done", plan.done),
        ("died again", plan.dead),
        ("cancelled", plan.cancelled),
        ("skipped", plan.skipped),
    )
    return ", ".join(f"{count} {word}" for word, count in parts if count) or "nothing"


def _chosen(plan: ReplayPlan) -> str:
    if plan.by_ids:
        return "named one by one"
    return f"that match {plan.where}" if plan.where else "that were open"
