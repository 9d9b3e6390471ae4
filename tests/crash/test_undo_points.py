"""SIGKILL of the daemon at every named place of undo: no step is lost, forgotten or called done.

Method: one task fails once and leaves steps; each daemon is armed to die at another place while it
undoes them, and the next one goes on. The outside ledger is the file that steps write to: whoever
was undone stands there, newest first.
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
from undo_waits import ended, steps_of

import fnr
from fnr.api import requests as ask
from fnr.api.errors import DaemonDown
from fnr.api.undo_requests import RetryUndo, SkipUndo
from fnr.policy.undo import StepState

HomeAt = Callable[[str], LiveHome]
TOML = f"""
[functions.steps]
python = "undo_functions:steps"
cwd = "{FUNCTIONS}"
grace = "100ms"
undo_tries = 1
"""
# In the order in which one task can pass them; a number says at which passage.
POINTS = (
    "undo-journal-settled",
    "undo-journals-taken-over",
    "undo-step-begun",
    "undo-step-acted@2",
    "undo-step-settled",
    "undo-step-settled-in-unit@2",
    "undo-finished-in-unit",
    "undo-moved-in-unit",
)
STEPS = 9


def named_points() -> list[str]:
    """Every failpoint of undo."""
    daemon = Path(fnr.__file__).parent / "daemon"
    found = {
        name
        for file in daemon.glob("undo*.py")
        for name in re.findall(r'failpoint\("([a-z-]+)"\)', file.read_text())
    }
    return sorted(found)


def submit(home: LiveHome, notes: Path, folder: Path) -> str:
    """A task that fails and leaves steps that write to the ledger, and hopeless ones."""
    steps: list[dict[str, Any]] = []
    for number in range(STEPS):
        data = {"path": str(notes), "line": str(number)}
        call = {"function": "undo_functions:note", "data": data}
        steps.append({"kind": "call", "data": call})
    stuck = {"kind": "remove_file", "data": {"path": str(folder)}}
    steps[1:1] = steps[5:5] = [stuck]
    given = msgspec.Raw(msgspec.json.encode({"steps": steps}))
    answer = home.ask(ask.Submit(task=ask.TaskSpec(function="steps", input=given)))
    task_id: str = answer.task_id
    return task_id


def test_the_places_are_those_of_the_code() -> None:
    assert sorted(point.partition("@")[0] for point in POINTS) == named_points()


@pytest.mark.timeout(120)
def test_a_kill_at_every_place_of_undo_loses_no_step(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(TOML)
    notes, folder = tmp_path / "notes", tmp_path / "folder"
    folder.mkdir()
    task_id = ""
    for point in POINTS:
        up = home.start(env={"FNR_FAILPOINT": point})
        assert home.process is not None
        if not task_id:
            assert up
            task_id = submit(home, notes, folder)
        elif point == "undo-moved-in-unit":
            assert up
            with pytest.raises((DaemonDown, OSError)):
                home.ask(RetryUndo(ids=[task_id]))
        assert home.process.wait(timeout=60) == -signal.SIGKILL, f"nothing passed {point}"

    home.up()
    ended(home, task_id)
    steps = steps_of(home, task_id)
    assert [step.state for step in steps if step.kind == "call"] == [StepState.UNDONE] * STEPS
    stuck = [step for step in steps if step.kind == "remove_file"]
    assert [step.state for step in stuck] == [StepState.NEEDS_OPERATOR] * 2
    lines = [int(line) for line in notes.read_text().split()]
    # Each at least once; again only where a daemon died between act and receipt; in order.
    assert set(lines) == set(range(STEPS))
    assert lines == sorted(lines, reverse=True)
    assert len(lines) <= STEPS + 3
    story = home.fnr("task", "history", task_id).stdout
    # Every try is on record, also those that a daemon began and did not live to see ended.
    told = set(re.findall(r"\((\S+), try (\d+)\)", story))
    assert told >= {(step.undo_id, str(n)) for step in steps for n in range(1, step.tries + 1)}
    assert "was cut off: what came of it is not known" in story
    assert not [*Path(home.paths.spool_dir).glob("*.undo")]
    assert "2 undo steps need an operator: fnr undo list" in home.ask(ask.GetStatus()).problems
    home.ask(SkipUndo(ids=[task_id], reason="a test"))
    home.ask(ask.StopDaemon())
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
