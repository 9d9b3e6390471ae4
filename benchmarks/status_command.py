"""Row 7: how long `fnr status` takes, interpreter and all."""

from __future__ import annotations

import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from figures import Line, spread_text
from live_daemon import PROGRAM, LiveDaemon, function_toml
from plan import Plan


def status(plan: Plan) -> list[Line]:
    """From the start of the process to its end, output to a pipe nobody reads from.

    `python -c pass` is measured in turn with it: below that no Python program can go.
    """
    toml = function_toml("noop", python="worked_tasks:plain", workers=2)
    took_ms, bare_ms = [], []
    with LiveDaemon(plan.folder / "t", toml) as daemon:
        daemon.idle_workers(2)
        command = [*_program(), "--home", str(daemon.home), "status"]
        bare = [sys.executable, "-c", "pass"]
        for program in (command, bare):
            _run_ms(program)
        for _ in range(plan.status_starts):
            took_ms.append(_run_ms(command))
            bare_ms.append(_run_ms(bare))
    extra_ms = statistics.median(took_ms) - statistics.median(bare_ms)
    return [
        Line(
            section="status",
            what="fnr status",
            unit="ms",
            fnr=took_ms,
            must=120,
            goal=50,
            note=f"bare `python -c pass` {spread_text(bare_ms)} ms, so fnr's own part is"
            f" {extra_ms:.0f} ms",
        )
    ]


def _program() -> list[str]:
    """The installed command if there is one, as people call it."""
    script = Path(sysconfig.get_path("scripts")) / "fnr"
    return [str(script)] if script.exists() else PROGRAM


def _run_ms(program: list[str]) -> float:
    from_ns = time.perf_counter_ns()
    subprocess.run(program, stdout=subprocess.DEVNULL, check=True, timeout=60)
    return (time.perf_counter_ns() - from_ns) / 1e6
