"""SIGKILL of the daemon at every named place of undo: no step is lost, forgotten or called done.

Method: one home; each daemon is armed to die at another place while it undoes a task. The outside
ledger is the file that steps write to: whoever was to be undone stands there, newest first.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "daemon"))

import msgspec
import pytest
from live_home import FUNCTIONS, LiveHome

import fnr
from fnr.api import requests as ask
from fnr.api.errors import DaemonDown
from fnr.api.undo_requests import ListUndo, RetryUndo
from fnr.policy.record import Page
from fnr.policy.undo import Step, StepState

HomeAt = Callable[[str], LiveHome]
TOML = f"""
[functions.steps]
python = "undo_functions:steps"
cwd = "{FUNCTIONS}"
grace = "100ms"
undo_tries = 1
"""
AT_THE_START = "undo-journals-taken-over"
BY_AN_OPERATOR = "undo-moved-in-unit"


def named_points() -> list[str]:
    """Every failpoint of undo."""
    daemon = Path(fnr.__file__).parent / "daemon"
    found = {
        name
        for file in daemon.glob("undo*.py")
        for name in re.findall(r'failpoint\("([a-z-]+)"\)', file.read_text())
    }
    return sorted(found)


def submit(home: LiveHome, notes: Path, folder: Path, day: str) -> str:
    """A task that fails and leaves two steps that write to the ledger, and a hopeless one."""

    def note(line: str) -> dict[str, Any]:
        data = {"path": str(notes), "line": f"{day} {line}"}
        return {"kind": "call", "data": {"function": "undo_functions:note", "data": data}}

    stuck = {"kind": "remove_file", "data": {"path": str(folder)}}
    given = msgspec.json.encode({"steps": [note("older"), stuck, note("newer")]})
    answer = home.ask(ask.Submit(task=ask.TaskSpec(function="steps", input=msgspec.Raw(given))))
    task_id: str = answer.task_id
    return task_id


def undo_of(home: LiveHome) -> list[Step]:
    """All steps there are."""
    page: Page[Step] = home.ask(ListUndo(where=f"state:{','.join(StepState)}", limit=1_000))
    return page.items


@pytest.mark.timeout(180)
def test_a_kill_at_every_place_of_undo_loses_no_step(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(TOML)
    notes, folder = tmp_path / "notes", tmp_path / "folder"
    folder.mkdir()
    tasks: list[str] = []
    points = named_points()
    assert len(points) == 8
    for point in points:
        if not home.start(env={"FNR_FAILPOINT": point}):
            assert point == AT_THE_START, home.log()[-2_000:]
            assert home.process is not None
            home.process.wait(timeout=60)
            continue
        if point == BY_AN_OPERATOR:
            stuck = [step for step in undo_of(home) if step.state is StepState.NEEDS_OPERATOR]
            with pytest.raises((DaemonDown, OSError)):
                home.ask(RetryUndo(ids=[stuck[0].undo_id]))
        else:
            tasks.append(submit(home, notes, folder, point))
        assert home.process is not None
        assert home.process.wait(timeout=60) == -signal.SIGKILL, f"nothing passed {point}"

    home.up()
    watch = home.connection().watch(
        ask.Watch(kinds=["undo"]),
        on_watching=lambda: tasks.append(submit(home, notes, folder, "last")),
    )
    left = {step.task_id for step in undo_of(home) if step.state in {"recorded", "undoing"}}
    for event in watch:
        if event.what == "finished":
            left = {step.task_id for step in undo_of(home) if step.state in {"recorded", "undoing"}}
            if not left and event.task_id == tasks[-1]:
                break
    steps = undo_of(home)
    assert {step.task_id for step in steps} == set(tasks)
    assert len(steps) == 3 * len(tasks)
    by_kind = {(step.kind, step.state.value) for step in steps}
    assert by_kind == {("call", "undone"), ("remove_file", "needs_operator")}
    lines = notes.read_text().splitlines()
    for day in (*{line.partition(" ")[0] for line in lines},):
        mine = [line.partition(" ")[2] for line in lines if line.startswith(f"{day} ")]
        # At least once, each; the older one only after the newer one had been undone.
        assert set(mine) == {"newer", "older"}, (day, mine)
        assert mine == sorted(mine), (day, mine)
        assert len(mine) <= 3, (day, mine)
    assert len({line.partition(" ")[0] for line in lines}) == len(tasks)
    assert not [*Path(home.paths.spool_dir).glob("*.undo")]
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
