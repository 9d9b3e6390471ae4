"""The undo steps that fnr.toml declares for a command, filled from the input of each attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from fnr.worker.command_template import InputError, Template, fill_all, parse
from fnr.worker.undo import problem_with, remove_file_data
from fnr.worker.undo_journal import Journal, UndoLimitError

_FIELDS = {
    "remove_file": "path",
    "http_delete": "url",
    "release": "allocation",
    "cancel_task": "task_id",
    "command": "argv",
    "call": "function",
}


class DeclaredStep(Struct, frozen=True):
    """One of them: what it is, and the templates of what it holds."""

    kind: str
    templates: tuple[Template, ...]

    def data(self, values: Mapping[str, Any], *, within: Sequence[str]) -> dict[str, Any]:
        """The step for these values; raises InputError when it makes no sense."""
        filled = fill_all(self.templates, values)
        value: Any = filled if self.kind == "command" else filled[0]
        data: dict[str, Any] = {_FIELDS[self.kind]: value}
        if self.kind == "call":
            data["data"] = dict(values)
        if problem := problem_with(self.kind, data):
            raise InputError(f"undo {self.kind}: {problem}")
        if self.kind != "remove_file":
            return data
        try:
            return remove_file_data(value, within=within)
        except ValueError as error:
            raise InputError(str(error)) from error


def read_steps(declared: Sequence[Mapping[str, Any]]) -> list[DeclaredStep]:
    """The steps as the specification has them; raises ValueError when one makes no sense."""
    steps = []
    for table in declared:
        for kind, value in table.items():
            if kind not in _FIELDS:
                raise ValueError(f"undo: no such kind of step as {kind!r}")
            texts = [value] if isinstance(value, str) else list(value)
            steps.append(DeclaredStep(kind, tuple(parse(text) for text in texts)))
    return steps


def record_all(journal: Journal, steps: Sequence[DeclaredStep], values: Mapping[str, Any]) -> None:
    """Write all of them into the attempt's journal; raises InputError, OSError."""
    for step in steps:
        try:
            journal.add(step.kind, step.data(values, within=journal.within))
        except UndoLimitError as error:
            # A `call` is given all of the input.
            raise InputError(f"undo {step.kind}: {error}") from error
