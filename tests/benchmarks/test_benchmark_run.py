"""The benchmark runs from its one command, prints its table, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not tmp_path: a Unix socket's path must stay under 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="fnr-") as path:
        yield Path(path)


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--dir", str(folder), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


def _sources() -> list[Path]:
    """All that lies beside the benchmarks; what any process compiles of them may come and go."""
    return sorted(path for path in BENCHMARKS.rglob("*") if "__pycache__" not in path.parts)


@pytest.mark.timeout(180)
def test_tiny_counts_give_the_table_and_leave_nothing_behind(folder: Path) -> None:
    """Method: the rows with a drained queue and a full store; both daemons and a consumer run."""
    before = _sources()

    ran = run("--only", "limits", "--only", "drain", "--only", "million", folder=folder)

    assert ran.returncode == 0, ran.stderr
    rows = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    heads = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert heads[:4] == ["what", "unit", "fnr", "Huey-SQLite"]
    assert any(row.startswith("| drain, no-op, 2 workers, 1 in flight each") for row in rows)
    assert any("4,000 tasks stored: fnr dlq list" in row for row in rows)
    # Whoever ends a long run early has seen what it measured by then.
    assert "the disk: COMMITs of bare SQLite, one row each: " in ran.stderr
    assert list(folder.iterdir()) == []
    assert _sources() == before


@pytest.mark.timeout(180)
def test_json_holds_every_run_and_no_path(folder: Path) -> None:
    ran = run("--only", "status", "-o", "json", folder=folder)

    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["schema"] == "fnr.benchmark/1"
    assert document["quick"] is True
    [line] = document["lines"]
    assert line["what"] == "fnr status"
    assert len(line["fnr"]["runs"]) == 3
    assert line["must"] == 120
    assert str(folder) not in ran.stdout
