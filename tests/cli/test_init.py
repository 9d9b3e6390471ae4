"""`fnr init` where it cannot write what it wants to."""

from __future__ import annotations

import resource
from pathlib import Path

from cli_runs import Run


def test_what_there_is_no_room_for_is_not_left_in_half(command: Run, tmp_path: Path) -> None:
    """Half of a fnr.toml may well load, and stands in the way. Method: a limit of 1 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, before[1]))
    try:
        found = command("init", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (found.code, [*tmp_path.iterdir()]) == (74, [])
    assert command("init", tmp_path).code == 0


def test_a_link_to_itself_is_no_folder(command: Run, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    found = command("init", tmp_path / "loop")
    assert (found.code, f"error: {tmp_path}/loop cannot be written\n" in found.err) == (74, True)
