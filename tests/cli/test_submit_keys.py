"""`fnr submit` with a key that a task has already: that task it is, and what it is is said."""

from __future__ import annotations

import msgspec
from cli_runs import Run
from wire_server import WireServer

from fnr.api.requests import ListTasks, Submit, Submitted, WaitTasks
from fnr.policy.record import Page, TaskEnd
from fnr.policy.task import Task, TaskState

ID = "01JD0000000000000000000001"


def test_a_duplicate_is_said(server: WireServer, fnr: Run) -> None:
    task = Task(task_id=ID, function="render", state=TaskState.DONE)
    server.answers |= {
        Submit: Submitted(task_id=ID, duplicate=True),
        ListTasks: Page(items=[task], total=1),
    }
    found = fnr("submit", "render")
    assert (found.out, found.code) == (f"{ID}\n", 0)
    assert found.err == "notice: such a task exists already; nothing new was submitted\n"


def test_who_waits_is_told_that_it_is_for_a_task_that_was_there(
    server: WireServer, fnr: Run
) -> None:
    task = Task(task_id=ID, function="f", state=TaskState.DONE)
    server.answers |= {
        Submit: Submitted(task_id=ID, duplicate=True),
        ListTasks: Page(items=[task], total=1),
        WaitTasks: [TaskEnd(task=task, result=msgspec.Raw(b"7"))],
    }
    found = fnr("submit", "f", "--unique", "u", "--wait")
    assert (found.code, found.out) == (0, "7\n")
    assert found.err == f"notice: such a task exists already; waiting for {ID}\n"


def test_a_key_that_another_function_has_is_said(live: Run) -> None:
    """Keys are those of the home: of two functions that are given the same key, one would wait."""
    words = ("--unique", "shared-by-two", "--delay", "1h")
    first = live("submit", "say", "word=x", *words)
    second = live("submit", "count", "path=x", *words)
    live("task", "cancel", first.out.strip())
    assert second.out == first.out
    assert second.err == (
        "notice: a task of another function, say, has this key already; nothing new was submitted\n"
    )
