"""Hard limits and priority of a process and everything it will start."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MIB = 1024 * 1024
# For a daemon: a pidfd, a socket and a log per worker, and a socket per client.
FILES_WANTED = 65_536
# Between SIGXCPU, which a program may handle, and SIGKILL.
_CPU_GRACE_S = 5


def apply_limits(
    pid: int = 0,
    *,
    memory_mib: int | None = None,
    cpu_time_s: int | None = None,
    files: int | None = None,
    file_size_mib: int | None = None,
) -> None:
    """Limit a process, 0 for ourselves; raises OSError if we may not or it is gone.

    A limit above what the process may have at most becomes that. What the process has started
    before is not limited; `process.spawn` lets a program begin with its limits.
    """
    if memory_mib is not None:
        # Not RLIMIT_AS: CUDA reserves hundreds of GiB of addresses that cost no memory. DATA
        # counts what can be written to, so a reservation is free until it is used.
        _limit(pid, resource.RLIMIT_DATA, memory_mib * _MIB)
    if cpu_time_s is not None:
        _limit(pid, resource.RLIMIT_CPU, cpu_time_s, cpu_time_s + _CPU_GRACE_S)
    if files is not None:
        _limit(pid, resource.RLIMIT_NOFILE, files)
    if file_size_mib is not None:
        _limit(pid, resource.RLIMIT_FSIZE, file_size_mib * _MIB)


def apply_nice(nice: int, pid: int = 0) -> None:
    """Set the CPU priority: 19 yields to everybody, -20 to nobody (and needs root).

    pid 0 is the calling thread, and what it starts from now on.
    """
    os.setpriority(os.PRIO_PROCESS, pid, nice)


def raise_file_limit(wanted: int) -> None:
    """Let ourselves open so many files, or as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def files_max() -> int:
    """How many files we may have open at once."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def processes_max() -> str:
    """How many processes and threads our user may have, for people."""
    count = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return "any number of" if count == resource.RLIM_INFINITY else str(count)


def words_of_threads() -> tuple[str, str]:
    """What keeps us from one more process or thread, for people; and the command that shows it."""
    words = f"{processes_max()} processes and threads"
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit_bytes == resource.RLIM_INFINITY:
        return words, "ulimit -u"
    # Each thread takes some MiB of them for its stack.
    return f"{words}, and {limit_bytes // _MIB} MiB of addresses in each process", "ulimit -v"


def words_of_file_size(path: str, *, more_bytes: int) -> str:
    """What keeps a file of ours from growing by so much; "" when no limit does."""
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        size_bytes = os.stat(path).st_size  # noqa: PTH116 - pathlib costs 8 ms
    except OSError:
        size_bytes = 0
    if limit_bytes == resource.RLIM_INFINITY or size_bytes + more_bytes <= limit_bytes:
        return ""
    return f"the daemon's RLIMIT_FSIZE lets {path} grow to {limit_bytes // 1024} KiB only"


@contextmanager
def own_file_limit(files: int) -> Iterator[None]:
    """Let ourselves open only so many files within the block."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, before[0]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _limit(pid: int, kind: int, soft: int, hard: int | None = None) -> None:
    _, most = resource.prlimit(pid, kind)
    hard = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.prlimit(pid, kind, (soft, hard))
