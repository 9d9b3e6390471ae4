"""Read `undo = [{ remove_file = "{output}" }]`: the steps that a command records for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fnr.config.keys import Report
from fnr.policy.toml_lines import KeyPath
from fnr.policy.undo import KINDS

# Told of every text with placeholders: the key, the text.
CheckText = Callable[[str, str], None]


def read_undo(
    report: Report, path: KeyPath, value: object, *, kind: str, check_text: CheckText
) -> tuple[dict[str, Any], ...]:
    """The declared steps, as far as they make sense; problems are in the report."""
    if not isinstance(value, list) or not all(isinstance(step, dict) for step in value):
        report.problem(path, 'must be a list of steps: [{ remove_file = "{output}" }]')
        return ()
    if kind != "command":
        report.problem(path, "is for commands; a Python function calls fnr.undo")
        return ()
    steps = []
    for step in value:
        if len(step) != 1:
            report.problem(path, 'a step has one key, what to do: { remove_file = "{output}" }')
            continue
        [(name, given)] = step.items()
        texts = given if name == "command" else [given]
        if name not in KINDS:
            report.problem(path, f"{name!r} is not one of {', '.join(KINDS)}")
        elif not isinstance(texts, list) or not texts or not all(map(_is_text, texts)):
            what = "a list of texts" if name == "command" else "text in quotes"
            report.problem(path, f"{name} must be {what}, without NUL characters")
        else:
            for text in texts:
                check_text("undo", text)
            steps.append({name: given})
    report.found(path)
    return tuple(steps)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value
