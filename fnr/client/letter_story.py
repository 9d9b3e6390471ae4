"""What there is to say of a dead letter, so that somebody can decide what becomes of it."""

from __future__ import annotations

from fnr.api.plain_text import one_line
from fnr.client.instants import age, clock_time
from fnr.client.task_story import error_lines, smaller_words, value_text
from fnr.policy.record import TaskDetail


def letter_page(detail: TaskDetail, command: str = "") -> str:
    """One letter with all that is needed to decide what becomes of it.

    command: how `fnr` is called for this home; "" leaves out what to type next.
    """
    letter, task = detail.letter, detail.task
    assert letter is not None, task
    rows = [
        ("task", letter.task_id),
        ("function", letter.function),
        ("letter", f"{letter.state}, died {age(letter.died_at_ms)} ago"),
        ("cause", f"{letter.cause} ({letter.category}): {letter.reason}"),
        ("attempts", f"{letter.attempts}, replays {letter.replays}"),
        ("submitted", f"{clock_time(task.created_at_ms)} by {task.submitter or 'unknown'}"),
        ("tags", " ".join(f"{key}={value}" for key, value in sorted(task.tags.items()))),
        ("resolution", letter.resolution),
        ("input", value_text(detail.input)),
        ("degraded", smaller_words(task)),
    ]
    if len(detail.revisions) > 1:
        rows.append(("original", value_text(detail.revisions[0].body)))
    lines = [f"{name + ':':<12}{one_line(value)}" for name, value in rows if value]
    for error in detail.errors[-3:]:
        lines += [
            "",
            f"{clock_time(error.at_ms)}  {error_lines(error)[0]}",
            *error_lines(error)[1:],
        ]
    if command:
        lines += [
            "",
            f"try again:     {command} dlq replay {letter.task_id}",
            f"another input: {command} dlq edit {letter.task_id}",
        ]
    return "\n".join(lines) + "\n"
