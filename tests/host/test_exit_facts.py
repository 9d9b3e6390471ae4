"""Whether memory ran out is known when one good witness can be asked, and unknown otherwise."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from host_programs import running

from fnr.host import exit_facts
from fnr.host.exit_facts import (
    MemoryWatch,
    OomFacts,
    oom_facts,
    watch_memory,
    with_kernel_words,
)
from fnr.host.kernel_log import KernelLog
from fnr.policy.evidence import Code, Evidence

KILL = "3,419,2877895515,-;Memory cgroup out of memory: Killed process 5 (python3) total-vm:1kB\n"
UNREADABLE = "kernel log: No such file or directory"


@pytest.fixture
def unreadable(tmp_path: Path) -> KernelLog:
    return KernelLog(str(tmp_path / "none"))


def _log(tmp_path: Path, text: str) -> KernelLog:
    (tmp_path / "kmsg").write_text(text)
    return KernelLog(str(tmp_path / "kmsg"))


def _counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, now: int, host: int) -> None:
    (tmp_path / "memory.events").write_text(f"oom_kill {now}\n")
    monkeypatch.setattr(exit_facts, "host_oom_kills", lambda: host)


def test_the_kernels_word_is_proof(tmp_path: Path) -> None:
    log = _log(tmp_path, KILL)
    facts = oom_facts(5, pid_start=None, watch=None, log=log)
    assert facts.killed
    assert facts.line.startswith("Memory cgroup out of memory: Killed process 5")
    log.close()


def test_the_kernels_silence_is_proof_too(tmp_path: Path) -> None:
    log = _log(tmp_path, "6,1,0,-;Linux version\n")
    assert oom_facts(5, pid_start=None, watch=None, log=log) == OomFacts(killed=False)
    log.close()


def test_a_counter_that_did_not_rise_is_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: KernelLog
) -> None:
    _counters(tmp_path, monkeypatch, now=4, host=9)
    watch = MemoryWatch(counter_file=f"{tmp_path}/memory.events", cgroup_kills=4, host_kills=8)
    facts = oom_facts(5, pid_start=1, watch=watch, log=unreadable)
    assert facts == OomFacts(killed=False, missing=(UNREADABLE,))
    facts = oom_facts(5, pid_start=1, watch=MemoryWatch(host_kills=9), log=unreadable)
    assert facts == OomFacts(killed=False, missing=(UNREADABLE,))


def test_a_counter_that_rose_says_that_but_not_who(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: KernelLog
) -> None:
    _counters(tmp_path, monkeypatch, now=6, host=9)
    watch = MemoryWatch(counter_file=f"{tmp_path}/memory.events", cgroup_kills=4, host_kills=7)
    facts = oom_facts(5, pid_start=1, watch=watch, log=unreadable)
    assert facts.killed
    assert facts.missing == (
        UNREADABLE,
        "which process was killed: the memory cgroup counted 2",
    )


@pytest.mark.parametrize("watch", [None, MemoryWatch(), MemoryWatch(host_kills=8)])
def test_without_a_witness_it_is_unknown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unreadable: KernelLog,
    watch: MemoryWatch | None,
) -> None:
    _counters(tmp_path, monkeypatch, now=0, host=9)
    facts = oom_facts(5, pid_start=1, watch=watch, log=unreadable)
    assert facts.killed is None
    assert facts.missing == (UNREADABLE, "memory cgroup: no kill counter to read")


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A memory group of 20 MiB, to be killed in."""
    folder = Path(f"/sys/fs/cgroup/memory/fnr-test-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no version 1 memory group to write to: {error}")
    (folder / "memory.limit_in_bytes").write_text(str(20 << 20))
    yield folder
    with suppress(OSError):
        folder.rmdir()


def test_a_real_kill_for_memory_is_witnessed(small_group: Path, unreadable: KernelLog) -> None:
    with running("say('up')\nhear()\nblock = bytearray(100 << 20)") as program:
        assert program.line() == "up"
        (small_group / "cgroup.procs").write_text(str(program.pid))
        watch = watch_memory(program.pid)
        assert watch.counter_file == str(small_group / "memory.oom_control")
        program.tell()
        assert program.end().signal == signal.SIGKILL
        start = program.child.pid_start
        assert oom_facts(program.pid, pid_start=start, watch=watch, log=unreadable).killed
        log = KernelLog()
        if not log.trouble:
            facts = oom_facts(program.pid, pid_start=start, watch=None, log=log)
            assert f"Killed process {program.pid} " in facts.line
        log.close()


def test_a_plain_sigkill_is_no_lack_of_memory() -> None:
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        watch = watch_memory(program.pid)
        os.kill(program.pid, signal.SIGKILL)
        assert program.end().signal == signal.SIGKILL
        log = KernelLog()
        facts = oom_facts(program.pid, pid_start=program.child.pid_start, watch=watch, log=log)
        assert not facts.killed
        log.close()


def test_what_the_gpu_driver_said_is_evidence_of_the_failure_that_it_goes_with(
    tmp_path: Path,
) -> None:
    log = _log(
        tmp_path,
        "6,1,0,-;Linux version\n"
        "6,2,1,-;python3[5]: segfault at 0 ip 00007fa1e2385ad8 error 4 in libc\n"
        "4,3,2,-;NVRM: Xid (PCI:0000:cb:00): 31, pid=5, name=python3, Ch 00000008\n",
    )
    lives = Evidence(codes=(Code(family="cuda", value="700"),))
    found = with_kernel_words(lives, 5, pid_start=None, log=log)
    assert found.codes == (*lives.codes, Code(family="xid", value="31"))
    assert [line[:20] for line in found.kernel] == ["NVRM: Xid (PCI:0000:"]
    assert with_kernel_words(lives, 5, pid_start=None, log=log) is lives
    [crash] = with_kernel_words(Evidence(worker_died=True), 5, pid_start=None, log=log).kernel
    assert crash.startswith("python3[5]: segfault at 0")
    assert with_kernel_words(lives, 6, pid_start=None, log=log) is lives
    log.close()
