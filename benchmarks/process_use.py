"""What a process uses, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Use:
    """Of all threads of a process: time on a CPU, and how often one was given or taken it."""

    cpu_ns: int
    switches: int


def use_of(pid: int) -> Use:
    """CPU time from schedstat, which counts ns where /proc/PID/stat counts 10 ms."""
    cpu_ns = switches = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        cpu_ns += int((thread / "schedstat").read_text().split()[0])
        for line in (thread / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                switches += int(line.split()[1])
    return Use(cpu_ns, switches)


def session_of(pid: int) -> list[int]:
    """The processes of the session that `pid` leads."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                # After the name, which may hold spaces: state, parent, group, session.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == pid:
                found.append(int(folder.name))
    return found


def rss_mib(pid: int) -> float:
    """Resident memory, shared pages counted in full."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:") / 1_024


def peak_mib(pid: int) -> float:
    """The most resident memory that it ever had."""
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM:") / 1_024


def pss_mib(pid: int) -> float:
    """Resident memory, shared pages divided by how many processes share them."""
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1_024


def _kib(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise RuntimeError(f"{file.name} has no {name}")
