"""A stopped worker leaves nobody behind, whatever it and its children do about it.

Every program here writes to one pipe, and so do all it starts: when the pipe ends, all are gone,
which is a proof that owes nothing to the code under test.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from host_programs import Program, mark, open_descriptors, running, wait_for_end

from fnr.host import group, stopping
from fnr.host.clock import Clock
from fnr.host.process import StopReport, attach, pid_start, reap, stop_group, stop_group_blocking
from fnr.host.procfs import ProcessStat, scan

LONG_MS = 50_000
SHORT_MS = 50

Stop = Callable[[Program, str, int], Awaitable[StopReport]]


async def _in_the_loop(program: Program, mark: str, grace_ms: int) -> StopReport:
    return await stop_group(
        program.pid, program.child.pidfd, mark, grace_ms=grace_ms, clock=Clock()
    )


async def _blocking(program: Program, mark: str, grace_ms: int) -> StopReport:
    return stop_group_blocking(
        program.pid, program.child.pidfd, mark, grace_ms=grace_ms, clock=Clock()
    )


@pytest.fixture(params=[_in_the_loop, _blocking])
def stop(request: pytest.FixtureRequest) -> Stop:
    chosen: Stop = request.param
    return chosen


async def test_who_ends_on_request_is_not_killed(stop: Stop) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\nsay('up')\nrest()"
    with running(code) as program:
        assert program.line() == "up"
        report = await stop(program, "", LONG_MS)
        assert report == StopReport(proven=True)
        assert program.silent()
        assert program.end().code == 3


async def test_who_ignores_the_request_is_killed(stop: Stop) -> None:
    with running("ignore(signal.SIGTERM)\nsay('up')\nrest()") as program:
        assert program.line() == "up"
        report = await stop(program, "", SHORT_MS)
        assert report == StopReport(proven=True, killed=1)
        assert program.silent()
        assert program.end().signal == signal.SIGKILL


async def test_who_started_the_others_is_asked_first(
    stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that sees its child end before it is asked itself could report a success."""
    asked: list[int] = []

    def send(fd: int, number: int) -> None:
        fields = dict(
            line.split(":", 1) for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
        )
        asked.append(int(fields["Pid"]))
        signal.pidfd_send_signal(fd, number)

    monkeypatch.setattr(
        stopping, "signal", SimpleNamespace(**vars(signal) | {"pidfd_send_signal": send})
    )
    code = """
def stubborn():
    ignore(signal.SIGTERM)
    say(os.getpid())
    rest()
for _ in range(8): fork(stubborn)
ignore(signal.SIGTERM)
say("up")
rest()
"""
    with running(code) as program:
        lines = [program.line() for _ in range(9)]
        await stop(program, "", SHORT_MS)
    children = sorted(int(line) for line in lines if line != "up")
    assert len(children) == 8
    assert [pid for number, pid in enumerate(asked) if pid not in asked[:number]] == [
        program.pid,
        *children,
    ]


def test_starters_come_first_whatever_their_pids() -> None:
    def stat(pid: int, start: int) -> ProcessStat:
        return ProcessStat(
            pid=pid, state="S", parent=1, group=1, session=1, cpu_ticks=0, threads=1, start=start,
            rest=b"",
        )  # fmt: skip

    root, child, grandchild, twin = stat(70, 9), stat(5, 10), stat(3, 11), stat(4, 11)
    found = stopping.starters_first([twin, grandchild, child, root], root=70)
    assert found == [root, child, grandchild, twin]


async def test_without_grace_nobody_is_asked(stop: Stop) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: say('asked'))\nsay('up')\nrest()"
    with running(code) as program:
        assert program.line() == "up"
        report = await stop(program, "", 0)
        assert report == StopReport(proven=True, killed=1)
        assert program.silent()


async def test_grandchildren_that_ignore_the_request_are_killed(stop: Stop) -> None:
    code = """
def stubborn():
    ignore(signal.SIGTERM)
    say("up")
    rest()
def child():
    fork(stubborn); fork(stubborn); rest()
fork(child)
rest()
"""
    with running(code) as program:
        assert [program.line(), program.line()] == ["up", "up"]
        report = await stop(program, "", SHORT_MS)
        assert report.proven
        assert report.killed >= 2
        assert program.silent()


async def test_a_child_in_a_session_of_its_own_does_not_escape(stop: Stop) -> None:
    code = """
def child():
    os.setsid()
    ignore(signal.SIGTERM)
    say("up")
    rest()
fork(child)
rest()
"""
    with running(code) as program:
        assert program.line() == "up"
        report = await stop(program, "", SHORT_MS)
        assert report.proven
        assert program.silent()


ESCAPE = """
def escapee():
    ignore(signal.SIGTERM)
    say(os.getpid())
    rest()
escape(escapee)
"""


async def test_a_double_fork_does_not_escape_because_it_carries_the_mark(stop: Stop) -> None:
    with running(ESCAPE + "rest()", mark=mark("w-mark")) as program:
        assert program.line()
        report = await stop(program, mark("w-mark"), SHORT_MS)
        assert report.proven
        assert program.silent()


async def test_those_who_outlive_a_worker_that_is_reaped_are_found(stop: Stop) -> None:
    with running(ESCAPE, mark=mark("w-gone")) as program:
        assert program.line()
        assert program.end().code == 0
        report = await stop(program, mark("w-gone"), SHORT_MS)
        assert report == StopReport(proven=True, killed=1)
        assert program.silent()


async def test_the_session_of_a_worker_that_is_reaped_is_found_without_a_mark(stop: Stop) -> None:
    code = """
def survivor():
    ignore(signal.SIGTERM); ignore(signal.SIGHUP)
    say("up")
    rest()
fork(survivor)
"""
    with running(code) as program:
        assert program.line() == "up"
        assert program.end().code == 0
        report = await stop(program, "", SHORT_MS)
        assert report == StopReport(proven=True, killed=1)
        assert program.silent()


async def test_once_seen_a_member_cannot_lose_itself(stop: Stop) -> None:
    """The child drops mark, session and parent after the first scan, while being asked to end."""
    code = """
def child():
    def lose(*_):
        os.setsid()
        ignore(signal.SIGTERM)
        os.kill(os.getppid(), signal.SIGKILL)
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
                  "import signal\\nwhile True: signal.pause()"], {})
    signal.signal(signal.SIGTERM, lose)
    say("up")
    rest()
fork(child)
ignore(signal.SIGTERM)
rest()
"""
    with running(code, mark=mark("w-lose")) as program:
        assert program.line() == "up"
        report = await stop(program, mark("w-lose"), 300)
        assert report.proven
        assert report.killed >= 1
        assert program.silent()


async def test_a_stopped_worker_is_woken_to_end_in_its_grace(stop: Stop) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))\nsay('up')\nrest()"
    with running(code) as program:
        assert program.line() == "up"
        program.freeze()
        report = await stop(program, "", LONG_MS)
        assert report == StopReport(proven=True)
        assert program.end().code == 4


async def test_those_who_fork_and_end_without_pause_are_caught(stop: Stop) -> None:
    """Each generation ends at once, so that every pid that a scan finds is soon stale."""
    code = """
ignore(signal.SIGTERM)
say("up")
for _ in range(3):
    if os.fork() == 0: break
hop(5_000)
"""
    with running(code, mark=mark("w-hop")) as program:
        assert program.line() == "up"
        assert program.end().code == 0
        report = await stop(program, mark("w-hop"), 1)
        assert report.proven
        assert program.silent()


async def test_a_stranger_that_got_the_pid_is_left_alone(stop: Stop) -> None:
    """A pidfd of a reaped process, with the pid of another: what a reused pid looks like."""
    with running("") as gone, running("say('up')\nhear()\nsay('unharmed')") as stranger:
        assert gone.end().code == 0
        assert stranger.line() == "up"
        own = stranger.child
        stranger.child = type(own)(own.pid, own.pid_start, gone.child.pidfd)
        report = await stop(stranger, "", LONG_MS)
        stranger.child = own
        assert report == StopReport(proven=True)
        stranger.tell()
        assert stranger.line() == "unharmed"
        assert stranger.end().code == 0


async def test_a_dead_group_is_proven_dead(stop: Stop) -> None:
    with running("") as program:
        wait_for_end(program.child.pidfd)
        assert await stop(program, mark("w-none"), LONG_MS) == StopReport(proven=True)
        assert program.end().code == 0, "the worker's own exit is left to its owner"


@pytest.mark.parametrize("looks", [2, 8, 10**9])
async def test_a_group_is_not_proven_gone_while_somebody_cannot_be_asked(
    stop: Stop, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """One process, younger than the worker, sleeps in the kernel at so many looks at it.

    Where the disk is busy many do, for a second each: what ran was said to be stuck.
    """
    monkeypatch.setattr(stopping, "_BLIND_MS", 1)
    monkeypatch.setattr(stopping, "_DOUBT_MS", 200)
    with running("") as program, running("say('up')\nhear()\nsay('unharmed')") as stranger:
        assert stranger.line() == "up"
        wait_for_end(program.child.pidfd)
        left = iter(range(looks))

        def sleeps(stat: ProcessStat) -> bool:
            return stat.pid == stranger.pid and next(left, None) is not None

        monkeypatch.setattr(group, "_sleeps_in_the_kernel", sleeps)
        report = await stop(program, mark("w-doubt"), LONG_MS)
        assert report == StopReport(proven=looks < 10**9)
        stranger.tell()
        assert stranger.line() == "unharmed"


async def test_a_group_is_not_proven_gone_by_a_scan_that_could_not_keep_up(
    stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "scan_closely", lambda: (scan(), False))
    monkeypatch.setattr(stopping, "_DOUBT_MS", 50)
    with running("") as program:
        wait_for_end(program.child.pidfd)
        assert await stop(program, "", LONG_MS) == StopReport(proven=False)


async def test_a_cancelled_stop_gives_its_descriptors_back() -> None:
    with running("ignore(signal.SIGTERM)\nsay('up')\nrest()") as program:
        assert program.line() == "up"
        before = open_descriptors()
        stopping = asyncio.ensure_future(_in_the_loop(program, "", LONG_MS))
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        assert open_descriptors() == before


async def test_a_watch_on_the_callers_own_pidfd_survives_the_stop() -> None:
    """The daemon watches the worker's pidfd in the same loop; a second watch would replace it."""
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        seen = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(program.child.pidfd, seen.set)
        report = await _in_the_loop(program, "", LONG_MS)
        await seen.wait()
        assert loop.remove_reader(program.child.pidfd)
        assert report == StopReport(proven=True)


@pytest.fixture
def freezer() -> Iterator[Path]:
    """A control group that can freeze a process, so that not even SIGKILL reaches it."""
    folder = Path(f"/sys/fs/cgroup/freezer/fnr-test-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no version 1 freezer to write to: {error}")
    yield folder
    (folder / "freezer.state").write_text("THAWED")
    with suppress(OSError):
        folder.rmdir()


async def test_who_cannot_be_killed_is_reported_as_stuck(
    freezer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However patient we are: a process that sleeps in the kernel is not waited for."""
    monkeypatch.setattr(stopping, "KILL_PATIENCE_MS", 10**9)
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        (freezer / "cgroup.procs").write_text(str(program.pid))
        (freezer / "freezer.state").write_text("FROZEN")
        report = await stop_group(
            program.pid,
            program.child.pidfd,
            "",
            grace_ms=1,
            clock=Clock(),
            stuck_after_ms=SHORT_MS,
        )
        assert report == StopReport(proven=False, killed=1, stuck=(program.pid,))
        (freezer / "freezer.state").write_text("THAWED")
        assert program.end().signal == signal.SIGKILL


def test_a_worker_stops_its_command_and_reaps_the_orphans_but_not_itself() -> None:
    """The worker carries the same mark as its command, and is its subreaper."""
    code = """
from fnr.host.clock import Clock
from fnr.host.process import *
from fnr.host.subreaper import reap_strays
become_subreaper()
command = "import os,signal,sys\\n" + sys.argv[1]
env = dict(os.environ)
child = spawn([sys.executable, "-I", "-S", "-c", command], env=env, stdout=1)
escapee = int(hear())
mark = env["FNR_WORKER_ID"]
report = stop_group_blocking(child.pid, child.pidfd, mark, grace_ms=20, clock=Clock())
say(report.proven, report.killed, report.stuck)
say(reap(child.pid, child.pidfd).signal)
say(len(reap_strays()))
try:
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
except ChildProcessError:
    say("no children left")
"""
    command = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, b"%d\\n" % os.getpid())
        while True: signal.pause()
    os._exit(0)
while True: signal.pause()
"""
    with running(code, command, mark=mark("w-cmd"), fnr=True) as worker:
        escapee = worker.line()
        start = pid_start(int(escapee))
        assert start is not None
        pidfd = attach(int(escapee), start)
        assert pidfd is not None
        worker.tell(escapee)
        assert worker.line() == "True 2 ()"
        assert worker.line() == str(int(signal.SIGKILL))
        assert worker.line() == "1", "the middle one of the double fork"
        assert worker.line() == "no children left"
        assert worker.end().code == 0
        wait_for_end(pidfd)
        os.close(pidfd)


async def test_the_exit_is_there_to_be_reaped_after_a_stop() -> None:
    with running("say('up')\nrest()") as program:
        assert program.line() == "up"
        await _in_the_loop(program, "", LONG_MS)
        assert reap(program.pid, program.child.pidfd).signal == signal.SIGTERM
