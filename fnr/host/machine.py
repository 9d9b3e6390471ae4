"""How the machine is: load, memory, disk, pressure. What cannot be read is None, never 0."""

from __future__ import annotations

import os

from msgspec import Struct

from fnr.host.cgroup import cpu_quota, memory_room
from fnr.host.clock import Clock
from fnr.host.disk import free_mib
from fnr.host.procfs import read_bytes


class Machine(Struct, frozen=True, kw_only=True):
    """One reading of the host.

    cpus:         how many CPUs we may use. load_1m: average number of runnable processes.
    memory_stall: share of the last 10 s, 0 to 1, in which something waited for memory; io_stall
                  likewise for disks. None where the kernel keeps no pressure figures.
    """

    boot_id: str | None = None
    cpus: int | None = None
    load_1m: float | None = None
    memory_total_mib: int | None = None
    memory_available_mib: int | None = None
    disk_free_mib: int | None = None
    memory_stall: float | None = None
    io_stall: float | None = None


def read_machine(clock: Clock, *, disk_path: str) -> Machine:
    """Read everything; each fact on its own, so that one unreadable file hides no other."""
    memory = _memory_mib()
    return Machine(
        boot_id=_boot_id(clock),
        cpus=len(os.sched_getaffinity(0)),
        load_1m=_load_1m(),
        memory_total_mib=memory.get(b"MemTotal"),
        memory_available_mib=memory.get(b"MemAvailable"),
        disk_free_mib=_free_mib(disk_path),
        memory_stall=_stall("memory"),
        io_stall=_stall("io"),
    )


def memory_mib() -> tuple[int | None, int | None]:
    """Memory in all and free, as far as the host and our control groups let us have it."""
    host = _memory_mib()
    total, free = host.get(b"MemTotal"), host.get(b"MemAvailable")
    group = memory_room(os.getpid())
    if group is not None:
        total = group[0] if total is None else min(total, group[0])
        free = group[1] if free is None else min(free, group[1])
    return total, free


def cpu_count() -> int:
    """CPUs that our processes can keep busy: those we may run on, within our group's quota."""
    cpus = len(os.sched_getaffinity(0))
    quota = cpu_quota(os.getpid())
    return cpus if quota is None else max(1, min(cpus, int(quota)))


def _boot_id(clock: Clock) -> str | None:
    try:
        return clock.boot_id()
    except OSError:
        return None


def _load_1m() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _free_mib(path: str) -> int | None:
    try:
        return free_mib(path)
    except OSError:
        return None


def _memory_mib() -> dict[bytes, int]:
    lines = (read_bytes("/proc/meminfo") or b"").splitlines()
    return {
        name: int(value.split()[0]) // 1024 for name, _, value in (x.partition(b":") for x in lines)
    }


def _stall(what: str) -> float | None:
    # some avg10=0.12 avg60=0.00 avg300=0.00 total=0
    words = (read_bytes(f"/proc/pressure/{what}") or b"").split()
    if len(words) < 2 or not words[1].startswith(b"avg10="):
        return None
    return float(words[1].removeprefix(b"avg10=")) / 100
