"""The folder of an attempt: empty at its start whatever the one before left, gone at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon

DEEP = "import os\nfor _ in range(1_500): os.mkdir('d'); os.chdir('d')"
SHOW = 'if [ "$1" = show ]; then ls -A "$0"; else '


def work_folders(daemon: FakeDaemon) -> list[Path]:
    return [*daemon.spool.glob("*work")]


@pytest.mark.parametrize("leaves", ['echo mine > "$0"', 'ln -s "$2" "$0"'])
def test_what_stands_in_its_place_is_not_the_next_ones(daemon: FakeDaemon, leaves: str) -> None:
    elsewhere = daemon.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("kept")
    script = f'{SHOW} rmdir "$0"; {leaves}; fi'
    command = ("sh", "-c", script, "{workdir}", "{how}", str(elsewhere))
    _, peer = daemon.serve(kind="command", command=command, result="stdout")
    for how in ("leave", "show", "leave", "show"):
        assert peer.result({"how": how}) == ""
    assert (elsewhere / "file").read_text() == "kept"
    assert not work_folders(daemon)


def test_a_tree_that_cannot_be_removed_costs_no_success_and_is_not_the_next_ones(
    daemon: FakeDaemon,
) -> None:
    """It is deeper than Python calls itself."""
    script = f'{SHOW} cd "$0"; exec "$2" -S -c "{DEEP}"; fi'
    command = ("sh", "-c", script, "{workdir}", "{how}", sys.executable)
    worker, peer = daemon.serve(kind="command", command=command, result="stdout")
    for how in ("leave", "show", "leave", "show"):
        assert peer.result({"how": how}) == ""
    left = work_folders(daemon)
    assert len(left) == 2
    for folder in left:
        assert f"what the command left in {folder} cannot be removed" in worker.log
        subprocess.run(["rm", "-rf", folder], check=True)
