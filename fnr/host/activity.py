"""Whether processes do anything: CPU time, I/O and states, to tell busy from hung.

One reading says nothing; two that are equal say that nothing moved in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from fnr.host.procfs import look_at, read_bytes, read_stat, read_thread_states

# Of one worker; whoever asks waits for it.
_BELOW_MAX = 100


class Activity(Struct, frozen=True, kw_only=True):
    """A reading over several processes; what could not be read is None, never 0.

    cpu_ticks: user and system time of those alive, in clock ticks.
    io_bytes:  read and written by those alive, pipes and sockets included; None if any of them
               does not let us look.
    states:    one letter each, sorted: R runs, S sleeps, D waits in the kernel, T is stopped,
               t is traced, Z is dead; "" when none of the processes exists.
    threads:   the same for every thread of those alive.
    """

    cpu_ticks: int | None = None
    io_bytes: int | None = None
    states: str = ""
    threads: str = ""

    @property
    def stopped(self) -> bool:
        """All of those alive are stopped by a signal or a debugger: none can make progress."""
        alive = self.states.replace("Z", "")
        return bool(alive) and set(alive) <= {"T", "t"}

    def moved_since(self, before: Activity) -> bool:
        """Whether they did anything in between, or would if they were given a processor.

        A reading that is missing proves nothing.
        """
        if self.stopped:
            return False
        # Kept waiting for a processor, as on a busy host those with a high `nice` are.
        if "R" in self.threads:
            return True
        return (before.cpu_ticks, before.io_bytes) != (self.cpu_ticks, self.io_bytes)


def read_activity(pids: Iterable[int]) -> Activity:
    """Sum up what these processes used until now; one that is gone counts for nothing."""
    stats = [stat for pid in pids if (stat := read_stat(pid))]
    if not stats:
        return Activity()
    io = [_io_bytes(stat.pid) for stat in stats if stat.alive]
    known = [count for count in io if count is not None]
    return Activity(
        cpu_ticks=sum(stat.cpu_ticks for stat in stats),
        io_bytes=sum(known) if len(known) == len(io) else None,
        states="".join(sorted(stat.state for stat in stats)),
        threads="".join(sorted("".join(read_thread_states(stat.pid) for stat in stats))),
    )


def sleeps_in_kernel(pid: int) -> bool:
    """Does a thread of it sleep where no signal wakes it (state D), as by a disk that stalls?

    Raises OSError as read_activity does.
    """
    return "D" in read_thread_states(pid)


def stopped_below(pid: int) -> list[int]:
    """What a process has started, and that has, which a signal has stopped; as far as it is seen.

    Raises OSError where no file descriptor, or no memory, is left to look with.
    """
    found: list[int] = []
    left = _children(pid)
    for child in left:
        stat = read_stat(child)
        if stat is not None and stat.state == "T":
            found.append(child)
        if len(left) < _BELOW_MAX:
            left += _children(child)
    return found


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib costs 8 ms
    except OSError:
        return []
    listed = (read_bytes(f"/proc/{pid}/task/{thread}/children") or b"" for thread in threads)
    return [int(child) for children in listed for child in children.split()]


def _io_bytes(pid: int) -> int | None:
    raw = look_at(f"/proc/{pid}/io")
    if raw is None:
        return None
    fields = dict(line.split(b": ") for line in raw.splitlines())
    return int(fields[b"rchar"]) + int(fields[b"wchar"])
