"""How a process ended is known exactly to its parent, and as far as the kernel tells to others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from host_programs import Program, running, wait_for_end

from fnr.host import reaping
from fnr.host.process import Child, Exit, StillAlive, attach, pid_start, reap

KERNEL = tuple(int(part) for part in os.uname().release.split(".")[:2])


@pytest.mark.parametrize("code", [0, 7, 137])
def test_an_exit_code_is_the_exit_code(code: int) -> None:
    """137 is what a shell says for SIGKILL; from the kernel's own words it is a plain code."""
    with running(f"sys.exit({code})") as program:
        end = program.end()
        assert (end.code, end.signal, end.missing) == (code, None, ())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_signal_is_the_signal(number: int) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
    with running(f"{code}\nos.kill(os.getpid(), {int(number)})\nrest()") as program:
        end = program.end()
        assert (end.code, end.signal, end.core_dumped) == (None, number, False)


def test_what_it_used_is_told() -> None:
    code = """
import time
while time.process_time() < 0.05: pass
block = b"x" * (64 << 20)
"""
    with running(code) as program:
        end = program.end()
        assert end.cpu_ms is not None
        assert end.cpu_ms >= 50
        assert end.peak_mib is not None
        assert end.peak_mib >= 64


def test_who_has_not_ended_is_not_reaped() -> None:
    with running("say('up')\nhear()") as program:
        assert program.line() == "up"
        with pytest.raises(StillAlive):
            reap(program.pid, program.child.pidfd)
        program.tell()
        assert program.end().code == 0


def test_a_second_reap_says_what_it_does_not_know() -> None:
    with running("sys.exit(5)") as program:
        assert program.end().code == 5
        again = reap(program.pid, program.child.pidfd)
        assert again.missing
        assert again.code in {5, None}


def test_a_zombie_that_got_the_pid_is_not_taken_for_ours() -> None:
    """The pidfd of one that ended with 5 and was reaped, and the pid of one that ended with 6."""
    with running("sys.exit(5)") as gone, running("sys.exit(6)") as zombie:
        assert gone.end().code == 5
        wait_for_end(zombie.child.pidfd)
        assert reap(zombie.pid, gone.child.pidfd).code in {5, None}
        assert zombie.end().code == 6


@pytest.fixture
def foreign() -> Iterator[tuple[Program, Child]]:
    """A child of another process, attached as a daemon does after its restart."""
    code = """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
def child():
    hear()
    os._exit(9)
pid = fork(child)
say(pid)
signal.sigwait({signal.SIGUSR1})
os.waitpid(pid, 0)
say("reaped")
rest()
"""
    with running(code) as parent:
        pid = int(parent.line())
        start = pid_start(pid)
        assert start is not None
        pidfd = attach(pid, start)
        assert pidfd is not None
        yield parent, Child(pid, start, pidfd)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)


def test_a_foreign_process_that_lives_is_not_taken_for_dead(
    foreign: tuple[Program, Child],
) -> None:
    _, child = foreign
    with pytest.raises(StillAlive):
        reap(child.pid, child.pidfd)


def test_the_end_of_a_foreign_child_is_read_from_its_zombie(
    foreign: tuple[Program, Child],
) -> None:
    parent, child = foreign
    parent.tell()
    wait_for_end(child.pidfd)
    end = reap(child.pid, child.pidfd)
    assert (end.code, end.signal) == (9, None)
    assert end.cpu_ms is not None
    assert end.missing == ("memory: not our child",)


def _reaped_by_its_parent(parent: Program, child: Child) -> Exit:
    parent.tell()
    wait_for_end(child.pidfd)
    os.kill(parent.pid, signal.SIGUSR1)
    assert parent.line() == "reaped"
    return reap(child.pid, child.pidfd)


@pytest.mark.skipif(KERNEL < (6, 15), reason="the kernel forgets the exit of a reaped process")
def test_the_end_of_a_foreign_child_is_read_from_its_pidfd_after_it_was_reaped(
    foreign: tuple[Program, Child],
) -> None:
    end = _reaped_by_its_parent(*foreign)
    assert (end.code, end.signal) == (9, None)
    assert end.missing == ("cpu and memory: not our child",)


def test_a_kernel_that_forgets_is_said_to_have_forgotten(
    foreign: tuple[Program, Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a request number that no kernel knows, this one answers as an old one does: ENOTTY."""
    monkeypatch.setattr(reaping, "_PIDFD_GET_INFO", 0xFF << 8 | 99)
    end = _reaped_by_its_parent(*foreign)
    assert (end.code, end.signal, end.cpu_ms) == (None, None, None)
    assert end.missing == ("exit status: not our child", "cpu and memory: not our child")
