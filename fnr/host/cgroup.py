"""Where a process stands in the control groups, and what its memory group counted."""

from __future__ import annotations

import os

from fnr.host.procfs import read_bytes


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


def _field(path: str, name: bytes) -> int | None:
    for line in (read_bytes(path) or b"").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == name:
            return int(words[1])
    return None


def _mounts() -> dict[str, tuple[str, str]]:
    """Mounted hierarchies: "memory" for version 1, "" for version 2 -> (root, folder)."""
    found = {}
    for line in (read_bytes("/proc/self/mountinfo") or b"").decode(errors="replace").splitlines():
        # 35 31 0:32 /root /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        fields, _, kind = line.partition(" - ")
        root, folder = fields.split()[3:5]
        if kind.startswith("cgroup2 "):
            found[""] = (root, folder)
        elif kind.startswith("cgroup ") and "memory" in kind.split()[-1].split(","):
            found["memory"] = (root, folder)
    return found


def _below(path: str, root: str) -> str:
    # In a container the mounted folder is already the container's group.
    return path.removeprefix(root.rstrip("/")).rstrip("/")
