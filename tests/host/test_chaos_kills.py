"""Whoever is killed in the middle of a fault: nothing of it is left.

A few rounds of tests/crash/chaos_campaign.py, each point and each victim at least once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "crash"))

from chaos_campaign import (
    CLOCK,
    FAULTS,
    POINTS,
    VICTIMS,
    Place,
    killed_undo,
    place,
    play,
    put_right,
)

from fnr.host import chaos_records as records
from fnr.host.faults.undoing import abort, undo
from fnr.policy.chaos import Outcome


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.mark.parametrize("number", range(len(POINTS)))
def test_a_dead_man_process_that_dies_at_any_step_leaves_nothing(where: Place, number: int) -> None:
    fault, victim = FAULTS[number % len(FAULTS)], VICTIMS[number % len(VICTIMS)]
    play(where, fault=fault, point=POINTS[number], victim=victim)
    put_right(where)
    assert where.residue() == []


@pytest.mark.parametrize("fault", FAULTS[::2])
def test_a_fault_ends_with_its_injector_and_with_nobodys_help(where: Place, fault: str) -> None:
    play(where, fault=fault, point="", victim="injector")
    assert where.residue() == []


def test_a_fault_ends_at_its_deadline_with_nobodys_help(where: Place) -> None:
    play(where, fault="worker-stop", point="", victim="deadline")
    assert where.residue() == []
    assert records.history(where.chaos)[0].outcome is not None


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("undo")])
def test_an_undo_that_is_killed_is_done_by_the_next(where: Place, point: str) -> None:
    play(where, fault="disk-full", point="", victim="both")
    killed_undo(where, point)
    put_right(where)
    assert where.residue() == []


def test_a_killed_dead_man_process_leaves_the_fault_until_somebody_undoes_it(where: Place) -> None:
    """The control: without an undo the residue is seen, so that finding none means something."""
    play(where, fault="worker-stop", point="holder-told", victim="holder")
    assert len(where.residue()) == 2
    [left] = records.active(where.chaos)
    outcome = abort(left, by="a test", clock=CLOCK)
    assert isinstance(outcome, Outcome)
    assert (outcome.reverted, outcome.undone_by) == (True, "a test")
    assert undo(left, by="somebody else", clock=CLOCK) is None
    assert where.residue() == []


def test_a_fault_that_ends_while_it_is_looked_for_is_over_and_no_error(
    where: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: it is over when its folder has been listed and its record not been read yet."""
    play(where, fault="worker-stop", point="holder-told", victim="holder")
    [left] = records.active(where.chaos)
    read = records.read

    def read_late(folder: str) -> object:
        if folder == left.folder:
            assert abort(left, by="a test", clock=CLOCK) is not None
        return read(folder)

    with monkeypatch.context() as late:
        late.setattr(records, "read", read_late)
        assert records.active(where.chaos) == []
    with monkeypatch.context() as late:
        # Over between the look at those that act and the look at those that are over.
        late.setattr(records, "_folders", _and_again(records._folders, records.past_folder(left)))
        [found] = [
            one for one in records.history(where.chaos)
            if one.injection.injection_id == left.injection_id
        ]  # fmt: skip
    assert found.state == "over"
    assert where.residue() == []


def _and_again(folders: Callable[[str], list[Path]], one: str) -> Callable[[str], list[Path]]:
    return lambda path: [*folders(path), *([Path(one)] if path.endswith("/active") else [])]


def test_a_record_that_cannot_be_written_means_that_nothing_is_done(where: Place) -> None:
    """Method: a file stands where the folder of records should be."""
    blocked = where.root / "blocked"
    blocked.write_text("")
    injection = where.injection("config-broken", duration_ms=1_000)
    with pytest.raises(OSError, match=r"blocked"):
        records.commit(
            type(injection)(
                **{
                    **{name: getattr(injection, name) for name in injection.__struct_fields__},
                    "folder": f"{blocked}/active/x",
                }
            )
        )
    assert where.residue() == []


def test_a_file_that_somebody_edited_meanwhile_is_left_as_it_is(where: Place) -> None:
    play(where, fault="config-broken", point="holder-told", victim="holder")
    where.config.write_text("version = 1\n# mine\n")
    put_right(where)
    assert where.config.read_text() == "version = 1\n# mine\n"
    where.config.write_text("version = 1\n")
    assert where.residue() == []
