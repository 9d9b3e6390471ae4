"""Which attempt meets which fault, however many have met it before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fnr.daemon import armed_faults
from fnr.daemon.armed_faults import ArmedFaults
from fnr.host import chaos_records as records
from fnr.policy.chaos import Drilled, Injection, Outcome
from fnr.policy.evidence import Evidence
from fnr.policy.task import Task

COUNT = 200


@pytest.fixture
def injection(tmp_path: Path) -> Injection:
    made = Injection(
        injection_id="01JD", drill_id="01JD", fault="error", reason="a test", by="me",
        begun_at_ms=0, duration_ms=1, until_boot_ms=1, boot_id="b", where="function:render",
        functions=("render",), folder=records.injection_folder(str(tmp_path), "01JD"), times=2,
    )  # fmt: skip
    records.commit(made)
    return made


def meet(injection: Injection, task_id: str, token: str) -> None:
    """A worker says that this attempt meets the fault."""
    effect = records.Effect(at_ms=1, pid=1, pid_start=1, task_id=task_id, token=token)
    assert records.note_effect(injection.folder, effect)


def is_hit(armed: ArmedFaults, task_id: str, token: str) -> bool:
    task = Task(task_id=task_id, function="render")
    return armed.for_attempt(task, token, now_ms=0) is not None


def is_a_drills(armed: ArmedFaults, token: str) -> bool:
    return bool(armed.marked(token, Evidence()).drill)


def test_each_task_is_hit_so_often_and_its_errors_are_the_drills(injection: Injection) -> None:
    armed = ArmedFaults()
    armed.arm(injection)
    for number in range(3):
        hit = is_hit(armed, "a", f"a{number}")
        assert hit == (number < 2)
        assert not is_a_drills(armed, f"a{number}")
        if hit:
            meet(injection, "a", f"a{number}")
            assert is_a_drills(armed, f"a{number}")
    assert is_hit(armed, "b", "b0")
    meet(injection, "b", "b0")
    # Its files move when it is over.
    armed.disarm(injection)
    records.finish(injection, Outcome())
    assert is_a_drills(armed, "b0")


def test_what_was_read_of_a_fault_is_not_read_again(
    injection: Injection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each attempt would cost more than the one before, on the daemon's loop."""
    lines = 0
    effects_from = records.effects_from

    def counted(*words: Any) -> tuple[list[records.Effect], int]:
        nonlocal lines
        found, offset = effects_from(*words)
        lines += len(found)
        return found, offset

    monkeypatch.setattr(records, "effects_from", counted)
    armed = ArmedFaults()
    armed.arm(injection)
    for number in range(COUNT):
        token = f"token{number}"
        assert is_hit(armed, f"task{number}", token)
        meet(injection, f"task{number}", token)
        assert is_a_drills(armed, token)
    assert lines == COUNT


def test_marks_of_attempts_that_ended_long_ago_are_forgotten(
    injection: Injection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(armed_faults, "MARKS_MAX", 2)
    for number in range(4):
        meet(injection, "a", f"a{number}")
    armed = ArmedFaults()
    armed.remember([Drilled(injection=injection, state="active")])
    assert [is_a_drills(armed, f"a{number}") for number in range(4)] == [False, False, True, True]
