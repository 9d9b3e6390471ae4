"""All three signs of belonging count, and nobody else is touched."""

from __future__ import annotations

import os

from host_programs import mark, running

from fnr.host.process import group_members

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
rest()
"""


def _family(program: object, *, count: int) -> dict[str, int]:
    lines = [program.line().split() for _ in range(count)]  # type: ignore[attr-defined]  # a Program
    return {name: int(pid) for name, pid in lines}


def test_session_descent_and_mark_find_the_whole_family() -> None:
    with running(FAMILY, mark=mark("w-family")) as program:
        family = _family(program, count=3)
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
child = spawn([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"],
              env=dict(os.environ))
us = os.environ["FNR_WORKER_ID"]
say(group_members(child.pid, us) == {child.pid})
say(group_members(os.getpid(), us) == {child.pid})
os.kill(child.pid, 9)
"""
    with running(code, mark=mark("w-self"), fnr=True) as program:
        assert [program.line(), program.line()] == ["True", "True"]
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
