"""What somebody may not write ends with the exit code for it, and not with that of a bad disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Root may write everywhere, until it has given up its powers.
WITHOUT_POWERS = [] if os.geteuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder of ours in which we may write nothing."""
    try:
        subprocess.run([*WITHOUT_POWERS, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("root cannot give up its powers here")
    folder = tmp_path / "closed to us"
    folder.mkdir()
    (folder / "learnt-words.json").write_text("{}")
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    "line",
    [
        "--home CLOSED rules add busy --category transient --text busy --test busy",
        "--home CLOSED rules learn --reset",
        "--home OPEN dlq export --to CLOSED/letters.jsonl",
        "--home OPEN init CLOSED",
        "--home OPEN init CLOSED/new",
    ],
)
def test_what_is_denied_is_no_failure_of_the_disk(line: str, closed: Path) -> None:
    words = [
        word.replace("CLOSED", str(closed)).replace("OPEN", str(closed.parent))
        for word in line.split()
    ]
    command = [*WITHOUT_POWERS, sys.executable, "-m", "fnr", *words]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, "Permission denied" in found.stderr) == (77, True), found.stderr
    if "  try: ls -ld " in found.stderr:
        assert f"  try: ls -ld '{closed}'" in found.stderr
