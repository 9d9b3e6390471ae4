"""Follow a replay while it goes on: a line that changes for people, the end for everybody."""

from __future__ import annotations

import sys

from fnr.api.replay_requests import GetReplay
from fnr.api.requests import Watch
from fnr.cli.follow import patient_ask
from fnr.cli.here import here, say
from fnr.cli.inbox import Inbox
from fnr.cli.replay_views import progress
from fnr.cli.terminal import block, is_terminal, width
from fnr.policy.replay import ReplayPlan, ReplayState, goes_on_by_itself

_AT_REST = frozenset(
    {ReplayState.PAUSED, ReplayState.STOPPED, ReplayState.DONE, ReplayState.CANCELLED}
)


def followed(plan: ReplayPlan, *, to_the_end: bool) -> ReplayPlan:
    """The plan once every letter was put back or skipped; to_the_end: once all have ended.

    Ctrl-C ends the following alone.
    """
    inbox = Inbox(here(), Watch(kinds=["plan"]), unread_too=True)
    line = _Line()
    told = False
    try:
        while not _is_over(plan, to_the_end=to_the_end):
            if goes_on_by_itself(plan) and not told:
                line.clear()
                here().notice(block(f"notice: it waits: {plan.why}"))
            told = goes_on_by_itself(plan)
            inbox.wait()
            plan = patient_ask(here(), GetReplay(plan_id=plan.plan_id, reasons=False)).plan
            line.show(f"{plan.state}: {progress(plan)} of {plan.total}")
    except KeyboardInterrupt:
        line.clear()
        command = here().command
        say(f"the replay goes on; look: {command} replay show {plan.plan_id}")
        say(f"give it up: {command} replay cancel {plan.plan_id}")
        raise
    line.clear()
    return plan


def is_at_rest(plan: ReplayPlan) -> bool:
    """Whether nothing more happens by itself; what a breaker holds back goes on."""
    return plan.state in _AT_REST and not goes_on_by_itself(plan)


def _is_over(plan: ReplayPlan, *, to_the_end: bool) -> bool:
    if is_at_rest(plan):
        return True
    return not to_the_end and plan.frozen_at_ms is not None and plan.left == 0


class _Line:
    """One line of stderr, written over again; nothing where nobody is looking."""

    def __init__(self) -> None:
        self._on = is_terminal(sys.stderr) and not here().quiet

    def show(self, text: str) -> None:
        """Replace what it says."""
        if self._on:
            sys.stderr.write(f"\r\x1b[K{text[: width() - 1]}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take it off the screen."""
        if self._on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
