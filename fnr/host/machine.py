"""How the machine is: load, memory, disk. What cannot be read is None, never 0."""

from __future__ import annotations

import os

from msgspec import Struct

from fnr.host.cgroup import cpu_quota, memory_room
from fnr.host.disk import free_mib
from fnr.host.procfs import read_bytes


class Machine(Struct, frozen=True, kw_only=True):
    """One reading of the host.

    cpus: how many CPUs we may use. load_1m: average number of runnable processes.
    """

    cpus: int | None = None
    load_1m: float | None = None
    memory_available_mib: int | None = None
    disk_free_mib: int | None = None


def read_machine(*, disk_path: str) -> Machine:
    """Read everything; each fact on its own, so that one unreadable file hides no other."""
    memory = _memory_mib()
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        load_1m=_load_1m(),
        memory_available_mib=memory.get(b"MemAvailable"),
        disk_free_mib=_free_mib(disk_path),
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
