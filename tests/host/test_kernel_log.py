"""The kernel's words are found for the right process, and programs cannot forge them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fnr.host import kernel_log
from fnr.host.clock import Clock
from fnr.host.kernel_log import KernelLog, OwnGpus

# As Linux 6.18 wrote them.
INVOKED = b"4,342,2877887327,-;python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\n"
CHOICE = (
    b"6,418,2877895494,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
    b"mems_allowed=0,oom_memcg=/w,task_memcg=/w,task=python3,pid=9932,uid=0\n"
)
KILL = (
    b"3,419,2877895515,-;Memory cgroup out of memory: Killed process 9932 (python3) "
    b"total-vm:118972kB, anon-rss:27264kB\n"
)
HOST_KILL = b"3,420,2877895600,-;Out of memory: Killed process 41 (a) b; c) total-vm:1kB\n"
SEGFAULT = b"6,421,2877934879,-;python3[9935]: segfault at 0 ip 00007fa1e2385ad8 error 4 in libc\n"
TRAP = b"6,422,2877934880,-;traps: a;b [x][77] general protection fault ip:7f0a sp:7ffc\n"
XID = (
    b"4,424,2877934990,-;NVRM: Xid (PCI:0000:cb:00): 31, pid=9935, name=python3, Ch 00000008, intr "
    b"00000000. MMU Fault\n"
)
XID_OF_NOBODY = (
    b"4,423,2877934980,-;NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', name=<unknown>, GPU has "
    b"fallen off the bus.\n"
)
HZ = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[KernelLog, int]]:
    """A pipe that is read as /dev/kmsg is, and its other end."""
    path = tmp_path / "kmsg"
    os.mkfifo(path)
    reader = KernelLog(str(path))
    writer = os.open(path, os.O_WRONLY)
    yield reader, writer
    os.close(writer)
    reader.close()


def test_the_words_on_a_kill_for_memory_are_found(log: tuple[KernelLog, int]) -> None:
    reader, writer = log
    assert reader.oom_line_for(9932) == ""
    os.write(writer, INVOKED + CHOICE + KILL + HOST_KILL + SEGFAULT)
    assert reader.oom_line_for(9932).startswith("Memory cgroup out of memory: Killed process 9932")
    assert reader.oom_line_for(41).startswith("Out of memory: Killed process 41")
    assert reader.oom_line_for(993) == "", "a part of a number is another number"
    assert reader.oom_line_for(9935) == "", "a crash is no lack of memory"


def test_the_words_on_a_crash_are_found(log: tuple[KernelLog, int]) -> None:
    reader, writer = log
    os.write(writer, SEGFAULT + TRAP + KILL)
    assert reader.segfault_line_for(9935).startswith("python3[9935]: segfault at 0")
    assert "general protection" in reader.segfault_line_for(77)
    assert reader.segfault_line_for(9932) == ""


def test_an_xid_is_given_to_its_process_once(log: tuple[KernelLog, int]) -> None:
    reader, writer = log
    os.write(writer, XID + XID_OF_NOBODY + KILL)
    [said] = reader.take_xids(9935)
    assert said.startswith("NVRM: Xid (PCI:0000:cb:00): 31, pid=9935")
    assert reader.take_xids(9935) == [], "the next failure of the process has another cause"
    assert reader.take_xids(9932) == []
    os.write(writer, XID.replace(b"31", b"43").replace(b"=9935", b"='9935'"))
    assert ": 43, " in reader.take_xids(9935)[0]
    assert reader.oom_line_for(9932), "what else was said is still there"
    os.write(writer, XID.replace(b"4,424", b"12,424"))
    assert reader.take_xids(9935) == [], "a program can write anything"


def test_an_xid_of_a_gpu_that_an_attempt_has_alone_is_about_the_attempt(
    log: tuple[KernelLog, int],
) -> None:
    """A command's Xids name its own process, which may be gone, or no process at all."""
    reader, writer = log
    os.write(writer, XID)
    mine = OwnGpus(frozenset({"0000:cb:00"}), reader.mark())
    assert reader.take_xids(1, gpus=mine) == [], "it was said before the attempt began"
    os.write(writer, XID_OF_NOBODY)
    assert reader.take_xids(1, gpus=mine) == [], "it was said of another GPU"
    os.write(writer, XID.replace(b"31", b"13") + XID_OF_NOBODY.replace(b"05:00", b"CB:00"))
    found = reader.take_xids(1, gpus=mine)
    assert [line.partition("): ")[2][:2] for line in found] == ["13", "79"]
    assert reader.take_xids(1, gpus=mine) == []


def test_an_xid_of_a_strangers_process_is_not_about_the_attempt(
    log: tuple[KernelLog, int],
) -> None:
    """The stranger is this test; a process in the session of the worker is the worker's."""
    reader, writer = log
    gpus = OwnGpus(frozenset({"0000:cb:00"}))
    os.write(writer, XID.replace(b"9935", b"%d" % os.getpid()))
    assert reader.take_xids(1, gpus=gpus) == []
    assert len(reader.take_xids(os.getsid(0), gpus=gpus)) == 1


def test_a_record_in_two_pieces_is_one(log: tuple[KernelLog, int]) -> None:
    reader, writer = log
    os.write(writer, KILL[:40])
    assert reader.oom_line_for(9932) == ""
    os.write(writer, KILL[40:])
    assert reader.oom_line_for(9932)


def test_a_program_cannot_speak_for_the_kernel(log: tuple[KernelLog, int]) -> None:
    """What programs write to /dev/kmsg has a facility above the kernel's."""
    reader, writer = log
    os.write(writer, b"12" + KILL[1:])
    assert reader.oom_line_for(9932) == ""


def test_a_kill_whose_process_nobody_knew_is_told_once_to_one_that_began_before_it(
    log: tuple[KernelLog, int],
) -> None:
    """What is alive was not killed; what has been told of its own end is nobody else's."""
    reader, writer = log
    child, parent = 4_194_000, 4_193_999
    said = [KILL.replace(b"9932", str(pid).encode()) for pid in (os.getpid(), child + 1)]
    os.write(writer, (CHOICE + KILL).replace(b"9932", str(child).encode()) + b"".join(said))
    assert reader.oom_line_for(child + 1)
    assert reader.take_oom_line_after(child, pid_start=None) == ""
    assert f"pid={child}," in reader.take_oom_line_after(parent, pid_start=None)
    assert reader.take_oom_line_after(parent, pid_start=None) == ""
    assert reader.take_oom_line_after(os.getpid() - 1, pid_start=None) == ""


def _started_at(monkeypatch: pytest.MonkeyPatch, *, up_s: int) -> None:
    monkeypatch.setattr(Clock, "boot_ms", lambda _: up_s * 1_000)
    monkeypatch.setattr(Clock, "suspended_ms", lambda _: 0)


def test_words_on_an_earlier_process_of_the_same_pid_do_not_count(
    log: tuple[KernelLog, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill stands at 2,877 s; the log's clock may be wrong by a minute and a thousandth."""
    reader, writer = log
    _started_at(monkeypatch, up_s=4_000)
    os.write(writer, KILL)
    assert reader.oom_line_for(9932, pid_start=2_870 * HZ)
    assert reader.oom_line_for(9932, pid_start=2_930 * HZ)
    assert reader.oom_line_for(9932, pid_start=3_000 * HZ) == ""


def test_time_asleep_is_no_time_in_the_log(
    log: tuple[KernelLog, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started 5,877 s after boot, of which 3,000 s were slept: that is 2,877 s in the log."""
    reader, writer = log
    monkeypatch.setattr(Clock, "boot_ms", lambda _: 6_000_000)
    monkeypatch.setattr(Clock, "suspended_ms", lambda _: 3_000_000)
    os.write(writer, KILL)
    assert reader.oom_line_for(9932, pid_start=5_877 * HZ)
    assert reader.oom_line_for(9932, pid_start=5_977 * HZ) == ""


def test_silence_proves_something_only_if_the_log_reaches_back_far_enough(
    log: tuple[KernelLog, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = log
    _started_at(monkeypatch, up_s=4_000)
    assert reader.doubt(pid_start=1_000 * HZ) == ""
    os.write(writer, KILL)
    assert reader.doubt(pid_start=1_000 * HZ) == "kernel log: part of it was overwritten"
    assert reader.doubt(pid_start=3_000 * HZ) == ""


def test_records_that_were_overwritten_leave_a_doubt(
    log: tuple[KernelLog, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/kmsg answers EPIPE once when the next record is no longer there."""
    reader, writer = log
    _started_at(monkeypatch, up_s=4_000)
    os.write(writer, b"6,1,0,-;Linux version\n")
    assert reader.doubt(pid_start=1_000 * HZ) == ""
    os.write(writer, KILL)
    real, lost = os.read, iter([True])

    def read(fd: int, count: int) -> bytes:
        if next(lost, False):
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))
        return real(fd, count)

    monkeypatch.setattr(kernel_log.os, "read", read)
    assert reader.oom_line_for(9932, pid_start=1_000 * HZ)
    assert reader.doubt(pid_start=1_000 * HZ) == "kernel log: part of it was overwritten"


def test_a_log_that_is_not_ours_to_read_says_so(tmp_path: Path) -> None:
    reader = KernelLog(str(tmp_path / "none"))
    assert reader.trouble == "kernel log: No such file or directory"
    assert reader.doubt(pid_start=1) == reader.trouble
    assert reader.oom_line_for(1) == ""
    reader.close()


def test_a_log_that_fails_later_says_so(
    log: tuple[KernelLog, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> bytes:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(kernel_log.os, "read", denied)
    assert log[0].oom_line_for(1) == ""
    assert log[0].trouble == "kernel log: Operation not permitted"


def test_in_a_container_the_hosts_pids_are_not_taken_for_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not os.access("/dev/kmsg", os.R_OK):
        pytest.skip("the kernel log is not ours to read")
    monkeypatch.setattr(kernel_log, "_FIRST_NAMESPACE", 1)
    reader = KernelLog()
    assert reader.trouble or reader.oom_line_for(1) == ""
    assert "container" in reader.trouble or "permitted" in reader.trouble
