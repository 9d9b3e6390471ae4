"""What the kernel knows of a death: whether it killed the process because memory ran out.

Three witnesses, each of which may be out of reach: the kernel log, the kill counter of the
memory cgroup, and that of the host. What could not be asked is said in words.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from fnr.host.cgroup import host_oom_kills, oom_counter_file, oom_kills
from fnr.host.kernel_log import NO_GPUS, KernelLog, OwnGpus
from fnr.policy.codes import code_facts
from fnr.policy.evidence import Evidence


class MemoryWatch(Struct, frozen=True, kw_only=True):
    """The kill counters while a process lives, to compare with when it is dead.

    counter_file: that of the process's memory cgroup; "" when there is none to read.
    """

    counter_file: str = ""
    cgroup_kills: int | None = None
    host_kills: int | None = None


class OomFacts(Struct, frozen=True, kw_only=True):
    """Whether the kernel killed a process because memory ran out; None: cannot be known.

    line:    the kernel's own words, if it said any.
    missing: which witness could not be asked, and why.
    """

    killed: bool | None
    line: str = ""
    missing: tuple[str, ...] = ()


def watch_memory(pid: int) -> MemoryWatch:
    """Read the counters right after the start of a process, or when adopting it."""
    file = oom_counter_file(pid)
    return MemoryWatch(counter_file=file, cgroup_kills=oom_kills(file), host_kills=host_oom_kills())


def oom_facts(
    pid: int, *, pid_start: int | None, watch: MemoryWatch | None, log: KernelLog
) -> OomFacts:
    """Ask all witnesses about a process that is dead."""
    line = log.oom_line_for(pid, pid_start=pid_start)
    if line:
        return OomFacts(killed=True, line=line)
    doubt = log.doubt(pid_start=pid_start)
    if not doubt:
        # The kernel says it of every process it kills, and nothing was said of this one.
        return OomFacts(killed=False)

    watch = watch or MemoryWatch()
    in_cgroup = _risen(oom_kills(watch.counter_file), watch.cgroup_kills)
    on_host = _risen(host_oom_kills(), watch.host_kills)
    if 0 in {in_cgroup, on_host}:
        return OomFacts(killed=False, missing=(doubt,))
    if in_cgroup:
        words = f"which process was killed: the memory cgroup counted {in_cgroup}"
        return OomFacts(killed=True, missing=(doubt, words))
    words = "memory cgroup: no kill counter to read"
    return OomFacts(killed=None, missing=(doubt, words))


def oom_facts_of_child(
    pid: int, *, pid_start: int | None, watch: MemoryWatch | None, log: KernelLog
) -> OomFacts:
    """The same of whom a dead process had started, whose pid is not known.

    Silence proves nothing: it may have been on another host, as that of `ssh`.
    """
    if line := log.take_oom_line_after(pid, pid_start=pid_start):
        words = "whose process was killed: the kernel log names one that began after the command"
        return OomFacts(killed=True, line=line, missing=(words,))
    facts = oom_facts(pid, pid_start=pid_start, watch=watch, log=log)
    return facts if facts.killed else OomFacts(killed=None)


def with_kernel_words(
    evidence: Evidence,
    pid: int,
    *,
    pid_start: int | None,
    log: KernelLog,
    gpus: OwnGpus = NO_GPUS,
) -> Evidence:
    """Add what the kernel said of a process since its last failure: a crash, Xids (codes too)."""
    xids = log.take_xids(pid, pid_start=pid_start, gpus=gpus)
    crash = log.segfault_line_for(pid, pid_start=pid_start) if evidence.worker_died else ""
    if not (xids or crash):
        return evidence
    codes = tuple(code for line in xids for code in code_facts(line) if code.family == "xid")
    return replace(
        evidence,
        codes=tuple(dict.fromkeys((*evidence.codes, *codes))),
        kernel=(*evidence.kernel, *([crash] if crash else []), *xids),
    )


def _risen(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before
