"""Bring the daemon up in the background, or say why it did not come; wait until it has gone."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from fnr.api.errors import (
    ConfigError,
    DaemonDown,
    Failed,
    FnrError,
    PermissionDenied,
    Refused,
    StorageError,
    TimedOut,
    TryAgain,
    error_types,
)
from fnr.api.requests import GetStatus
from fnr.cli.here import Here
from fnr.cli.terminal import one_line
from fnr.client.connect import RETRY_MS, Connection, checked_socket_path
from fnr.config.paths import Paths, why_not_made
from fnr.host import disk, process
from fnr.host.inotify import Inotify
from fnr.host.limits import processes_max
from fnr.host.lock import home_holder

LOOK_MS = 50
# A daemon that has much to do is not taken for one that hangs, however little time there is.
ANSWER_MS_MIN = 1_000
ANSWER_MS_MAX = 5_000
REASON_LINES = 8
LOG_NAME = "daemon.log"
# What a daemon that cannot even open its log has said.
BOOT_LOG_NAME = "daemon-start.log"


def start_daemon(here: Here, *, within_ms: int) -> int | None:
    """Start it and wait until it answers; its pid, or None if one runs already."""
    checked_socket_path(here.paths)
    give_up_at_ms = here.clock.boot_ms() + within_ms
    while not _another_stays(here, give_up_at_ms=give_up_at_ms):
        try:
            return _start(here, within_ms=within_ms)
        except Refused:
            # Somebody else started one at the same moment, and that one has the home.
            if not is_running(here.paths):
                raise
    return None


def _start(here: Here, *, within_ms: int) -> int:
    words = _Words(here.paths)
    try:
        child = process.spawn(
            _command(here.paths),
            env=_environment(),
            cwd="/",
            output_path=str(words.boot_log),
        )
    except BlockingIOError as error:
        raise TryAgain(
            "the daemon cannot be started",
            why=f"no process can be: you may have {processes_max()} processes and threads",
            next_step="ulimit -u",
        ) from error
    except OSError as error:
        raise Failed("the daemon cannot be started", why=str(error)) from error
    try:
        _wait_until_it_answers(here, child, words, within_ms=within_ms)
    finally:
        os.close(child.pidfd)
    return child.pid


def is_running(paths: Paths) -> bool:
    """Does somebody hold the daemon's lock, or answer at its socket?"""
    if home_holder(paths.lock_file) is not None:
        return True
    try:
        Connection(paths, timeout_ms=1_000).close()
    except DaemonDown:
        return False
    return True


def _another_stays(here: Here, *, give_up_at_ms: int) -> bool:
    """Does a daemon run that will go on? One that is ending, or only just beginning, is waited for.

    A store that is being compacted or restored has the daemon's lock, too.
    """
    told = False
    while is_running(here.paths):
        state = _state(here.paths, within_ms=give_up_at_ms - here.clock.boot_ms())
        if state not in {"", "draining"}:
            return True
        pid = home_holder(here.paths.lock_file)
        left_ms = give_up_at_ms - here.clock.boot_ms()
        if left_ms <= 0:
            what = "is ending and has not ended yet" if state else "does not answer"
            raise TimedOut(
                "no daemon was started",
                why=f"pid {pid} has {here.paths.lock_file} and {what}",
                next_step=f"{here.command} daemon status" if state else f"ps -fp {pid}",
            )
        if state and not told:
            here.notice(f"the daemon, pid {pid}, is ending; another is started when it has ended")
            told = True
        if wait_for_end(pid, within_ms=min(left_ms, LOOK_MS)):
            # Its last moments, or a process that cannot be seen from here.
            select.select([], [], [], RETRY_MS / 1_000)
    return False


def _state(paths: Paths, *, within_ms: int) -> str:
    """How the daemon is; "" when it does not say so."""
    timeout_ms = min(max(within_ms, ANSWER_MS_MIN), ANSWER_MS_MAX)
    try:
        with Connection(paths, timeout_ms=timeout_ms) as connection:
            return connection.ask(GetStatus()).state
    except (DaemonDown, TimedOut, TryAgain):
        return ""


def wait_until_gone(here: Here, pid: int | None, *, within_ms: int) -> None:
    """Wait until the daemon's process has ended."""
    if not wait_for_end(pid, within_ms=within_ms):
        raise TimedOut(
            "the daemon has not ended yet",
            why=f"pid {pid} still runs after {within_ms} ms; it may be draining",
            next_step=f"{here.command} daemon stop --now",
        )


def wait_for_end(pid: int | None, *, within_ms: int) -> bool:
    """Wait for the end of a process; whether it has ended."""
    start = None if pid is None else process.pid_start(pid)
    pidfd = None if pid is None or start is None else process.attach(pid, start)
    if pidfd is None:
        return True
    try:
        gone, _, _ = select.select([pidfd], [], [], within_ms / 1_000)
    finally:
        os.close(pidfd)
    return bool(gone)


def _environment() -> dict[str, str]:
    """Ours, without what belongs to whoever started us: a worker's mark, a service's sockets.

    With a worker's mark the daemon would count as a process that this worker left behind.
    """
    others = {"FNR_TASK_ID", "FNR_ATTEMPT", "FNR_TOKEN"}
    others |= {process.MARK_VARIABLE, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
    return {name: value for name, value in os.environ.items() if name not in others}


def _command(paths: Paths) -> list[str]:
    command = [sys.executable, "-m", "fnr"]
    if paths.home:
        command += ["--home", paths.home]
    if paths.config_file != f"{paths.config_dir}/fnr.toml":
        command += ["--config", paths.config_file]
    return [*command, "daemon", "--log-file", f"{paths.log_dir}/{LOG_NAME}"]


def _wait_until_it_answers(
    here: Here, child: process.Child, words: _Words, *, within_ms: int
) -> None:
    give_up_at_ms = here.clock.boot_ms() + within_ms
    with Inotify() as watch:
        watch.folder(here.paths.run_dir)
        while here.clock.boot_ms() < give_up_at_ms:
            if _answers(here.paths, child.pid):
                return
            ended, _, _ = select.select([child.pidfd], [], [], 0)
            if ended:
                raise _died(here, process.reap(child.pid, child.pidfd), words)
            watch.wait(LOOK_MS)
    raise TimedOut(
        "the daemon does not answer yet",
        why=f"pid {child.pid} runs for {within_ms} ms without answering",
        details=words.last(),
        next_step=f"{here.command} daemon status",
    )


def _answers(paths: Paths, pid: int) -> bool:
    try:
        with Connection(paths, timeout_ms=ANSWER_MS_MAX) as connection:
            return connection.ask(GetStatus()).pid == pid
    except FnrError:
        return False


def _died(here: Here, end: process.Exit, words: _Words) -> FnrError:
    how = f"signal {end.signal}" if end.signal is not None else f"exit code {end.code}"
    kinds = {kind.exit_code: kind for kind in error_types().values()}
    kind = kinds.get(end.code or 1, Failed)
    next_step = f"{here.command} config check" if kind is ConfigError else f"{here.command} daemon"
    return kind(
        "the daemon did not come up",
        why=f"it ended with {how}",
        details=words.last() or (disk.words_of_room(here.paths.log_dir),),
        next_step=next_step,
    )


class _Words:
    """What a daemon that is being started says: the end of it, and of its log if it said nothing.

    Lines that an earlier daemon left in the log are not its words.
    """

    def __init__(self, paths: Paths) -> None:
        self.boot_log = _boot_log(paths)
        self._log = Path(paths.log_dir) / LOG_NAME
        self._of_earlier = _status(self._log)

    def last(self) -> tuple[str, ...]:
        """The last lines, for people."""
        for file, start in ((self.boot_log, 0), (self._log, self._begin())):
            try:
                lines = file.read_bytes()[start:].decode("utf-8", "replace").splitlines()
            except OSError:
                continue
            if lines:
                return tuple(f"| {one_line(line)}" for line in lines[-REASON_LINES:])
        return ()

    def _begin(self) -> int:
        """Where its own lines begin; a log that was rotated meanwhile is its own from the start."""
        now = _status(self._log)
        return self._of_earlier[1] if now[0] == self._of_earlier[0] else 0


def _status(file: Path) -> tuple[int, int]:
    """Which file it is and how long; (0, 0) without one."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_size


def _boot_log(paths: Paths) -> Path:
    folder = Path(paths.log_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / BOOT_LOG_NAME
        file.write_bytes(b"")
    except PermissionError as error:
        raise PermissionDenied(
            f"{folder} cannot be written", why=str(error.strerror), next_step="fnr --home DIR …"
        ) from error
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written", why=why_not_made(str(folder), error)
        ) from error
    return file
