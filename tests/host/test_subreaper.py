"""Orphans come to their subreaper, who finds and reaps them without touching its own children."""

from __future__ import annotations

from host_programs import running


def test_orphans_are_found_and_reaped_and_own_children_are_left_alone() -> None:
    code = """
from fnr.host.process import become_subreaper, reap, spawn
from fnr.host.subreaper import reap_strays, strays
become_subreaper()
own = spawn(["true"], env=dict(os.environ))
gone = own.pid
os.waitid(os.P_PID, gone, os.WEXITED | os.WNOWAIT)
ours, theirs = os.pipe()
def orphan():
    os.write(theirs, b"%d" % os.getpid())
    hear()
escape(orphan)
stray = int(os.read(ours, 20))
say("found", strays({gone}) == {stray})
say("none reaped", reap_strays() == set())
say("go on")
os.waitid(os.P_PID, stray, os.WEXITED | os.WNOWAIT)
say("reaped", reap_strays() == {stray})
say("none left", strays({gone}) == set())
say("ours", reap(gone, own.pidfd).code == 0)
say("nobody", reap_strays() == set())
"""
    with running(code, fnr=True) as program:
        assert [program.line() for _ in range(3)] == ["found True", "none reaped True", "go on"]
        program.tell()
        assert [program.line() for _ in range(3)] == ["reaped True", "none left True", "ours True"]
        assert program.line() == "nobody True"
        assert program.end().code == 0


def test_without_a_subreaper_nobody_is_ours() -> None:
    code = """
from fnr.host.subreaper import strays
say(strays(()) == set())
"""
    with running(code, fnr=True) as program:
        assert program.line() == "True"
