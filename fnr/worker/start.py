"""Turn a fresh process into a worker: read what to be, set the process up, serve."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from typing import TextIO

import msgspec

from fnr.api.frames import WorkerSpec
from fnr.host.clock import Clock
from fnr.host.limits import apply_nice
from fnr.host.now_file import open_now_file
from fnr.host.process import become_subreaper, die_with_parent
from fnr.policy.evidence import Evidence, Phase
from fnr.worker import sdk, undo
from fnr.worker.capture import capture
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupts
from fnr.worker.loop import Function, Worker
from fnr.worker.own_log import OwnLog

EXIT_BAD_SPEC = 78
_IN_PROCESS = ("python", "comfyui")
_KINDS = (*_IN_PROCESS, "command", "run")


def main() -> int:
    """Be the worker that standard input describes; the exit code."""
    try:
        spec = msgspec.json.decode(_read_stdin(), type=WorkerSpec)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        os.write(2, f"fnr.worker is started by the daemon; no specification: {error}\n".encode())
        return EXIT_BAD_SPEC
    clock = Clock()
    interrupts = Interrupts()
    interrupts.install()
    log = OwnLog(spec)
    trouble = _set_up_process(spec, interrupts, clock)
    now, why_not = open_now_file(spec.now_path)
    if why_not:
        log.say(f"cannot say which attempt has begun: {why_not}")
    duty = Duty(
        spec,
        clock=clock,
        interrupts=interrupts,
        log=log,
        one_by_one=bool(why_not),
        ends_unasked=_is_killed_with_daemon(spec),
    )
    duty.journal.heed(now)
    function = _function(spec, duty=duty, interrupts=interrupts, log=log, clock=clock)
    worker = Worker(
        function,
        duty=duty,
        now=now,
        interrupts=interrupts,
        log=log,
        clock=clock,
        tasks_max=spec.max_tasks,
    )
    return worker.serve() if trouble is None else worker.fail_to_load(trouble)


def _read_stdin() -> bytes:
    """All of standard input; afterwards it is /dev/null, so that no function waits for it."""
    parts = []
    while part := os.read(0, 65536):
        parts.append(part)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return b"".join(parts)


def _set_up_process(spec: WorkerSpec, interrupts: Interrupts, clock: Clock) -> Evidence | None:
    """Everything that must be so before foreign code runs; evidence of what was not possible."""
    faulthandler.enable(file=2)
    for stream in (sys.stdout, sys.stderr):
        _show_lines_at_once(stream)
    try:
        if spec.trial_fd >= 0:
            os.set_inheritable(spec.trial_fd, False)
        become_subreaper()
        if spec.die_with_daemon:
            _end_with_daemon(spec, interrupts)
        if spec.nice is not None:
            apply_nice(spec.nice)
        if spec.cwd is not None:
            os.chdir(spec.cwd)
        if spec.kind not in _KINDS:
            raise ValueError(f"unknown kind of function {spec.kind!r}")
        # What `-m` put there is the folder the daemon was started in.
        sys.path[0 : 0 if sys.flags.safe_path else 1] = [_working_folder()]
    except (OSError, ValueError) as error:
        return capture(error, phase=Phase.IMPORT, now_ms=clock.now_ms())
    return None


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib costs 8 ms
    except FileNotFoundError as error:
        why = "the folder in which the daemon was started is gone, and the function names no cwd"
        raise FileNotFoundError(error.errno, why) from None


def _is_killed_with_daemon(spec: WorkerSpec) -> bool:
    """Its death leaves no moment to write what it has in memory: the daemon may have read it and
    not committed it. A function may be where it hears of no wish; a command's worker hears it."""
    return spec.die_with_daemon and spec.kind in _IN_PROCESS


def _end_with_daemon(spec: WorkerSpec, interrupts: Interrupts) -> None:
    if _is_killed_with_daemon(spec):
        die_with_parent(spec.daemon_pid)
    else:
        # Not SIGTERM: it comes once for each thread of the daemon, and of those the second counts.
        interrupts.heed(signal.SIGHUP)
        die_with_parent(spec.daemon_pid, signal.SIGHUP)


def _show_lines_at_once(stream: TextIO) -> None:
    """What was printed before a crash must be in the log after it."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True, errors="backslashreplace")


def _function(
    spec: WorkerSpec, *, duty: Duty, interrupts: Interrupts, log: OwnLog, clock: Clock
) -> Function:
    if spec.kind not in _IN_PROCESS:
        from fnr.worker.command import Command  # noqa: PLC0415 - a Python worker saves the memory

        return Command(spec, duty=duty, interrupts=interrupts, log=log, clock=clock)
    from fnr.worker.control import Control  # noqa: PLC0415 - a command's worker has one thread
    from fnr.worker.python_function import PythonFunction  # noqa: PLC0415 - likewise

    control = Control(duty, clock, breaker_path=spec.breaker_path)
    control.start()
    sdk.set_host(control)
    # Not taken away from forked copies: what they do for the attempt is undone with it.
    undo.set_journal(duty.journal)
    os.register_at_fork(after_in_child=lambda: sdk.set_host(None))
    return PythonFunction(
        spec, duty=duty, control=control, interrupts=interrupts, log=log, clock=clock
    )
