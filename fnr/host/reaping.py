"""How a process ended: exit code or signal, CPU time, memory; and what could not be learned.

The parent learns it from wait. Whoever is not the parent, like a daemon that adopted its workers
after a restart, reads it from the zombie in /proc, or from the pidfd on kernels that keep it
(Linux 6.15 and later).
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct

from msgspec import Struct

from fnr.host.procfs import ProcessStat, read_stat

# struct pidfd_info of linux/pidfd.h, first version: mask, cgroup id, pid, tgid, ppid, eight
# user and group ids, exit code.
_PIDFD_INFO = struct.Struct("=QQIII8Ii")
_PIDFD_GET_INFO = 3 << 30 | _PIDFD_INFO.size << 16 | 0xFF << 8 | 11  # _IOWR(0xFF, 11, …)
_PIDFD_INFO_EXIT = 1 << 3
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Children that were started here and not reaped yet: their exits are somebody's.
awaited: set[int] = set()


class StillAlive(Exception):
    """There is nothing to reap: the process has not ended."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"pid {pid} has not ended")


class Exit(Struct, frozen=True, kw_only=True):
    """How a process ended; exactly one of code and signal is set, unless `missing` says why not.

    cpu_ms:   user and system time, of it and of the children it waited for.
    peak_mib: most memory resident at one time, in it or in one such child. Never below the
              parent's own at the moment of the spawn: the kernel counts from before the exec.
    missing:  what could not be known and why, in words.
    """

    code: int | None = None
    signal: int | None = None
    core_dumped: bool = False
    cpu_ms: int | None = None
    peak_mib: int | None = None
    missing: tuple[str, ...] = ()


def reap(child_pid: int, pidfd: int) -> Exit:
    """Take the end of a process whose pidfd is readable; raises StillAlive when it has not ended.

    Never waits. A child of ours is gone from the process table afterwards.
    """
    try:
        # WNOWAIT: look first, for the pidfd cannot be mistaken; while it is a zombie the pid
        # cannot be either, and wait4 is the only call that also tells what was used.
        seen = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            raise StillAlive(child_pid)
        _, status, used = os.wait4(child_pid, os.WNOHANG)
    except ChildProcessError:
        return _foreign_exit(child_pid, pidfd)
    awaited.discard(child_pid)
    return _exit(
        status,
        cpu_ms=round((used.ru_utime + used.ru_stime) * 1_000),
        peak_mib=used.ru_maxrss // 1024,
    )


def process_exists(pidfd: int) -> bool:
    """Whether a pidfd's process is still in the process table, alive or zombie; -1 is nobody's."""
    if pidfd < 0:
        return False
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _foreign_exit(pid: int, pidfd: int) -> Exit:
    stat = _zombie(pid, pidfd)
    # First the zombie, then the pidfd: the kernel fills the latter when the former is reaped.
    status = stat.wait_status if stat else _kept_status(pidfd)
    if status is None:
        return Exit(missing=("exit status: not our child", "cpu and memory: not our child"))
    cpu_ms = stat.cpu_ticks * 1_000 // _TICKS_PER_S if stat else None
    missing = "memory: not our child" if stat else "cpu and memory: not our child"
    return _exit(status, cpu_ms=cpu_ms, missing=(missing,))


def _zombie(pid: int, pidfd: int) -> ProcessStat | None:
    stat = read_stat(pid)
    if stat and stat.alive and process_exists(pidfd):
        raise StillAlive(pid)
    # Only if the pidfd's process still exists now was it the one whose stat was read.
    return stat if stat and not stat.alive and process_exists(pidfd) else None


def _kept_status(pidfd: int) -> int | None:
    answer = bytearray(_PIDFD_INFO.size)
    _PIDFD_INFO.pack_into(answer, 0, _PIDFD_INFO_EXIT, *[0] * 13)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, answer)
    except OSError:  # ENOTTY: a kernel before 6.13; ESRCH: one before 6.15
        return None
    mask, *_, status = _PIDFD_INFO.unpack(answer)
    return status if mask & _PIDFD_INFO_EXIT else None


def _exit(
    status: int, *, cpu_ms: int | None, peak_mib: int | None = None, missing: tuple[str, ...] = ()
) -> Exit:
    signalled = os.WIFSIGNALED(status)
    return Exit(
        code=None if signalled else os.WEXITSTATUS(status),
        signal=os.WTERMSIG(status) if signalled else None,
        core_dumped=signalled and os.WCOREDUMP(status),
        cpu_ms=cpu_ms,
        peak_mib=peak_mib,
        missing=missing,
    )
