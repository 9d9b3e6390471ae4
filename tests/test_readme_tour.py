"""The README's first steps, taken as printed: only the folder is another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
STEPS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]
PROGRAM = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0]


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run lines of a shell in which `fnr` is the one under test; the first failure ends it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-ec", script],
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, because a socket goes below it; its daemon and workers end with the test."""
    with tempfile.TemporaryDirectory(prefix="fnr-") as name:
        yield Path(name, "srv")
        shell(f"fnr --home {name}/srv daemon stop --now")


def test_the_first_steps_work_as_printed(folder: Path) -> None:
    """Method: paste the block, then run the README's Python program against the same home."""
    lines = [line.removeprefix("$ ") for line in STEPS.splitlines()]
    steps = "\n".join(lines).replace("/srv/fnr", str(folder))

    done = shell(steps)
    assert done.returncode == 0, done.stderr
    assert "Hello, World" in done.stdout
    assert re.search(r"^function\tgreet\t.*\t1$", done.stdout, re.MULTILINE), done.stdout

    program = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"FNR_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert program.returncode == 0, program.stderr
    assert program.stdout.split("\n") == ["Hello, World", ""] * 2 + [""]
