"""Busy and hung can be told apart, and what cannot be read is not taken for nothing."""

from __future__ import annotations

import os
import signal

import pytest
from host_programs import running, wait_for_end
from msgspec.structs import replace

from fnr.host import activity
from fnr.host.activity import Activity, read_activity


def test_who_computes_uses_ticks_and_who_waits_does_not() -> None:
    code = """
import time
def burn():
    end = time.process_time() + 0.1
    while time.process_time() < end: pass
say("up"); hear(); burn(); say("burnt"); hear()
"""
    with running(code) as program:
        assert program.line() == "up"
        before = read_activity([program.pid])
        program.tell()
        assert program.line() == "burnt"
        after = read_activity([program.pid])
        assert before.cpu_ticks is not None
        assert after.cpu_ticks is not None
        assert after.cpu_ticks - before.cpu_ticks >= 0.09 * os.sysconf("SC_CLK_TCK")
        program.tell()
        assert program.end().code == 0


def test_who_waits_for_a_processor_is_not_idle() -> None:
    """On a busy host a worker of low priority had no beat and no CPU for seconds: it was hung."""
    code = """
import threading
def burn():
    while True: pass
threading.Thread(target=burn, daemon=True).start(); say("up"); rest()
"""
    with running(code) as program:
        assert program.line() == "up"
        while (reading := read_activity([program.pid])).states != "S":
            pass
        assert sorted(reading.threads) == ["R", "S"]
    before = Activity(cpu_ticks=7, io_bytes=0, states="S", threads="SS")
    assert replace(before, threads="RS").moved_since(before)
    assert not before.moved_since(before)
    assert replace(before, cpu_ticks=8).moved_since(before)
    assert not replace(before, cpu_ticks=8, states="T", threads="TT").moved_since(before)


def test_who_reads_and_writes_moves_bytes() -> None:
    with running(
        "say('up'); hear(); open('/dev/null','wb').write(b'x' * 5000); say('x'); hear()"
    ) as p:
        assert p.line() == "up"
        before = read_activity([p.pid]).io_bytes
        p.tell()
        assert p.line() == "x"
        after = read_activity([p.pid]).io_bytes
        assert before is not None
        assert after is not None
        assert after - before >= 5_000
        p.tell()
        assert p.end().code == 0


def test_a_stopped_process_is_seen_as_stopped() -> None:
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        assert not read_activity([program.pid]).stopped
        program.freeze()
        reading = read_activity([program.pid])
        assert (reading.states, reading.stopped) == ("T", True)
        assert not read_activity([program.pid, os.getpid()]).stopped
        os.kill(program.pid, signal.SIGKILL)
        assert program.end().signal == signal.SIGKILL
        assert not Activity(states="Z").stopped


def test_several_are_summed_and_one_that_is_gone_counts_for_nothing() -> None:
    with running("say('up')\nrest()") as one, running("") as zombie, running("") as gone:
        assert one.line() == "up"
        wait_for_end(zombie.child.pidfd)
        assert gone.end().code == 0
        reading = read_activity([one.pid, zombie.pid, gone.pid])
        assert reading.states in {"RZ", "SZ"}
        assert reading.io_bytes == read_activity([one.pid]).io_bytes


def test_nobody_there_is_unknown_and_not_idle() -> None:
    with running("") as gone:
        assert gone.end().code == 0
        assert read_activity([gone.pid]) == Activity(cpu_ticks=None, io_bytes=None, states="")
    assert read_activity([]) == Activity()


def test_io_that_is_not_ours_to_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        monkeypatch.setattr(activity, "look_at", lambda _: None)
        reading = read_activity([program.pid, os.getpid()])
        assert reading.io_bytes is None
        assert reading.cpu_ticks is not None
