"""What /proc says about processes; a process that is gone is None, never an empty value."""

from __future__ import annotations

import errno
import os

from msgspec import Struct

from fnr.policy.used_up import is_used_up

# So many processes that began during a scan are looked at, which takes about 20 ms.
_YOUNG_MAX = 4_000


class ProcessStat(Struct, frozen=True):
    """The fields of /proc/PID/stat that fnr uses.

    start:     clock ticks from boot to the start of the process; with the pid it names one
               process of this boot and no later one.
    cpu_ticks: user and system time.
    rest:      the fields behind start, unread: a scan of a thousand processes needs none of them.
    """

    pid: int
    state: str
    parent: int
    group: int
    session: int
    cpu_ticks: int
    threads: int
    start: int
    rest: bytes

    @property
    def alive(self) -> bool:
        """Whether it can still do anything."""
        # The first thread may end before the others: then the process shows as a zombie, yet runs.
        return self.state not in "ZX" or self.threads > 1

    @property
    def wait_status(self) -> int:
        """As waitpid would give it; only a zombie has one."""
        return int(self.rest.split()[29])


def read_stat(pid: int) -> ProcessStat | None:
    """One process, alive or zombie; None when there is none of this pid.

    Raises OSError where no file descriptor, or no memory, is left to look with.
    """
    raw = look_at(f"/proc/{pid}/stat")
    return _parse(pid, raw) if raw else None


def pid_start(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None when it is gone. Raises OSError."""
    stat = read_stat(pid)
    return stat.start if stat else None


def scan() -> dict[int, ProcessStat]:
    """Every process that can be seen, as far as `scan_closely` finds them."""
    return scan_closely()[0]


def scan_closely() -> tuple[dict[int, ProcessStat], bool]:
    """Every process that can be seen, and whether none can have been missed.

    A program that forks and ends, again and again, is never where a list of pids says it is. So
    the pids given out meanwhile are looked at as well, until no more were. Where they are given
    out faster than one can look, that has no end, and the answer is False.
    """
    last = _last_pid()
    found = {stat.pid: stat for pid in _pids() if (stat := read_stat(pid))}
    looks_left = _YOUNG_MAX
    while looks_left > 0:
        before, last = last, _last_pid()
        if last == before:
            return found, True
        # Behind the highest number they begin anew; then the whole list is the simpler way.
        young = list(range(before + 1, last + 1) if last > before else _pids())[:looks_left]
        looks_left -= len(young)
        found |= {stat.pid: stat for pid in young if (stat := read_stat(pid)) and is_process(pid)}
    return found, False


def read_environ(pid: int) -> bytes | None:
    """The environment a process was started with, each entry ended by NUL; None if unreadable.

    Raises OSError, as read_stat does: without a mark it would be taken for a stranger.
    """
    return look_at(f"/proc/{pid}/environ")


def environ_of(pid: int) -> dict[str, str]:
    """The variables a process was started with; none if not ours to read. Raises OSError."""
    entries = (entry.partition(b"=") for entry in (read_environ(pid) or b"").split(b"\0"))
    return {os.fsdecode(name): os.fsdecode(value) for name, is_one, value in entries if is_one}


def has_environ(pid: int) -> bool:
    """Whether a process has an environment, be it empty: not in the middle of an exec."""
    stat = read_stat(pid)
    # Field 50, the address where it begins, is 0 until the new program is set up.
    return stat is None or stat.rest.split()[27] != b"0"


def read_thread_states(pid: int) -> str:
    """One letter for each thread of a process; "" when it is gone. Raises OSError, as read_stat."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib costs 8 ms
    except OSError as error:
        if is_used_up(error):
            raise
        return ""
    stats = (look_at(f"/proc/{pid}/task/{thread}/stat") for thread in threads)
    return "".join(_parse(pid, raw).state for raw in stats if raw)


def read_bytes(path: str) -> bytes | None:
    """A small file of the kernel, whole; None when it cannot be read, whatever the reason."""
    try:
        return _read(path)
    except OSError:
        return None


def look_at(path: str) -> bytes | None:
    """The same for who concludes something from None: not there, or not ours to read.

    Raises OSError where no file descriptor, or no memory, is left to look with.
    """
    try:
        return _read(path)
    except OSError as error:
        if is_used_up(error):
            raise
        return None


def _read(path: str) -> bytes:
    # os.read instead of open(): a scan reads hundreds of files, and this costs a third.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:  # a process that ends between open and read gives ESRCH
        os.close(fd)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - pathlib costs 8 ms


def _last_pid() -> int:
    """The number given out last, to a process or a thread."""
    return int((look_at("/proc/loadavg") or b"0").split()[-1])


def is_process(number: int) -> bool:
    """Whether a number is a process: threads have numbers too, which /proc knows but not lists."""
    try:
        os.close(os.pidfd_open(number))
    except OSError as error:
        # Without a file descriptor to spare there is no telling, and a process is the safer guess.
        return error.errno in {errno.EMFILE, errno.ENFILE}
    return True


def _parse(pid: int, raw: bytes) -> ProcessStat:
    # The name may contain spaces and brackets, so the fields begin behind the last bracket.
    fields = raw[raw.rindex(b")") + 2 :].split(None, 20)
    return ProcessStat(
        pid,
        fields[0].decode(),
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[11]) + int(fields[12]),
        int(fields[17]),
        int(fields[19]),
        fields[20],
    )
