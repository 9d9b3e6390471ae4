"""One trial at a time over all processes, and none is lost with its holder."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

from host_programs import Program, running

from fnr.host.breaker_lease import TrialLeases

PROCESSES = 8
ROUNDS = int(os.environ.get("FNR_TRIAL_ROUNDS", "30"))

CONTENDER = """
from fnr.host.breaker_lease import TrialLeases
leases = TrialLeases(sys.argv[1])
say("ready")
while hear():
    say("mine" if leases.take("storage") else "not")
"""


def contender(stack: ExitStack, path: str) -> Program:
    program = stack.enter_context(running(CONTENDER, path, fnr=True))
    assert program.line() == "ready"
    return program


def test_eight_processes_never_try_at_once_whoever_is_killed(tmp_path: Path) -> None:
    """Method: all ask at the same moment; exactly one gets it, and is killed with it in hand.

    FNR_TRIAL_ROUNDS=1000 plays a thousand rounds.
    """
    path = str(tmp_path / "trials")
    with ExitStack() as stack:
        # Each with a stack of its own: the pipes of a thousand killed ones are too many to keep.
        own = [stack.enter_context(ExitStack()) for _ in range(PROCESSES)]
        programs = [contender(each, path) for each in own]
        for _ in range(ROUNDS):
            for program in programs:
                program.tell("go")
            answers = [program.line() for program in programs]
            assert sorted(answers) == ["mine", *["not"] * (PROCESSES - 1)]
            winner = answers.index("mine")
            os.kill(programs[winner].pid, signal.SIGKILL)
            programs[winner].end()
            own[winner].close()
            programs[winner] = contender(own[winner], path)


def test_within_a_process_it_is_one_at_a_time_too(tmp_path: Path) -> None:
    leases = TrialLeases(str(tmp_path / "trials"))
    assert leases.take("storage")
    assert leases.holds("storage")
    assert not leases.take("storage")
    assert leases.take("comfyui"), "another breaker is another byte"
    leases.release("storage")
    leases.release("storage")
    assert not leases.holds("storage")
    assert leases.take("storage")


def test_a_forked_child_does_not_hold_what_its_parent_holds(tmp_path: Path) -> None:
    program = """
from fnr.host.breaker_lease import TrialLeases
leases = TrialLeases(sys.argv[1])
leases.take("storage")
def child():
    say(leases.holds("storage"), leases.take("storage"))
pid = fork(child)
os.waitpid(pid, 0)
say(leases.holds("storage"))
"""
    with running(program, str(tmp_path / "trials"), fnr=True) as parent:
        assert parent.line() == "False False"
        assert parent.line() == "True"


def test_a_removed_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "trials"
    first, second = TrialLeases(str(path)), TrialLeases(str(path))
    assert first.take("storage")
    first.release("storage")
    path.unlink()
    assert second.take("storage")
    second.release("storage")
    assert first.take("storage")
    assert path.exists()
