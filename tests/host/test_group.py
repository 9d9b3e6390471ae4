"""All three signs of belonging count, and nobody else is touched."""

from __future__ import annotations

import os

import pytest
from host_programs import Program, mark, running

from fnr.host import group
from fnr.host.group import members_in
from fnr.host.process import group_members
from fnr.host.procfs import read_stat, scan


def _child_of(pid: int) -> int:
    """Wait for a process to have a child."""
    while True:
        for child, stat in scan().items():
            if stat.parent == pid:
                return child


FAMILY = """
def escapee():
    say("escapee", os.getpid())
    rest()
def child():
    os.setsid()
    say("child", os.getpid())
    rest()
def sibling():
    say("sibling", os.getpid())
    rest()
fork(child)
fork(sibling)
escape(escapee)
say("worker", os.getpid())
rest()
"""


def _family(program: Program) -> dict[str, int]:
    """All of them, once the middle one of the double fork is gone."""
    lines = [program.line().split() for _ in range(4)]
    family = {name: int(pid) for name, pid in lines}
    assert family.pop("worker") == program.pid
    return family


def test_session_descent_and_mark_find_the_whole_family() -> None:
    with running(FAMILY, mark=mark("w-family")) as program:
        family = _family(program)
        assert group_members(program.pid, mark("w-family")) == {program.pid, *family.values()}
        without_mark = {program.pid, family["child"], family["sibling"]}
        assert group_members(program.pid, "") == without_mark
        assert group_members(program.pid, mark("w-family")[:-1]) == without_mark, (
            "a part of a mark is no mark"
        )
        for pid in family.values():
            os.kill(pid, 9)


def test_who_was_left_in_an_escapees_session_is_found_without_a_mark() -> None:
    """Its mark is wiped, its parent gone, its session not the worker's but that of an escapee."""
    code = """
def orphan():
    say(os.getpid())
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
              "import os\\nos.write(1, b'wiped')\\nimport signal\\nsignal.pause()"], {})
def leader():
    os.setsid()
    os.waitpid(fork(lambda: fork(orphan)), 0)
    rest()
fork(leader)
rest()
"""
    with running(code) as program:
        orphan = int(program.line())
        assert program.out.read(5) == b"wiped"
        members = group_members(program.pid, mark("w-none"))
        assert orphan in members
        assert len(members) == 3
        for pid in members - {program.pid}:
            os.kill(pid, 9)


def test_another_workers_mark_is_another_family() -> None:
    with (
        running("say('up')\nrest()", mark=mark("w-1")) as one,
        running("say('up')\nrest()", mark=mark("w-2")) as two,
    ):
        assert (one.line(), two.line()) == ("up", "up")
        assert group_members(one.pid, mark("w-1")) == {one.pid}
        assert group_members(two.pid, mark("w-2")) == {two.pid}


def test_whoever_asks_is_never_a_member() -> None:
    """A worker asks about its command, whose mark it carries itself."""
    code = """
from fnr.host.process import group_members, spawn
code = "import os, signal; os.write(1, b'up'); signal.pause()"
out, its_out = os.pipe()
child = spawn([sys.executable, "-I", "-S", "-c", code], env=dict(os.environ), stdout=its_out)
us = os.environ["FNR_WORKER_ID"]
os.read(out, 2)
say(group_members(child.pid, us) == {child.pid})
say(child.pid in group_members(os.getpid(), us))
say(os.getpid() in group_members(os.getpid(), us))
os.kill(child.pid, 9)
"""
    with running(code, mark=mark("w-self"), fnr=True) as program:
        assert [program.line() for _ in range(3)] == ["True", "True", "False"]
        assert program.end().code == 0


def test_a_stranger_with_the_workers_old_pid_is_no_member() -> None:
    with running("say('up')\nrest()") as stranger:
        assert stranger.line() == "up"
        start = stranger.child.pid_start
        assert group_members(stranger.pid, "", pid_start=start) == {stranger.pid}
        assert group_members(stranger.pid, "", pid_start=start - 1) == set()


def test_the_dead_are_no_members() -> None:
    with running("") as program:
        assert program.silent()
        assert program.end().code == 0
        assert group_members(program.pid, mark("w-dead")) == set()


def test_a_mark_once_seen_is_not_lost_in_an_exec() -> None:
    code = """
def escapee():
    say(os.getpid())
    hear()
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c",
              "import os\\nos.write(1, b'wiped')\\nimport signal\\nsignal.pause()"], {})
escape(escapee)
say("alone")
rest()
"""
    with running(code, mark=mark("w-exec")) as program:
        [escapee] = {int(word) for word in (program.line(), program.line()) if word != "alone"}
        assert escapee in group_members(program.pid, mark("w-exec"))
        program.tell()
        assert program.out.read(5) == b"wiped"
        assert escapee in group_members(program.pid, mark("w-exec"))
        os.kill(escapee, 9)


def test_who_sleeps_in_the_kernel_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading its environment can hang for as long as it does; its session is known anyway."""
    with running(FAMILY, mark=mark("w-stuck")) as program:
        family = _family(program)
        asked: list[int] = []
        monkeypatch.setattr(group, "read_environ", lambda pid: asked.append(pid) or b"")
        monkeypatch.setattr(
            group, "_sleeps_in_the_kernel", lambda stat: stat.pid in family.values()
        )
        members = group_members(program.pid, mark("w-stuck"))
        assert members == {program.pid, family["child"], family["sibling"]}
        assert family["escapee"] not in asked
        for pid in family.values():
            os.kill(pid, 9)


def test_who_cannot_be_asked_just_now_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an exec a process has no environment yet, asleep none that can be read."""
    with running("say('up')\nrest()") as one, running("say('up')\nrest()") as other:
        assert (one.line(), other.line()) == ("up", "up")
        us = {one.pid, other.pid}
        stats = {pid: stat for pid, stat in scan().items() if pid in us}
        monkeypatch.setattr(group, "_sleeps_in_the_kernel", lambda stat: stat.pid == one.pid)
        monkeypatch.setattr(group, "read_environ", lambda _: b"")
        monkeypatch.setattr(group, "has_environ", lambda _: False)
        found = members_in(stats, roots=(), sessions=(), marker="w-any")
        assert (found.alive, found.unasked) == (set(), us)
        monkeypatch.undo()
        found = members_in(stats, roots=(), sessions=(), marker="w-any")
        assert (found.alive, found.unasked) == (set(), set())


def test_who_is_not_ours_to_ask_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "read_environ", lambda _: None)
    monkeypatch.setattr(group, "_sleeps_in_the_kernel", lambda _: False)
    monkeypatch.setattr(group, "_marks", {})
    assert members_in(scan(), roots=(), sessions=(), marker="w-any").unasked == set()


def test_a_process_with_one_thread_asleep_in_the_kernel_sleeps_there() -> None:
    """vfork puts the thread that called it to such a sleep until the child ends."""
    code = """
import ctypes, threading
libc = ctypes.CDLL(None)
def sleeper():
    if libc.vfork() == 0:
        while True: libc.pause()
threading.Thread(target=sleeper, daemon=True).start()
say("up")
rest()
"""
    with running(code, fnr=True) as program:
        assert program.line() == "up"
        child = _child_of(program.pid)
        stat = read_stat(program.pid)
        assert stat is not None
        assert stat.state != "D"
        assert group._sleeps_in_the_kernel(stat)
        # The parent first: the two share a stack, and it would find its own overwritten.
        os.kill(program.pid, 9)
        os.kill(child, 9)


def test_the_marks_of_the_gone_are_forgotten() -> None:
    with running("say('up')\nrest()", mark=mark("w-brief")) as program:
        assert program.line() == "up"
        key = (program.pid, program.child.pid_start)
        assert group_members(2**22 + 1, mark("w-brief")) == {program.pid}
        assert group._marks[key] == mark("w-brief").encode()
    many = 10_000 + 3 * len(scan())
    group._marks.update({(2**22 + number, 1): b"" for number in range(many)})
    assert group_members(2**22 + 1, mark("w-brief")) == set()
    assert key not in group._marks
    assert len(group._marks) < many
