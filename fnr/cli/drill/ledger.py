"""The drill's own list of what was accepted, kept outside of fnr, to hold against fnr's store."""

from __future__ import annotations

import json
from pathlib import Path

from fnr.cli.drill.cases import Case


class Ledger:
    """Every accepted id with its case, also in a file, one line each, written before going on."""

    def __init__(self, file: Path) -> None:
        self.cases: dict[str, Case | None] = {}
        self._file = file

    def add(self, task_id: str, case: Case | None) -> None:
        """Note that this was accepted; None: a task that only has to be done."""
        self.cases[task_id] = case
        line = {"task_id": task_id, "case": case.name if case else ""}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def of(self, fault: str) -> list[str]:
        """Ids of the tasks that are to meet a fault."""
        return [task_id for task_id, case in self.cases.items() if case and case.fault == fault]
