"""What a task that does not start waits for, how much of it is needed and how much is free."""

from __future__ import annotations

from fnr.api.errors import FnrError
from fnr.api.resource_requests import ExplainWait, WaitFacts
from fnr.cli.here import here
from fnr.cli.terminal import one_line
from fnr.client.next_step import told_here
from fnr.policy.task import Task, TaskState


def waits_for(task: Task) -> str:
    """Lines for the page of a task; none when it runs, has ended, or the daemon is down."""
    if task.state not in {TaskState.QUEUED, TaskState.WAITING}:
        return ""
    try:
        facts = here().ask(ExplainWait(task_id=task.task_id))
    except FnrError:
        # The page itself may come from the store alone; readings cannot.
        return ""
    return lines(facts, here().command)


def lines(facts: WaitFacts, command: str) -> str:
    """The facts for people. command: how `fnr` is called for this home."""
    found = [
        f"waits for {one_line(one.what)}: {one_line(one.needed)} needed, now {one_line(one.free)}"
        for one in facts.wanted
    ]
    found += [f"held back: {one_line(told_here(why, command))}" for why in facts.holds.values()]
    if facts.never:
        found.append(f"! {one_line(facts.never)}")
    return "".join(f"{line}\n" for line in ["", *found]) if found else ""
