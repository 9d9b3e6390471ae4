"""Start processes, hold on to them by pidfd, signal them: everything fnr does to processes.

A pidfd names one process for ever, a pid only until it is reused; so whatever waits or kills
holds a pidfd, or checks the start time first.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal as signals
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import NoReturn

from msgspec import Struct

from fnr.host.disk import write_all
from fnr.host.group import MARK_VARIABLE, group_members
from fnr.host.limits import apply_nice
from fnr.host.other_user import other_user
from fnr.host.procfs import pid_start
from fnr.host.reaping import Exit, StillAlive, awaited, reap
from fnr.host.stopping import StopReport, stop_group, stop_group_blocking
from fnr.policy.used_up import is_used_up

__all__ = [
    "MARK_VARIABLE",
    "Child",
    "Exit",
    "StillAlive",
    "StopReport",
    "attach",
    "become",
    "become_subreaper",
    "die_with_parent",
    "group_members",
    "kill",
    "pid_start",
    "readable_within",
    "reap",
    "signal_pids",
    "spawn",
    "stop_group",
    "stop_group_blocking",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_F_ADD_SEALS = 1033
_F_SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8  # no more seals, no shrinking, no growing, no writing


class Child(Struct, frozen=True):
    """A process we started; whoever spawned it closes the pidfd after reaping."""

    pid: int
    pid_start: int
    pidfd: int


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | None = None,
    user: str | None = None,
    stdin: bytes = b"",
    output_path: str | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    nice: int | None = None,
    keep_open: tuple[int, ...] = (),
    limit: Callable[[], None] | None = None,
) -> Child:
    """Start a program in a session of its own; raises OSError when that is not possible.

    env:            exactly this environment, nothing of ours.
    user:           run as this user with all their groups; needs root unless it is us.
    stdin:          the program's whole standard input, of any size; empty means /dev/null.
    output_path:    file that standard output and error are appended to.
    stdout, stderr: file descriptors to use instead; without any of the three it is /dev/null.
    nice:           CPU priority from its first instruction on; None is ours.
    keep_open:      file descriptors that it has as well, by the same numbers.
    limit:          done by the child before it is the program: so all it starts is limited, too.

    Call it from a thread that lives on: a child that asked to die with its parent dies when the
    thread that started it ends.
    """
    opened: list[int] = []
    try:
        source = _filled(stdin) if stdin else os.open("/dev/null", os.O_RDONLY)
        opened.append(source)
        output = _output(output_path)
        opened.append(output)
        start = partial(
            _start,
            argv,
            env=env,
            cwd=cwd,
            user=user,
            fds=(
                source,
                output if stdout is None else stdout,
                output if stderr is None else stderr,
            ),
            keep_open=keep_open,
            limit=limit,
        )
        return start() if nice is None else _start_with_nice(start, nice)
    finally:
        for fd in opened:
            os.close(fd)


def attach(pid: int, pid_start_expected: int) -> int | None:
    """A pidfd for the process of this pid and start time, alive or zombie; None when it is gone.

    Raises OSError where no file descriptor is left to look with.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as error:
        if is_used_up(error):
            raise
        return None
    try:
        # Only after the open: what has the right start time now is what the pidfd names.
        same = pid_start(pid) == pid_start_expected
    except OSError:
        os.close(pidfd)
        raise
    if same:
        return pidfd
    os.close(pidfd)
    return None


def ends_within(pid: int, wait_ms: int) -> bool:
    """Wait so long for the end of a process that need not be ours; has it ended?"""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return readable_within(pidfd, wait_ms)
    finally:
        os.close(pidfd)


def readable_within(fd: int, wait_ms: int) -> bool:
    """Wait so long until there is something to read, of a pidfd the end of its process.

    Not by select(), which takes no descriptor above 1,023: a daemon with many workers has more.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(wait_ms))


def signal_pids(pids: Iterable[int], signal: int) -> int:
    """Send a signal to each; how many of them were there to get it."""
    reached = 0
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal)
            reached += 1
    return reached


def kill(child: Child) -> None:
    """SIGKILL to it alone, if it is still there."""
    with suppress(ProcessLookupError):
        signals.pidfd_send_signal(child.pidfd, signals.SIGKILL)


def kill_group(child: Child) -> None:
    """SIGKILL to it and what it has started, as far as that has not left its group.

    Call it before it is reaped: until then the group is its own.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signals.SIGKILL)


def become_subreaper() -> None:
    """Let orphans among our descendants become our children, so that none is out of sight."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent_pid: int | None = None, signal: int = signals.SIGKILL) -> None:
    """Ask the kernel to kill us when our parent ends.

    parent_pid: who the parent should be; if it is someone else by now, the parent ended before we
    asked and the signal is sent at once.
    """
    _prctl(_PR_SET_PDEATHSIG, signal)
    if parent_pid is not None and os.getppid() != parent_pid:
        os.kill(os.getpid(), signal)


def become(argv: Sequence[str]) -> NoReturn:
    """Go on as another program, with nothing to read; raises OSError when that is not possible."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.execvp(argv[0], list(argv))  # noqa: S606 - an argument vector, never a shell


def _start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | None,
    user: str | None,
    fds: tuple[int, int, int],
    keep_open: tuple[int, ...],
    limit: Callable[[], None] | None,
) -> Child:
    import subprocess  # noqa: PLC0415 - a Python worker starts nothing and saves its memory

    other = other_user(user)
    try:
        popen = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=fds[0],
            stdout=fds[1],
            stderr=fds[2],
            user=None if other is None else other.uid,
            group=None if other is None else other.gid,
            extra_groups=None if other is None else other.groups,
            close_fds=True,
            pass_fds=keep_open,
            start_new_session=True,
            preexec_fn=limit,  # noqa: PLW1509 - it makes system calls, and takes no lock
        )
    except subprocess.SubprocessError as error:
        raise OSError(errno.EPERM, f"its limits could not be set: {error}") from error
    except ValueError as error:  # a NUL byte or a lone surrogate in argv or env
        raise OSError(errno.EINVAL, f"cannot be passed to a program: {error}") from error
    # Popen must believe that the child is finished. Otherwise its destructor warns, and a later
    # Popen reaps the child behind our back and with it the exit status.
    popen.returncode = 0
    return _known(popen.pid)


def _known(pid: int) -> Child:
    """A child of ours that was just started; one that nobody could tell from others is ended."""
    try:
        start = pid_start(pid)
        if start is None:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH), f"/proc/{pid}/stat")
        child = Child(pid, start, os.pidfd_open(pid))
    except OSError:
        os.kill(pid, signals.SIGKILL)
        os.waitpid(pid, 0)
        raise
    awaited.add(pid)
    return child


def _start_with_nice(start: Callable[[], Child], nice: int) -> Child:
    """Start a child whose priority is right before it runs.

    On Linux a priority belongs to a thread and is inherited by what the thread starts. Set from
    outside it would come after the child's first steps, and what those started would not have it.
    The thread lives as long as the child, which may have asked to die with its parent.
    """
    started: SimpleQueue[Child | BaseException] = SimpleQueue()

    def life() -> None:
        try:
            apply_nice(nice)
            child = start()
            ended = _second(child)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            started.put(error)
            return
        started.put(child)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.poll()
        os.close(ended)

    Thread(target=life, name="child's priority", daemon=True).start()
    result = started.get()
    if isinstance(result, BaseException):
        raise result
    return result


def _second(child: Child) -> int:
    """Its pidfd once more. Raises OSError, and then nobody knows of the child: it is ended."""
    try:
        return os.dup(child.pidfd)
    except OSError:
        kill(child)
        os.waitpid(child.pid, 0)
        awaited.discard(child.pid)
        os.close(child.pidfd)
        raise


def _filled(data: bytes) -> int:
    """A file in memory to read data from: no pipe that blocks, no thread that feeds it."""
    fd = os.memfd_create("fnr-stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        write_all(fd, data)
        fcntl.fcntl(fd, _F_ADD_SEALS, _F_SEAL_ALL)
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _output(path: str | None) -> int:
    if path is None:
        return os.open("/dev/null", os.O_WRONLY)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _prctl(option: int, value: int) -> None:
    import ctypes  # noqa: PLC0415 - 1 MiB that most processes can do without

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"prctl {option}")
