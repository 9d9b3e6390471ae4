"""How replays go, a line each, and what can be wished for one."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from fnr.api.plain_text import one_line
from fnr.client.own_command import OwnCommand
from fnr.policy.replay import ENDED_REPLAYS, MOVING_REPLAYS, ReplayPlan
from fnr.tui.cells import short_id
from fnr.tui.looks import look_of
from fnr.tui.wishes import Ask, Values, Wish, flag

BAR_CELLS = 20
# Whoever looks back at the screen is still told how it ended.
ENDED_SHOWN_MS = 600_000


def worth_showing(plans: Iterable[ReplayPlan], *, now_ms: int) -> list[ReplayPlan]:
    """Those that go on or stand still, and those that ended a moment ago."""
    return [
        plan
        for plan in plans
        if plan.state not in ENDED_REPLAYS or now_ms - plan.state_at_ms < ENDED_SHOWN_MS
    ]


def plan_line(plan: ReplayPlan) -> Text:
    """Its state, how many came home, what became of the others, and why it stands still."""
    look = look_of(plan.state.value)
    line = Text().append(f"{look.sign} {plan.state.value:<9}", look.style)
    line.append(f" {_bar(plan)} ").append(f"{plan.done:,} of {plan.total:,} home", "bold")
    for count, words, style in (
        (plan.live, "live", "green"),
        (plan.dead, "died again", "red"),
        (plan.cancelled, "cancelled", ""),
        (plan.skipped, "skipped", "yellow"),
        (plan.left, "left", ""),
    ):
        if count:
            line.append(f", {count:,} {words}", style)
    line.append(f"  {short_id(plan.plan_id)}", "dim")
    return line.append(f"  {one_line(plan.why)}", "dim") if plan.why else line


def _bar(plan: ReplayPlan) -> str:
    """What has ended; never full before all of it has."""
    ended = plan.done + plan.dead + plan.cancelled + plan.skipped
    full = BAR_CELLS * ended // plan.total if plan.total else 0
    return "█" * full + "·" * (BAR_CELLS - full)


def looked_at(plan: ReplayPlan) -> Wish:
    """Everything about it, with the reasons of letters that did not come home."""
    own = OwnCommand(words=("replay", "show", plan.plan_id))
    return Wish(
        title=f"replay {plan.plan_id}",
        text="How far it is, its limits, and why letters did not come home.",
        verb="",
        changes=False,
        command=lambda _: own,
        trial=lambda _: own,
        trial_verb="Again",
        tried_at_once=True,
    )


def paused_or_resumed(plan: ReplayPlan) -> Wish | None:
    """Put nothing more back, or go on, perhaps at another rate; None once it has ended."""
    if plan.state in ENDED_REPLAYS:
        return None
    reason = Ask(name="reason", label="reason", hint="kept on record")
    if plan.state in MOVING_REPLAYS:
        return _wish(plan, "pause", "Nothing more is put back; what is live goes on.", (reason,))
    rate = Ask(name="rate", label="no faster than", hint="5/s, 100/m; empty leaves it as it is")
    return _wish(plan, "resume", "It goes on where it stood.", (rate, reason))


def given_up(plan: ReplayPlan) -> Wish | None:
    """Give it up; None once it has ended."""
    if plan.state in ENDED_REPLAYS:
        return None
    reason = Ask(name="reason", label="reason", hint="kept on record")
    words = "For good: what was not put back stays a dead letter, what is live goes on."
    return _wish(plan, "cancel", words, (reason,))


def _wish(plan: ReplayPlan, verb: str, text: str, asks: tuple[Ask, ...]) -> Wish:
    def command(values: Values) -> OwnCommand:
        more = [word for ask in asks for word in flag(f"--{ask.name}", values[ask.name])]
        return OwnCommand(words=("replay", verb, plan.plan_id, *more))

    return Wish(
        title=f"{verb} replay {plan.plan_id}",
        text=text,
        verb=f"{verb.capitalize()} it",
        command=command,
        asks=asks,
    )
