"""What there is to say of undo steps: what each reverses, and how far that is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fnr.api.plain_text import block, one_line
from fnr.client.instants import age, clock_time
from fnr.policy.undo import Step, StepState

_SHOWN = {
    "remove_file": "path",
    "http_delete": "url",
    "release": "allocation",
    "cancel_task": "task_id",
    "call": "function",
}


def what(step: Step) -> str:
    """What a step does, in a few words."""
    if step.kind == "command" and isinstance(words := step.data.get("argv"), list):
        return f"command {' '.join(map(str, words))}"
    value = step.data.get(_SHOWN.get(step.kind, ""))
    if value is None:
        value = msgspec.json.encode(step.data).decode()
    return f"{step.kind} {value}"


def undo_page(step: Step, command: str) -> str:
    """Everything about one step, and what an operator can do."""
    rows = [
        ("step", step.undo_id),
        ("undoes", what(step)),
        ("state", f"{step.state} since {age(step.state_at_ms)}"),
        ("why", step.reason),
        ("by", step.state_by if step.state_by != "fnr" else ""),
        ("tries", str(step.tries) if step.tries else ""),
        ("task", step.task_id),
        ("function", step.function),
        ("recorded", clock_time(step.recorded_at_ms)),
        ("data", msgspec.json.encode(step.data).decode()),
        ("receipt", msgspec.json.encode(step.receipt).decode() if step.receipt else ""),
    ]
    lines = [f"{name + ':':<11}{one_line(value)}" for name, value in rows if value]
    if step.state is StepState.NEEDS_OPERATOR:
        lines += [
            "",
            f"try it again:  {command} undo retry {step.undo_id}",
            f"let it go:     {command} undo skip {step.undo_id} --reason TEXT",
        ]
    return block("\n".join(lines)) + "\n"


def undo_lines(steps: Sequence[Step]) -> list[str]:
    """A task's steps on its page, one a line, the newest first."""
    return [
        f"undo {step.undo_id}, {step.state}: {one_line(what(step))}"
        + (f": {one_line(step.reason)}" if step.reason else "")
        for step in reversed(steps)
    ]


def recorded_line(step: Step) -> str:
    """The moment a step was recorded, in a task's history."""
    return f"recorded how to undo what comes next: {what(step)}"
