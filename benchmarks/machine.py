"""The machine that a table was measured on, and how busy others keep it."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOAD_MAX = 1.0
BUSY_PERCENT_MAX = 10.0
LOOK_S = 0.5
# Writing to memory is not writing to a disk: there an fsync costs nothing.
MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})


def facts(folder: Path) -> dict[str, str]:
    """What somebody else needs to compare with; nothing that tells whose machine it is."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 30} GiB",
        "kernel": platform.release().partition("-")[0],
        "file system": file_system(folder),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "Huey": _huey_version(),
        "processes": str(sum(entry.name.isdecimal() for entry in Path("/proc").iterdir())),
    }


def file_system(folder: Path) -> str:
    """The type of the file system that a folder lies on."""
    found, longest = "unknown", -1
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split(" ")
        if folder.resolve().is_relative_to(where) and len(where) > longest:
            found, longest = kind, len(where)
    return found


@dataclass(frozen=True, slots=True)
class Noise:
    """How busy others kept the machine at one moment.

    The load average still holds our own last section, so the CPU time that was used while we slept
    for half a second is given with it.
    """

    load: float
    busy_percent: float

    @property
    def spoils(self) -> bool:
        """Whether figures measured now say little."""
        return self.load > LOAD_MAX or self.busy_percent > BUSY_PERCENT_MAX

    def __str__(self) -> str:
        return f"load average {self.load:.2f}, CPU busy {self.busy_percent:.0f} % while we wait"


def listen() -> Noise:
    """Look how busy the machine is right now; takes half a second."""
    before_busy, before_all = _cpu_ticks()
    time.sleep(LOOK_S)
    after_busy, after_all = _cpu_ticks()
    percent = 100 * (after_busy - before_busy) / max(1, after_all - before_all)
    return Noise(os.getloadavg()[0], percent)


def verdict(heard: Sequence[Noise]) -> str:
    """A sentence on whether to believe the table; empty when there is no reason not to."""
    # After the first section the load average is our own; what others do is the CPU while we wait.
    busy = [noise.busy_percent for noise in heard]
    if heard[0].load <= LOAD_MAX and max(busy) <= BUSY_PERCENT_MAX:
        return ""
    return (
        f"Others kept the machine busy meanwhile (CPU {min(busy):.0f}–{max(busy):.0f} % before our"
        " sections): rates are lower and times longer than on an idle one."
    )


def _cpu_ticks() -> tuple[int, int]:
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _huey_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("huey")
    except PackageNotFoundError:
        return "not installed"
