"""What /proc says is read as it is meant, odd names and zombies included."""

from __future__ import annotations

import errno
import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from host_programs import running, wait_for_end

from fnr.host import procfs
from fnr.host.limits import own_file_limit
from fnr.host.procfs import (
    environ_of,
    has_environ,
    is_process,
    pid_start,
    read_bytes,
    read_environ,
    read_stat,
    read_thread_states,
    scan,
    scan_closely,
)


def test_a_process_is_read_back() -> None:
    stat = read_stat(os.getpid())
    assert stat is not None
    assert (stat.pid, stat.parent, stat.group, stat.session) == (
        os.getpid(),
        os.getppid(),
        os.getpgrp(),
        os.getsid(0),
    )
    assert stat.alive
    assert stat.start == pid_start(os.getpid())


def test_a_name_full_of_brackets_and_spaces_confuses_nobody() -> None:
    code = """
open("/proc/self/comm", "w").write(") S 1 2 (")
say("up")
rest()
"""
    with running(code) as program:
        assert program.line() == "up"
        stat = read_stat(program.pid)
        assert stat is not None
        assert (stat.parent, stat.session) == (os.getpid(), program.pid)


def test_a_zombie_is_not_alive_and_shows_how_it_ended() -> None:
    with running("sys.exit(3)") as program:
        wait_for_end(program.child.pidfd)
        stat = read_stat(program.pid)
        assert stat is not None
        assert not stat.alive
        assert os.waitstatus_to_exitcode(stat.wait_status) == 3


def test_a_process_whose_first_thread_ended_is_alive() -> None:
    """It looks like a zombie, but its other threads still run."""
    code = """
import ctypes, threading
def other():
    hear()
    os._exit(0)
threading.Thread(target=other).start()
say("up")
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)
"""
    with running(code) as program:
        assert program.line() == "up"
        # The first thread ends on its own after its last word; the kernel wakes nobody for that.
        while (stat := read_stat(program.pid)) and stat.state != "Z":
            os.sched_yield()
        assert stat is not None
        assert stat.alive
        program.tell()
        assert program.end().code == 0


def test_who_is_gone_is_none() -> None:
    with running("") as program:
        pid = program.pid
        assert program.end().code == 0
        assert read_stat(pid) is None
        assert pid_start(pid) is None
        assert read_environ(pid) is None
        assert has_environ(pid)
        assert read_bytes(f"/proc/{pid}/stat") is None
        assert read_thread_states(pid) == ""


def test_an_empty_environment_is_an_environment() -> None:
    code = """
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
          "import os\\nos.write(1, b'empty')\\nimport signal\\nsignal.pause()"], {})
"""
    with running(code) as program:
        assert program.out.read(5) == b"empty"
        assert read_environ(program.pid) == b""
        assert has_environ(program.pid)


THREADED = """
import threading
thread = threading.Thread(target=threading.Event().wait, daemon=True)
thread.start()
say(thread.native_id)
rest()
"""


def test_a_scan_sees_us_and_a_zombie_and_no_thread() -> None:
    with running(THREADED) as program, running("") as zombie:
        thread = int(program.line())
        wait_for_end(zombie.child.pidfd)
        found = scan()
        assert {os.getpid(), program.pid, zombie.pid} <= found.keys()
        assert thread != program.pid
        assert thread not in found


def test_a_thread_that_begins_during_a_scan_is_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(THREADED) as program, running("say('up')\nrest()") as young:
        thread = int(program.line())
        assert young.line() == "up"
        given_out = iter([min(thread, young.pid) - 1, max(thread, young.pid)])
        monkeypatch.setattr(procfs, "_last_pid", lambda: next(given_out, max(thread, young.pid)))
        monkeypatch.setattr(procfs, "_pids", list)
        found = scan()
        assert young.pid in found
        assert thread not in found


def test_numbers_that_begin_anew_during_a_scan_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number given out last is smaller than before: they have come round."""
    given_out = iter([30_000, 400, 400])
    listed = iter([[], [os.getpid()]])
    monkeypatch.setattr(procfs, "_last_pid", lambda: next(given_out))
    monkeypatch.setattr(procfs, "_pids", lambda: next(listed))
    assert scan().keys() == {os.getpid()}


def test_a_scan_ends_where_numbers_are_given_out_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_out = itertools.count(2**22, 500)
    monkeypatch.setattr(procfs, "_last_pid", lambda: next(given_out))
    found, settled = scan_closely()
    assert os.getpid() in found
    assert not settled
    monkeypatch.undo()
    assert os.getpid() in scan_closely()[0]


def test_without_a_descriptor_to_spare_a_number_is_taken_for_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    assert is_process(os.getpid())
    assert not is_process(2**22 + 1)
    monkeypatch.setattr(procfs.os, "pidfd_open", refused)
    assert is_process(2**22 + 1)


@pytest.mark.parametrize("look", [read_environ, environ_of, read_thread_states])
def test_without_a_descriptor_nothing_is_concluded_of_a_process(look: Callable[[int], Any]) -> None:
    """Without its environment it is no stranger, and without states it is not gone."""
    assert look(os.getpid())
    with own_file_limit(0), pytest.raises(OSError, match="Too many open files"):
        look(os.getpid())
    assert not look(2**22 + 1)


def test_a_scan_always_finds_who_forks_and_ends_without_pause() -> None:
    """At any moment one of the family is alive, but never for longer than a scan takes."""
    with running("say('up')\nhop(5_000)") as program:
        assert program.line() == "up"
        assert program.end().code == 0
        for _ in range(20):
            assert [s for s in scan().values() if s.session == program.pid and s.alive]
        os.killpg(program.pid, signal.SIGKILL)
        assert program.silent()
