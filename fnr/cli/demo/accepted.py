"""The demo's own list of what was accepted, kept outside of fnr, to hold against fnr's store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from fnr.cli.demo.inputs import Source, Trouble


class Role(Struct, frozen=True, kw_only=True):
    """What a task is there for: one step with a file, or trouble."""

    function: str
    source: Source | None = None
    trouble: Trouble | None = None


class Accepted:
    """Every accepted id with its role, also in a file, one line each, written before going on."""

    def __init__(self, file: Path) -> None:
        self.roles: dict[str, Role] = {}
        self._file = file

    def add(self, task_ids: Iterable[str], roles: Iterable[Role]) -> None:
        """Note that these were accepted."""
        with self._file.open("a", encoding="utf-8") as file:
            for task_id, role in zip(task_ids, roles, strict=True):
                self.roles[task_id] = role
                what = role.trouble.name if role.trouble else role.source and role.source.key
                file.write(
                    json.dumps({"task_id": task_id, "for": role.function, "of": what}) + "\n"
                )

    def of(self, function: str) -> dict[str, Source]:
        """Task id -> file, of one step of the work."""
        return {
            task_id: role.source
            for task_id, role in self.roles.items()
            if role.function == function and role.source is not None
        }

    def troubles(self) -> dict[str, Trouble]:
        """Task id -> trouble."""
        return {
            task_id: role.trouble
            for task_id, role in self.roles.items()
            if role.trouble is not None
        }
