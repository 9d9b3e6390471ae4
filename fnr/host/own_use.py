"""What this very process uses, cheap enough to be asked at both ends of every attempt."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

_KIB_PER_MIB = 1024
_MIB = 1 << 20


def cpu_ns() -> int:
    """CPU time of this process since its start, all threads, without its children."""
    return time.process_time_ns()


def peak_mib() -> int:
    """The most memory this process ever had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _KIB_PER_MIB


def pushed_aside() -> int:
    """How often this thread could have gone on and its processor was given to somebody else."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def limit_cpu_from_here(seconds: int) -> None:
    """Let SIGXCPU end this process after so much more CPU time.

    Counts from now, not from the start: a process that lives on after an attempt must not pay in
    the next one for what it used in the last. Only the soft limit moves, so it can move again.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    # The kernel counts whole seconds; rounding down would take up to one from the first attempt.
    limit_s = cpu_ns() // 1_000_000_000 + 1 + seconds
    if most != resource.RLIM_INFINITY:
        limit_s = min(limit_s, most)
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, most))


@contextmanager
def file_size_limited(mib: int | None, *, beside: int) -> Iterator[None]:
    """What is written meanwhile may have so many MiB a file, and `beside` bytes more.

    Those are what our own log has already: it goes on for as long as the process lives, and must
    not fail an attempt for what earlier ones have printed. Only the soft limit moves.
    """
    if mib is None:
        yield
        return
    before, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    _limit_file_size(mib * _MIB + beside)
    try:
        yield
    finally:
        _limit_file_size(before)


def _limit_file_size(size_bytes: int) -> None:
    # Asked anew: what runs meanwhile may lower the other limit, which only root can raise again.
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most != resource.RLIM_INFINITY:
        size_bytes = most if size_bytes == resource.RLIM_INFINITY else min(size_bytes, most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, most))
