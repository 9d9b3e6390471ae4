"""The processes of a throwaway home: its daemon and commands; started, killed, ended.

All are ended by identity, and afterwards nobody of them is left, workers included.
"""

from __future__ import annotations

import json
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from fnr.api.errors import Failed, FnrError
from fnr.api.requests import StopDaemon
from fnr.cli.stage.home import ThrowawayHome, environment
from fnr.cli.stage.interruptions import Interruptions
from fnr.client.connect import Connection
from fnr.client.patience import connect_again
from fnr.host import process
from fnr.host.lock import home_holder
from fnr.host.process import Child, Exit, group_members, pid_start, signal_pids

START_PATIENCE_MS = 20_000
STOP_PATIENCE_MS = 15_000
COMMAND_PATIENCE_MS = 60_000
LOG_TAIL_CHARS = 2_000
# What is killed may have forked just before; what sleeps uninterruptibly is not waited for.
KILL_ROUNDS_MAX = 50


class Daemon:
    """The daemon of the throwaway home."""

    def __init__(self, home: ThrowawayHome, interruptions: Interruptions) -> None:
        self._home = home
        self._interruptions = interruptions
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self._home.logs / "daemon.log"
        with self._interruptions.held():
            self._child = child = process.spawn(
                self._home.command("daemon"),
                env=environment() | {process.MARK_VARIABLE: self._home.mark},
                cwd=str(self._home.root),
                output_path=str(log),
            )
        for _ in range(START_PATIENCE_MS // 500):
            try:
                connect_again(self._home.paths, timeout_ms=5_000, patience_ms=500).close()
            except FnrError as error:
                if has_ended(child, timeout_ms=0):
                    raise not_started(log) from error
            else:
                return
        raise not_started(log)

    def kill(self) -> int:
        """SIGKILL; the pid that it had."""
        child, self._child = self._child, None
        assert child is not None, "it runs"
        signal_pids([child.pid], signal.SIGKILL)
        take_end(child, patience_ms=STOP_PATIENCE_MS)
        return child.pid

    def stop(self) -> None:
        """End it and its workers at once; whoever does not listen is killed."""
        if self._child is not None:
            try:
                with Connection(self._home.paths, timeout_ms=2_000) as connection:
                    connection.ask(StopDaemon(now=True))
            except FnrError:
                signal_pids([self._child.pid], signal.SIGTERM)
            if has_ended(self._child, timeout_ms=STOP_PATIENCE_MS):
                take_end(self._child, patience_ms=0)
                self._child = None
            else:
                self.kill()
        kill_orphans(self._home)


def end_daemon(home: ThrowawayHome) -> bool:
    """End a daemon that is nobody's child, with its workers; False: there is none."""
    pid = home_holder(home.paths.lock_file)
    start = None if pid is None else pid_start(pid)
    pidfd = None if pid is None or start is None else process.attach(pid, start)
    if pid is None or pidfd is None:
        return False
    try:
        with suppress(FnrError), Connection(home.paths, timeout_ms=2_000) as connection:
            connection.ask(StopDaemon(now=True))
        wait_or_kill(pid, pidfd)
    finally:
        os.close(pidfd)
    return True


def wait_or_kill(pid: int, pidfd: int) -> None:
    """Until it is gone, by force when it takes too long."""
    gone, _, _ = select.select([pidfd], [], [], STOP_PATIENCE_MS / 1_000)
    if not gone:
        signal_pids([pid], signal.SIGKILL)
        select.select([pidfd], [], [], STOP_PATIENCE_MS / 1_000)


def kill_orphans(home: ThrowawayHome) -> None:
    """Kill workers that outlived their daemon; the log of each, there from birth, is its id."""
    for worker_id in {log.stem for log in home.logs.glob("*/*.log")}:
        kill_marked(worker_id)


def kill_marked(mark: str) -> None:
    """Kill whoever was started under this mark, and what that has started."""
    for _ in range(KILL_ROUNDS_MAX):
        # No process has the pid -1: the mark in the environment alone decides.
        if not signal_pids(group_members(-1, mark), signal.SIGKILL):
            break


class Ran:
    """A command that ended: its exit and what it said."""

    def __init__(self, exit_: Exit, said: str) -> None:
        self.code = exit_.code
        self.said = said

    def json(self) -> dict[str, object]:
        """What it said, as JSON; Failed when it is none."""
        try:
            found: dict[str, object] = json.loads(self.said)
        except ValueError as error:
            raise Failed("a command gave no JSON", why=self.said[-LOG_TAIL_CHARS:]) from (error)
        return found


def run_command(home: ThrowawayHome, interruptions: Interruptions, *words: str) -> Ran:
    """Run `fnr --home HOME WORDS…` to its end; what it says on stderr goes to a log."""
    out = home.logs / f"command-{words[0]}.out"
    out.unlink(missing_ok=True)
    fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    child = None
    try:
        with interruptions.held():
            child = process.spawn(
                home.command(*words),
                env=environment(),
                cwd=str(home.root),
                stdout=fd,
                output_path=str(home.logs / "commands.log"),
            )
        has_ended(child, timeout_ms=COMMAND_PATIENCE_MS)
    finally:
        os.close(fd)
        exit_ = take_end(child, patience_ms=0) if child else None
    assert exit_ is not None
    return Ran(exit_, out.read_text("utf-8", "replace"))


def kill_worker(pid: int, pid_start: int) -> bool:
    """SIGKILL a worker; False when it is gone already."""
    pidfd = process.attach(pid, pid_start)
    if pidfd is None:
        return False
    try:
        return bool(signal_pids([pid], signal.SIGKILL))
    finally:
        os.close(pidfd)


def has_ended(child: Child, *, timeout_ms: int) -> bool:
    """Whether a child ends within so long."""
    poll = select.poll()
    poll.register(child.pidfd, select.POLLIN)
    return bool(poll.poll(timeout_ms))


def take_end(child: Child, *, patience_ms: int) -> Exit:
    """Reap a child, killing it when it does not end in time."""
    if not has_ended(child, timeout_ms=patience_ms):
        signal_pids([child.pid], signal.SIGKILL)
        has_ended(child, timeout_ms=STOP_PATIENCE_MS)
    try:
        return process.reap(child.pid, child.pidfd)
    finally:
        os.close(child.pidfd)


def not_started(log: Path) -> Failed:
    """A process did not come up: what its log says."""
    said = log.read_text("utf-8", "replace")[-LOG_TAIL_CHARS:] if log.exists() else ""
    return Failed(
        f"the {log.stem} did not start",
        why="its last words follow" if said else "it said nothing",
        details=tuple(said.splitlines()[-10:]),
        next_step="fnr demo --keep, which leaves its logs",
    )
