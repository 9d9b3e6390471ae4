"""What a dead-man process leaves half done when it is killed is found, and put right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fnr.host import chaos_records as records
from fnr.host.clock import Clock
from fnr.host.faults.deeds import FAULTS
from fnr.host.faults.undoing import undo
from fnr.policy.chaos import Injection


def injected(folder: Path, fault: str, **options: str) -> Injection:
    """A fault whose undo record is on disk."""
    injection = Injection(
        injection_id="01JD", drill_id="01JD", fault=fault, reason="a test", by="me",
        begun_at_ms=0, duration_ms=1, until_boot_ms=0, boot_id="", options=options,
        folder=records.injection_folder(str(folder / "chaos"), "01JD"),
        places={"config": str(folder / "fnr.toml"), "store": str(folder / "fnr.db")},
    )  # fmt: skip
    records.commit(injection)
    return injection


@pytest.mark.parametrize("left", ["fnr.toml.fnr-chaos", "fnr.toml.fnr-chaos.12-34.tmp"])
def test_a_draft_of_a_broken_configuration_is_taken_away(tmp_path: Path, left: str) -> None:
    config, draft = tmp_path / "fnr.toml", tmp_path / left
    config.write_text("version = 1\n")
    injection = injected(tmp_path, "config-broken")
    draft.write_text("half a")
    assert str(draft) in FAULTS["config-broken"].residue(injection)
    outcome = undo(injection, by="a test", clock=Clock())
    assert outcome is not None
    assert (outcome.residue, outcome.problem) == ("", "")
    assert (draft.exists(), config.read_text()) == (False, "version = 1\n")


def test_the_file_that_tries_a_read_only_folder_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "output"
    folder.mkdir(mode=0o755)
    injection = injected(tmp_path, "output-read-only", path=str(folder))
    # Of an ordinary user, so that we can play the dead-man process that was killed.
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    FAULTS["output-read-only"].begin(injection)
    folder.chmod(0o755)
    (folder / ".fnr-chaos-01JD").touch()
    assert "still there" in FAULTS["output-read-only"].residue(injection)
    outcome = undo(injection, by="a test", clock=Clock())
    assert outcome is not None
    assert (outcome.residue, outcome.problem) == ("", "")
    assert [*folder.iterdir()] == []


def test_a_lock_on_a_store_that_was_closed_meanwhile_is_gone(tmp_path: Path) -> None:
    """The last to close a store takes its -shm file along."""
    injection = injected(tmp_path, "store-locked")
    records.note_holder(injection.folder)
    outcome = undo(injection, by="a test", clock=Clock())
    assert outcome is not None
    assert outcome.residue == ""
