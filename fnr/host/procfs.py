"""What /proc says about processes; a process that is gone is None, never an empty value."""

from __future__ import annotations

import os

from msgspec import Struct


class ProcessStat(Struct, frozen=True):
    """The fields of /proc/PID/stat that fnr uses.

    start:       clock ticks from boot to the start of the process; with the pid it names one
                 process of this boot and no later one.
    cpu_ticks:   user and system time.
    wait_status: as waitpid would give it; real only for a zombie, and 0 for a foreign one.
    """

    pid: int
    state: str
    parent: int
    group: int
    session: int
    cpu_ticks: int
    threads: int
    start: int
    wait_status: int

    @property
    def alive(self) -> bool:
        # The first thread may end before the others: then the process shows as a zombie, yet runs.
        return self.state not in "ZX" or self.threads > 1


def read_stat(pid: int) -> ProcessStat | None:
    """One process, alive or zombie; None when there is none of this pid."""
    raw = read_bytes(f"/proc/{pid}/stat")
    return _parse(pid, raw) if raw else None


def pid_start(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None when it is gone."""
    stat = read_stat(pid)
    return stat.start if stat else None


def scan() -> dict[int, ProcessStat]:
    """Every process that can be seen, in one pass."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs 8 ms
        if name.isdigit() and (stat := read_stat(int(name))):
            found[stat.pid] = stat
    return found


def read_environ(pid: int) -> bytes:
    """The environment a process was started with, each entry ended by NUL; b"" if unreadable."""
    return read_bytes(f"/proc/{pid}/environ") or b""


def read_bytes(path: str) -> bytes | None:
    """A small file of the kernel, whole; None when it is not there or not ours to read.

    os.read instead of open(): a scan reads hundreds of files, and this costs a third.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:  # a process that ends between open and read gives ESRCH
        return None
    finally:
        os.close(fd)


def _parse(pid: int, raw: bytes) -> ProcessStat:
    # The name may contain spaces and brackets, so the fields begin behind the last bracket.
    fields = raw[raw.rindex(b")") + 2 :].split()
    return ProcessStat(
        pid,
        fields[0].decode(),
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[11]) + int(fields[12]),
        int(fields[17]),
        int(fields[19]),
        int(fields[49]),
    )
