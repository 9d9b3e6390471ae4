"""An undo record is whole or it is not there, whoever looks while it is written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fnr.host import chaos_records as records
from fnr.host.limits import own_file_limit
from fnr.policy.chaos import Injection

COUNT = 100


def injection(folder: Path, number: int) -> Injection:
    injection_id = f"01JD{number:022}"
    return Injection(
        injection_id=injection_id, drill_id=injection_id, fault="hang", reason="a test", by="me",
        begun_at_ms=0, duration_ms=1, until_boot_ms=1, boot_id="b",
        folder=records.injection_folder(str(folder), injection_id), where="", options={},
        functions=(), targets=(), times=1, daemon_pid=1, daemon_pid_start=1, command=(), places={},
    )  # fmt: skip


def test_whoever_removes_half_made_records_removes_none_that_is_being_made(tmp_path: Path) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            records.active(str(tmp_path))

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for number in range(COUNT):
            records.commit(injection(tmp_path, number))
    finally:
        over.set()
        for looker in lookers:
            looker.join()
    assert len(records.active(str(tmp_path))) == COUNT


def test_what_was_left_half_made_is_removed(tmp_path: Path) -> None:
    half = Path(injection(tmp_path, 1).folder)
    half.mkdir(parents=True)
    (half / records.HELD).touch()
    assert records.active(str(tmp_path)) == []
    assert not half.exists()


def test_without_a_descriptor_a_record_is_not_said_to_be_gone(tmp_path: Path) -> None:
    """Else nobody would undo the fault."""
    one = injection(tmp_path, 1)
    records.commit(one)
    with own_file_limit(0), pytest.raises(OSError, match="Too many open files"):
        records.read(one.folder)
    assert records.read(one.folder) == one
    assert records.read(str(tmp_path)) is None
