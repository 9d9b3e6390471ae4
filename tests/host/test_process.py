"""A started program gets exactly what it was given, and its exit is ours alone to take."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from host_programs import descriptors_left, environment, open_descriptors, running, wait_for_end

from fnr.host.process import Child, Exit, attach, ends_within, pid_start, reap, signal_pids, spawn
from fnr.host.procfs import scan

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


def _end(child: Child) -> Exit:
    wait_for_end(child.pidfd)
    end = reap(child.pid, child.pidfd)
    os.close(child.pidfd)
    return end


def _output(tmp_path: Path, code: str, **given: object) -> str:
    """What a Python program prints."""
    path = tmp_path / "output"
    child = spawn(
        [sys.executable, "-I", "-S", "-c", "import os, sys\n" + code],
        **{"env": environment(), "output_path": str(path), **given},  # type: ignore[arg-type]  # by name
    )
    assert _end(child).code == 0, path.read_text()
    return path.read_text()


def test_it_leads_a_session_of_its_own(tmp_path: Path) -> None:
    told = _output(tmp_path, "print(os.getsid(0) == os.getpid() == os.getpgrp())")
    assert told == "True\n"


def test_standard_input_of_any_size_is_there_at_once(tmp_path: Path) -> None:
    """8 MiB would block any pipe that nobody reads; the program here reads only its length."""
    code = "data = sys.stdin.buffer.read()\nprint(len(data), set(data))"
    assert _output(tmp_path, code, stdin=b"x" * (8 << 20)) == f"{8 << 20} {{120}}\n"


def test_without_input_it_reads_the_end_at_once(tmp_path: Path) -> None:
    assert _output(tmp_path, "print(sys.stdin.buffer.read())") == "b''\n"


def test_the_input_cannot_be_changed_by_whoever_reads_it(tmp_path: Path) -> None:
    code = """
try:
    os.write(os.open("/proc/self/fd/0", os.O_RDWR), b"y")
except OSError as error:
    print(error.strerror)
"""
    assert _output(tmp_path, code, stdin=b"x") == "Operation not permitted\n"


def test_the_environment_is_the_given_one(tmp_path: Path) -> None:
    env = {"A": "1", "FNR_TEST_RUN": os.environ["FNR_TEST_RUN"]}
    told = _output(tmp_path, "print(sorted(os.environ.items()))", env=env)
    # Python itself sets LC_CTYPE when there is no locale.
    kept = [pair for pair in env.items() if pair[0] != "LC_CTYPE"]
    assert (
        told.replace("('LC_CTYPE', 'C.UTF-8'), ", "").replace(", ('LC_CTYPE', 'C.UTF-8')", "")
        == f"{sorted(kept)}\n"
    )


def test_it_inherits_no_file_but_the_three(tmp_path: Path) -> None:
    leak = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        told = _output(tmp_path, "print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")
    finally:
        os.close(leak)
    assert told == "[0, 1, 2]\n"


def test_we_keep_no_file_but_the_pidfd(tmp_path: Path) -> None:
    before = open_descriptors()
    child = spawn(["true"], env=environment(), stdin=b"x", output_path=str(tmp_path / "log"))
    assert len(open_descriptors()) == len(before) + 1
    assert _end(child).code == 0
    with pytest.raises(FileNotFoundError):
        spawn(["/does/not/exist"], env={}, stdin=b"x", output_path=str(tmp_path / "log"))
    assert open_descriptors() == before


def test_output_and_errors_are_appended_to_a_file_that_is_ours_alone(tmp_path: Path) -> None:
    code = "print('out', flush=True); print('err', file=sys.stderr)"
    assert _output(tmp_path, code) == "out\nerr\n"
    assert _output(tmp_path, code) == "out\nerr\nout\nerr\n"
    assert (tmp_path / "output").stat().st_mode & 0o777 == 0o600


def test_output_and_errors_can_be_kept_apart(tmp_path: Path) -> None:
    out, its_out = os.pipe()
    code = "print('out'); print('err', file=sys.stderr)"
    with os.fdopen(out) as reader:
        try:
            assert _output(tmp_path, code, stdout=its_out) == "err\n"
        finally:
            os.close(its_out)
        assert reader.read() == "out\n"


def test_it_starts_in_the_given_folder(tmp_path: Path) -> None:
    assert _output(tmp_path, "print(os.getcwd())", cwd=str(tmp_path)) == f"{tmp_path}\n"


@AS_ROOT
def test_its_priority_is_right_from_the_first_step_and_ours_unchanged(tmp_path: Path) -> None:
    before = os.nice(0)
    assert _output(tmp_path, "import os; print(os.nice(0))", nice=before + 3) == f"{before + 3}\n"
    assert os.nice(0) == before


def test_a_priority_we_may_not_give_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nonsense"):
        spawn(["nonsense"], env=environment(), nice=5)


def test_it_runs_as_the_given_user_with_no_group_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "output"
    child = spawn(["id"], env=environment(), user="nobody", output_path=str(path))
    assert _end(child).code == 0
    assert path.read_text().startswith("uid=65534(nobody)")
    assert "(root)" not in path.read_text()


def test_ourselves_is_a_user_that_needs_no_root(tmp_path: Path) -> None:
    import pwd

    name = pwd.getpwuid(os.geteuid()).pw_name
    assert _output(tmp_path, "print(os.getuid())", user=name) == f"{os.geteuid()}\n"


@pytest.mark.parametrize(
    ("argv", "given", "number"),
    [
        (["/does/not/exist"], {}, errno.ENOENT),
        (["/etc/passwd"], {}, errno.EACCES),
        (["true"], {"cwd": "/does/not/exist"}, errno.ENOENT),
        (["true"], {"output_path": "/does/not/exist/log"}, errno.ENOENT),
        (["true"], {"user": "nobody-of-this-name"}, errno.EINVAL),
        (["true", "a\0b"], {}, errno.EINVAL),
        (["true", "\ud800"], {}, errno.EINVAL),
        (["true"], {"env": {"A": "\0"}}, errno.EINVAL),
        (["/bin/true", "x" * (4 << 20)], {}, errno.E2BIG),
    ],
)
def test_what_cannot_be_started_says_why(
    argv: list[str], given: dict[str, object], number: int
) -> None:
    before = open_descriptors()
    with pytest.raises(OSError) as caught:
        spawn(argv, **{"env": environment(), **given})  # type: ignore[arg-type]  # by name
    assert caught.value.errno == number
    assert open_descriptors() == before


def test_the_exit_is_still_there_after_another_start() -> None:
    """A forgotten Popen would be reaped by the next one, and warn when it is collected."""
    child = spawn(["sh", "-c", "exit 6"], env=environment())
    gc.collect()
    wait_for_end(child.pidfd)
    assert _end(spawn(["true"], env=environment())).code == 0
    assert _end(child).code == 6


def test_one_attaches_to_the_process_that_is_meant_and_to_no_other() -> None:
    with running("say('up')\nhear()") as program:
        assert program.line() == "up"
        pid, start = program.pid, program.child.pid_start
        assert pid_start(pid) == start
        assert attach(pid, start + 1) is None, "the pid is in use again by a later process"
        pidfd = attach(pid, start)
        assert pidfd is not None
        program.tell()
        wait_for_end(pidfd)
        os.close(pidfd)
        zombie = attach(pid, start)
        assert zombie is not None, "its exit can still be learned"
        os.close(zombie)
        assert program.end().code == 0
        assert attach(pid, start) is None


@pytest.mark.parametrize("left", [0, 1])
def test_without_a_descriptor_nobody_is_said_to_be_gone(left: int) -> None:
    """One is needed to name the process, and one to read since when it is there."""
    with running("say('up')\nhear()") as program:
        assert program.line() == "up"
        pid, start = program.pid, program.child.pid_start
        before = open_descriptors()
        with descriptors_left(left), pytest.raises(OSError, match="Too many open files"):
            attach(pid, start)
        with descriptors_left(2):
            pidfd = attach(pid, start)
        assert pidfd is not None
        os.close(pidfd)
        assert open_descriptors() == before
        program.tell()
        assert program.end().code == 0


def test_a_child_that_cannot_be_told_from_others_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Method: the last descriptor goes between its start and the first look at it."""

    def no_more(_: int) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def children() -> set[int]:
        return {pid for pid, stat in scan().items() if stat.parent == os.getpid()}

    before = children()
    monkeypatch.setattr("fnr.host.process.pid_start", no_more)
    with pytest.raises(OSError, match="Too many open files"):
        spawn(["sleep", "60"], env=environment())
    assert children() == before


def test_a_child_whose_end_cannot_be_waited_for_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ran on, and whoever had started it was told that it could not be started.

    Method: the last descriptor was the one by which it is held.
    """

    def no_more(_: int) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def children() -> set[int]:
        return {pid for pid, stat in scan().items() if stat.parent == os.getpid()}

    before, descriptors = children(), open_descriptors()
    monkeypatch.setattr("fnr.host.process.os.dup", no_more)
    with pytest.raises(OSError, match="Too many open files"):
        spawn(["sleep", "60"], env=environment(), nice=5)
    assert children() == before
    assert open_descriptors() == descriptors


def test_signals_reach_those_that_are_there() -> None:
    with running("say('up')\nrest()") as one, running("") as gone:
        assert one.line() == "up"
        assert gone.end().code == 0
        assert signal_pids([one.pid, gone.pid], signal.SIGTERM) == 1
        assert one.end().signal == signal.SIGTERM


CHILD_OF_A_WORKER = """
from fnr.host.process import die_with_parent
die_with_parent({parent})
os.write(1, b"%d\\n" % os.getpid())
rest()
"""


def test_who_asked_to_die_with_its_parent_does() -> None:
    code = f"fork(lambda: exec({CHILD_OF_A_WORKER.format(parent='')!r}))\nrest()"
    with running(code, fnr=True) as parent:
        pid = int(parent.line())
        start = pid_start(pid)
        assert start is not None
        pidfd = attach(pid, start)
        assert pidfd is not None
        os.kill(parent.pid, signal.SIGKILL)
        wait_for_end(pidfd)
        os.close(pidfd)
        assert parent.silent()


def test_who_asks_after_its_parent_is_gone_dies_at_once() -> None:
    with running(CHILD_OF_A_WORKER.format(parent=1), fnr=True) as program:
        assert os.getpid() != 1
        assert program.end().signal == signal.SIGKILL


def test_the_end_of_a_stranger_is_waited_for() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as stranger:
        assert not ends_within(stranger.pid, 0)
        assert stranger.stdin is not None
        stranger.stdin.close()
        assert ends_within(stranger.pid, 30_000), "a zombie has ended"
    assert ends_within(stranger.pid, 0)
