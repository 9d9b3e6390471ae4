"""A full file is put back as it was, or left to whoever has put another in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fnr.host.faults import disk_full
from fnr.policy.chaos import Injection


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "result"
    place.write_text("before")
    return place


def full(place: Path) -> Injection:
    return Injection(
        injection_id="01JD", drill_id="01JD", fault="disk-full", reason="a test", by="me",
        begun_at_ms=0, duration_ms=1, until_boot_ms=0, boot_id="", folder=str(place.parent),
        options={"path": str(place)},
    )  # fmt: skip


def test_a_file_that_was_renamed_to_its_place_meanwhile_stays(place: Path) -> None:
    """As programs write that never show half a file: beside it, then renamed over it."""
    injection = full(place)
    disk_full.begin(injection)
    assert "No space left" in disk_full.proof(injection)
    beside = place.with_name("result.tmp")
    beside.write_text("after")
    beside.replace(place)
    for _ in range(2):
        disk_full.undo(injection)
        assert disk_full.residue(injection) == ""
        assert place.read_text() == "after"
    assert [file.name for file in place.parent.iterdir()] == ["result"]


def test_a_file_is_put_back_however_far_it_had_come(place: Path) -> None:
    injection = full(place)
    disk_full.undo(injection)
    assert place.read_text() == "before"
    disk_full.begin(injection)
    place.unlink()
    disk_full.undo(injection)
    assert place.read_text() == "before"
    assert disk_full.residue(injection) == ""


def test_a_file_whose_name_is_as_long_as_names_can_be_is_put_aside_and_back(tmp_path: Path) -> None:
    """Else the fault cannot begin, and its undo record can never be closed."""
    place = tmp_path / ("a" * 255)
    place.write_text("before")
    injection = full(place)
    disk_full.begin(injection)
    assert "No space left" in disk_full.proof(injection)
    disk_full.undo(injection)
    assert disk_full.residue(injection) == ""
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]
