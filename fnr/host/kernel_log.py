"""The kernel's own words on a process: out of memory, a crash, Xids; if we may read them."""

from __future__ import annotations

import os
import re
from collections import deque
from enum import Enum

from msgspec import Struct

from fnr.host.clock import Clock
from fnr.host.kernel_records import KernelRecords
from fnr.host.procfs import read_bytes, read_stat
from fnr.policy.gpu_words import bus_place

KMSG = "/dev/kmsg"
# Of each kind.
_LINES_MAX = 500
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# The first process id namespace has this inode in every kernel (PROC_PID_INIT_INO).
_FIRST_NAMESPACE = 0xEFFFFFFC

_OOM = re.compile(rb"(?:[Oo]ut of memory.*Kill(?:ed)? process (\d+)\b|oom-kill:.*,pid=(\d+)\b)")
# python3[123]: segfault at 0 ip …; traps: python3[123] general protection fault ip:…
_CRASH = re.compile(rb"\[(\d+)\]:? (?:segfault at|general protection|trap |bad frame)")
# NVRM: Xid (PCI:0000:cb:00): 109, pid=1797828, name=pt_main_thread, Ch 00000008, …
_XID = re.compile(rb"^NVRM: Xid \((?:PCI:)?([^()]{1,40})\): \d{1,3}, (?:pid='?(\d+)\b)?")


class _Kind(Enum):
    OOM = _OOM
    CRASH = _CRASH
    XID = _XID


class OwnGpus(Struct, frozen=True):
    """GPUs that nobody else had meanwhile.

    places: where they are on the bus. since: what KernelLog.mark() said when that began.
    """

    places: frozenset[str] = frozenset()
    since: int = 0


NO_GPUS = OwnGpus()


class _Line(Struct, frozen=True):
    """One record that names a process or a GPU.

    number: of the record among those that were read. pid: 0 when it names none. at_us is None when
    the record has no time.
    """

    number: int
    pid: int
    kind: _Kind
    text: str
    at_us: int | None
    place: str = ""


_SILENCE = _Line(0, 0, _Kind.OOM, "", None)


class KernelLog:
    """Reads /dev/kmsg from the oldest record there is, only when asked."""

    def __init__(self, path: str = KMSG, *, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lines = {kind: deque[_Line](maxlen=_LINES_MAX) for kind in _Kind}
        self._records = KernelRecords(path)
        self._count = 0
        self._told: set[int] = set()
        self._foreign = ""
        if not self._records.trouble and path == KMSG and not _in_first_namespace():
            self._foreign = "kernel log: it counts processes differently than this container"

    @property
    def trouble(self) -> str:
        """Why the log cannot be relied on, in words; "" when it can."""
        return self._foreign or self._records.trouble

    def oom_line_for(self, pid: int, *, pid_start: int | None = None) -> str:
        """What the kernel said when it killed a process for lack of memory; "" if it did not.

        pid_start: keeps what was said about an earlier process of the same pid out.
        """
        lines = self._of(pid, pid_start, _Kind.OOM)
        self._told.update(line.number for line in lines)
        return next(reversed(lines), _SILENCE).text

    def take_oom_line_after(self, pid: int, *, pid_start: int | None) -> str:
        """The same of a process that began after this one, and is gone: mostly one it started.

        Its parent knew it and is gone as well, so nobody can say whose it was. What nobody has been
        told of is given once, the oldest first: who ends by it ends at once.
        """
        self._take_in()
        if self._foreign:
            return ""
        begun_us = self._earliest_us(pid_start)
        lines = self._lines[_Kind.OOM]
        self._told &= {line.number for line in lines}
        for line in lines:
            in_time = line.at_us is None or line.at_us >= begun_us
            if in_time and line.number not in self._told and _began_after(line.pid, pid):
                stat = read_stat(line.pid)
                if stat is None or not stat.alive:
                    # The kernel writes two records of each kill, and both are told by this.
                    self._told.update(one.number for one in lines if one.pid == line.pid)
                    return line.text
        return ""

    def segfault_line_for(self, pid: int, *, pid_start: int | None = None) -> str:
        """What the kernel said when a process crashed; "" if nothing.

        The kernel names the thread, so a crash outside the first thread is not found.
        """
        return next(reversed(self._of(pid, pid_start, _Kind.CRASH)), _SILENCE).text

    def mark(self) -> int:
        """The number of the last record there is: what comes later has a greater one."""
        self._take_in()
        return self._count

    def take_xids(
        self, pid: int, *, pid_start: int | None = None, gpus: OwnGpus = NO_GPUS
    ) -> list[str]:
        """What the GPU driver reported of a process, oldest first; each line is given once.

        A process that lives on does not carry the Xid of one attempt into the errors of the next.

        gpus: what was said of these is about the process too, or about one that it started; a
        command's Xids name its own process, and in a container the pids are of another count.
        """
        of_process = self._of(pid, pid_start, _Kind.XID)
        xids = self._lines[_Kind.XID]
        found = [line for line in xids if line in of_process or self._is_about(line, pid, gpus)]
        for line in found:
            xids.remove(line)
        return [line.text for line in found]

    def doubt(self, *, pid_start: int | None) -> str:
        """Why silence on a process of that start proves nothing, in words; "" when it does."""
        self._take_in()
        oldest_us = self._records.oldest_us
        if self.trouble or oldest_us is None:
            return self.trouble
        begun_us = max(0, self._earliest_us(pid_start))
        return "" if oldest_us <= begun_us else "kernel log: part of it was overwritten"

    def close(self) -> None:
        """Give the file descriptor back."""
        self._records.close()

    def _is_about(self, line: _Line, pid: int, gpus: OwnGpus) -> bool:
        """Was it said of one of these GPUs, and not of a stranger's process that is still there?"""
        if line.place not in gpus.places or line.number <= gpus.since:
            return False
        stranger = read_stat(line.pid) if line.pid and not self._foreign else None
        return stranger is None or not stranger.alive or stranger.session == pid

    def _of(self, pid: int, pid_start: int | None, kind: _Kind) -> list[_Line]:
        self._take_in()
        if self._foreign:
            return []
        begun_us = self._earliest_us(pid_start)
        return [
            line
            for line in self._lines[kind]
            if line.pid == pid and (line.at_us is None or line.at_us >= begun_us)
        ]

    def _earliest_us(self, pid_start: int | None) -> int:
        """The log's time at which a process of that start was certainly not yet there."""
        if pid_start is None:
            return 0
        suspended_ms = self._clock.suspended_ms()
        # The log's clock is not corrected by NTP and runs away from the others over the months.
        slack_ms = 60_000 + self._clock.boot_ms() // 1_000
        return (pid_start * 1_000 // _TICKS_PER_S - suspended_ms - slack_ms) * 1_000

    def _take_in(self) -> None:
        for at_us, text in self._records.new():
            self._count += 1
            if line := _parse(self._count, at_us, text):
                self._lines[line.kind].append(line)


def _parse(number: int, at_us: int | None, text: bytes) -> _Line | None:
    words = text.decode(errors="replace")
    if match := _XID.search(text):
        place = bus_place(match[1].decode(errors="replace"))
        return _Line(number, int(match[2] or 0), _Kind.XID, words, at_us, place)
    for kind in (_Kind.OOM, _Kind.CRASH):
        if match := kind.value.search(text):
            pid = next(int(group) for group in match.groups() if group)
            return _Line(number, pid, kind, words, at_us)
    return None


def _began_after(later: int, earlier: int) -> bool:
    """Process ids are given in turn, and from the first again after the last."""
    raw = read_bytes("/proc/sys/kernel/pid_max")
    pid_max = int(raw) if raw else 1 << 22
    return 0 < (later - earlier) % pid_max < pid_max // 2


def _in_first_namespace() -> bool:
    try:
        return os.stat("/proc/self/ns/pid").st_ino == _FIRST_NAMESPACE  # noqa: PTH116 - pathlib costs 8 ms
    except OSError:
        return False
