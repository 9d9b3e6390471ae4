"""Measure fnr, beside Huey on SQLite in the same run, and print one table.

    python benchmarks/run.py [--quick] [--only NAME …] [-o json] [--dir DIR]

Everything is written under one temporary folder, which is removed at the end. What exactly each
line counts stands in the docstring of the function that measures it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = "fnr.benchmark/1"


def main(words: list[str]) -> int:
    """Run the sections that were asked for; 1 when a must was missed."""
    sys.dont_write_bytecode = True  # a benchmark leaves nothing beside its sources
    import figures
    import huey_peer
    import machine
    import plan
    from sections import SECTIONS, measure, say

    asked = _parse(words, SECTIONS)
    if asked.dir is not None:
        asked.dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fb-", dir=asked.dir))
    facts = machine.facts(folder)
    if facts["file system"] in machine.MEMORY_FILE_SYSTEMS:
        say("WARNING: the folder lies in memory, where fsync costs nothing; use --dir")
    if not (huey := huey_peer.is_installed()):
        say("huey is not installed, its column stays empty: pip install '.[bench]'")
    counts = (plan.quick if asked.quick else plan.full)(folder, huey=huey)
    try:
        lines, heard = measure(counts, asked.only or list(SECTIONS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    noise = machine.verdict(heard)
    if asked.output == "json":
        shown = [line.as_json() for line in lines]
        print(json.dumps(_document(shown, facts, noise=noise, quick=asked.quick), indent=2))
    else:
        print(_heading(facts, noise=noise, quick=asked.quick), figures.table(lines), sep="\n\n")
    return int(not asked.quick and any(line.reached == "MISSED" for line in lines))


def _parse(words: list[str], sections: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py", description="Measure fnr beside Huey-SQLite; print one table."
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts: only shows that it runs")
    parser.add_argument(
        "--only", action="append", choices=list(sections), help="a section; may be repeated"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument(
        "--dir", type=Path, help="where the temporary folder is made; a real disk, a short path"
    )
    return parser.parse_args(words)


def _heading(facts: dict[str, str], *, noise: str, quick: bool) -> str:
    words = ", ".join(f"{name} {value}" for name, value in facts.items())
    counts = "quick: these figures mean nothing" if quick else "full counts"
    return f"{datetime.now(UTC):%Y-%m-%d}, {counts}. {words}. {noise}".rstrip()


def _document(
    lines: list[dict[str, Any]], facts: dict[str, str], *, noise: str, quick: bool
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": facts,
        "noise": noise,
        "lines": lines,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
