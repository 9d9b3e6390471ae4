"""Where a process stands in the control groups, what its groups counted, and what they allow."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fnr.host.procfs import read_bytes

_MIB = 1 << 20
# Version 1 writes "no limit" as the largest whole number of pages.
_NO_LIMIT_BYTES = 1 << 60


def oom_counter_file(pid: int) -> str:
    """The file that counts memory kills in a process's group; "" when there is none to read."""
    mounts = _mounts()
    for line in (read_bytes(f"/proc/{pid}/cgroup") or b"").decode(errors="replace").splitlines():
        # 4:memory:/system.slice/x for version 1, 0::/system.slice/x for version 2
        _, controllers, path = line.split(":", 2)
        kind = "memory" if "memory" in controllers.split(",") else "" if not controllers else None
        if kind is None or kind not in mounts:
            continue
        root, folder = mounts[kind]
        name = "memory.oom_control" if kind else "memory.events"
        file = f"{folder}{_below(path, root)}/{name}"
        if os.access(file, os.R_OK):
            return file
    return ""


def oom_kills(counter_file: str) -> int | None:
    """How many processes of the group were killed for lack of memory; None when unreadable."""
    return _field(counter_file, b"oom_kill") if counter_file else None


def host_oom_kills() -> int | None:
    """How many processes of the whole host were; None on kernels that do not count."""
    return _field("/proc/vmstat", b"oom_kill")


def memory_room(pid: int) -> tuple[int, int] | None:
    """The tightest over a process's group and those above it: MiB in all, MiB free.

    Each by itself: a small group may be empty in a large one that is full. What files keep in
    memory and nobody uses counts as free. None: there is no limit.
    """
    limits, frees = [], []
    for version_1, folder in _above(pid, "memory"):
        limit = _number(f"{folder}/{'memory.limit_in_bytes' if version_1 else 'memory.max'}")
        used = _number(f"{folder}/{'memory.usage_in_bytes' if version_1 else 'memory.current'}")
        if limit is None or used is None or limit >= _NO_LIMIT_BYTES:
            continue
        name = b"total_inactive_file" if version_1 else b"inactive_file"
        idle = _field(f"{folder}/memory.stat", name) or 0
        limits.append(limit // _MIB)
        frees.append(max(0, limit - used + idle) // _MIB)
    return (min(limits), min(frees)) if limits else None


def cpu_quota(pid: int) -> float | None:
    """How many CPUs a process's group, or one above it, may keep busy; None: no limit."""
    quotas = []
    for version_1, folder in _above(pid, "cpu"):
        if version_1:
            quota = _number(f"{folder}/cpu.cfs_quota_us")
            period = _number(f"{folder}/cpu.cfs_period_us")
        else:
            words = (read_bytes(f"{folder}/cpu.max") or b"").split()
            quota, period = map(_whole, words) if len(words) == 2 else (None, None)
        if quota is not None and period and quota > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def _above(pid: int, controller: str) -> Iterator[tuple[bool, str]]:
    """The folders of a process's group and of all above it: is it version 1, and where."""
    mounts = _mounts(controller)
    for line in (read_bytes(f"/proc/{pid}/cgroup") or b"").decode(errors="replace").splitlines():
        _, controllers, path = line.split(":", 2)
        kind = controller if controller in controllers.split(",") else ""
        if (controllers and not kind) or kind not in mounts:
            continue
        root, folder = mounts[kind]
        below = _below(path, root)
        while True:
            yield bool(kind), f"{folder}{below}"
            if not below:
                break
            below = below.rpartition("/")[0]


def _number(path: str) -> int | None:
    return _whole((read_bytes(path) or b"").strip())


def _whole(word: bytes) -> int | None:
    return int(word) if word.isdigit() else None


def _field(path: str, name: bytes) -> int | None:
    for line in (read_bytes(path) or b"").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == name:
            return int(words[1])
    return None


def _mounts(controller: str = "memory") -> dict[str, tuple[str, str]]:
    """Mounted hierarchies: the controller's for version 1, "" for version 2 -> (root, folder)."""
    found = {}
    for line in (read_bytes("/proc/self/mountinfo") or b"").decode(errors="replace").splitlines():
        # 35 31 0:32 /root /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        fields, _, kind = line.partition(" - ")
        root, folder = fields.split()[3:5]
        if kind.startswith("cgroup2 "):
            found[""] = (root, folder)
        elif kind.startswith("cgroup ") and controller in kind.split()[-1].split(","):
            found[controller] = (root, folder)
    return found


def _below(path: str, root: str) -> str:
    # In a container the mounted folder is already the container's group.
    return path.removeprefix(root.rstrip("/")).rstrip("/")
