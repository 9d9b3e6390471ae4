"""What there is to say of a task: the page of it, its failure, what was decided."""

from __future__ import annotations

import msgspec

from fnr.api.plain_text import block, duration, one_line
from fnr.client.instants import age, clock_time, in_time, now_ms
from fnr.client.undo_story import undo_lines
from fnr.policy.record import ErrorRecord, LedgerRow, TaskDetail
from fnr.policy.task import Task, TaskState
from fnr.policy.undo import WAITING_FOR

VALUE_CHARS_MAX = 2_000
TRACE_LINES_MAX = 12


def why(task: Task) -> str:
    """Why a task is where it is, in a few words."""
    if task.state is TaskState.QUEUED and task.attempts:
        return f"{_again(task.due_at_ms)}: {task.reason}"
    if task.state is TaskState.QUEUED and task.due_at_ms > now_ms():
        return f"not before {clock_time(task.due_at_ms)}, {in_time(task.due_at_ms)}"
    if task.waiting_for == WAITING_FOR:
        return f"for the undo of its last attempt: {task.reason}"
    if task.state is TaskState.WAITING:
        return f"for {task.waiting_for}, {_again(task.due_at_ms)}: {task.reason}"
    if task.cancel_asked:
        return "is being cancelled"
    return task.reason


def _again(due_at_ms: int) -> str:
    """When it is tried again. While no daemon is there, or its function is paused, that passes."""
    late_ms = now_ms() - due_at_ms
    return f"again {in_time(due_at_ms)}" if late_ms < 0 else f"due again since {duration(late_ms)}"


def page(detail: TaskDetail, command: str = "") -> str:
    """Everything about one task that fits on a screen."""
    task = detail.task
    rows = [
        ("task", task.task_id),
        ("function", task.function),
        ("state", f"{task.state} since {age(task.state_at_ms)}"),
        ("why", why(task)),
        ("submitted", f"{clock_time(task.created_at_ms)} by {task.submitter or 'unknown'}"),
        ("priority", str(task.priority)),
        ("attempts", _counts(task)),
        ("timeout", duration(task.timeout_ms) if task.timeout_ms else ""),
        ("expires", in_time(task.expires_at_ms) if task.expires_at_ms else ""),
        ("unique", task.unique_key or ""),
        ("tags", " ".join(f"{key}={value}" for key, value in sorted(task.tags.items()))),
        ("parent", task.parent_id or ""),
        ("input", value_text(detail.input)),
        ("degraded", smaller_words(task)),
        ("result", value_text(detail.result) if task.state is TaskState.DONE else ""),
    ]
    lines = [f"{name + ':':<11}{one_line(value)}" for name, value in rows if value]
    if detail.letter is not None:
        lines.append(f"{'letter:':<11}{detail.letter.state}, {detail.letter.cause}: ")
        lines[-1] += one_line(detail.letter.reason)
    if detail.errors:
        lines += ["", *error_lines(detail.errors[-1])]
    if detail.undo:
        lines += ["", *undo_lines(detail.undo)]
    if command:
        lines += ["", f"the whole story: {command} task history {task.task_id}"]
    return "\n".join(lines) + "\n"


def smaller_words(task: Task) -> str:
    """In which smaller way it is or was done; "" for as submitted."""
    return "; ".join(f"{step.words} ({step.why})" for step in task.degraded)


def value_text(raw: bytes | msgspec.Raw) -> str:
    """A JSON value, cropped visibly."""
    text = bytes(raw).decode("utf-8", "replace")
    if len(text) <= VALUE_CHARS_MAX:
        return text
    return f"{text[:VALUE_CHARS_MAX]}… ({len(text)} characters; -o json shows all)"


def error_lines(error: ErrorRecord) -> list[str]:
    """What is known about a failure: its name, why it got it, the last lines it left."""
    found, evidence = error.classification, error.evidence
    lines = [
        f"error {error.error_id}, {found.category} ({found.rule}: {one_line(found.matched)})",
        f"  {one_line(evidence.message)}",
    ]
    if evidence.exit_code is not None or evidence.signal is not None:
        lines.append(f"  {exit_words(evidence.exit_code, evidence.signal)}")
    if evidence.killed_by is not None:
        lines.append(f"  ended by fnr: {evidence.killed_by}: {one_line(evidence.kill_reason)}")
    tail = (evidence.traceback or evidence.stderr_tail).rstrip().splitlines()
    lines += [f"  | {line}" for line in block("\n".join(tail[-TRACE_LINES_MAX:])).splitlines()]
    lines += [f"  not known: {one_line(item)}" for item in evidence.missing]
    if found.hint:
        lines.append(f"  hint: {one_line(found.hint)}")
    return lines


def exit_words(code: int | None, signal: int | None) -> str:
    """ "exit code 3" or "killed by signal 9"."""
    return f"killed by signal {signal}" if signal is not None else f"exit code {code}"


def decided(row: LedgerRow) -> str:
    """A decision in a sentence: by whom, what, why, from which rule."""
    decision = row.decision
    by = "" if decision.decided_by == "fnr" else f" by {decision.decided_by}"
    named = f" [{decision.category}, rule {decision.rule}]" if decision.rule else ""
    return f"decided{by}: {decision.action}: {decision.why}{named}"


def _counts(task: Task) -> str:
    spent = ("retries", "unknowns", "waits", "deaths", "interruptions", "replays")
    parts = [f"{name} {count}" for name in spent if (count := getattr(task, name))]
    return ", ".join([str(task.attempts), *parts])
