"""What this machine allows at best, so that the other lines can be read on any machine.

A drain with one task in flight needs a COMMIT for every two tasks, and a COMMIT waits for the disk:
no program is faster than that, and a disk that is slower by half halves it.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from figures import Line, percentile
from plan import Plan
from reference import reference

ROW = b"x" * 300
PAGE = 4_096
PAGES = 512


def limits(plan: Plan) -> list[Line]:
    """The disk and the processor by themselves, nothing of fnr running.

    flush: overwrite one page of a file that has its size already, then fdatasync: the median.
    times asked for: the same with a stat of the file before each write. Since Linux 6.13 the
    write then gives the file new times, which the flush puts on disk as well.
    commits: one process, sqlite3, WAL, synchronous=FULL, one row of 300 bytes a COMMIT.
    processor: `python -c pass` from start to end, as a user waits for it; no program in Python is
    faster. It took 11 ms on the machine whose figures the musts were taken from.
    """
    flushes, asked = [], []
    for _ in range(plan.runs):
        flushes.append(_flush_ms(plan.folder / "flush", plan.commits))
        asked.append(_flush_ms(plan.folder / "asked", plan.commits, ask=True))
    rates = [_commits_per_s(plan.folder / f"c{run}.db", plan.commits) for run in range(plan.runs)]
    starts = [_bare_start_ms(plan.status_starts) for _ in range(plan.runs)]
    return [
        Line(section="limits", what="the disk: fdatasync of one page", unit="ms", fnr=flushes),
        Line(
            section="limits",
            what="the disk: the same, the file's times asked for before",
            unit="ms",
            fnr=asked,
        ),
        Line(
            section="limits",
            what="the disk: COMMITs of bare SQLite, one row each",
            unit="commits/s",
            fnr=rates,
            more_is_better=True,
            note="two workers with one task in flight each share a COMMIT at best",
        ),
        Line(
            section="limits",
            what="the processor: a bare Python from start to end",
            unit="ms",
            fnr=starts,
            note="11 ms on the machine that the musts were taken from",
        ),
        *reference(plan),
    ]


def _flush_ms(file: Path, count: int, *, ask: bool = False) -> float:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, bytes(PAGE * PAGES))
        os.fsync(descriptor)
        took = []
        for number in range(count):
            if ask:
                os.fstat(descriptor)
            os.pwrite(descriptor, ROW, number % PAGES * PAGE)
            from_ns = time.perf_counter_ns()
            os.fdatasync(descriptor)
            took.append((time.perf_counter_ns() - from_ns) / 1e6)
    finally:
        os.close(descriptor)
    return percentile(took, 50)


def _commits_per_s(file: Path, count: int) -> float:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB)")
        from_s = time.perf_counter()
        for _ in range(count):
            connection.execute("INSERT INTO item (body) VALUES (?)", (ROW,))
        return count / (time.perf_counter() - from_s)


def _bare_start_ms(count: int) -> float:
    took = []
    for _ in range(count):
        from_ns = time.perf_counter_ns()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        took.append((time.perf_counter_ns() - from_ns) / 1e6)
    return percentile(took, 50)
