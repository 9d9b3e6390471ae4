"""Set the stage of a drill: a throwaway home with service and proxies, or the running daemon."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from fnr.api.chaos_requests import InjectFault
from fnr.api.errors import Failed
from fnr.api.requests import ResumeFunction
from fnr.cli.drill.cases import CASE_TAG, SERVICE_FAULTS
from fnr.cli.drill.home import DrillHome, make_home
from fnr.cli.drill.play import BREAKER_PORT, Stage
from fnr.cli.drill.rest import put_to_rest
from fnr.cli.drill.upstream import service
from fnr.cli.stage.caretaker import watched
from fnr.cli.stage.home import environment
from fnr.cli.stage.interruptions import Interruptions
from fnr.cli.stage.processes import (
    STOP_PATIENCE_MS,
    Daemon,
    run_command,
    take_end,
    wait_or_kill,
)
from fnr.client.sdk import Client
from fnr.config.paths import Paths
from fnr.host import process
from fnr.host.lock import home_holder
from fnr.host.process import attach, pid_start, signal_pids
from fnr.policy.chaos import CANARY

_MARKS = "marks-"


def throwaway_stage(interruptions: Interruptions, cleanup: ExitStack) -> tuple[Stage, Paths, Path]:
    """A home of its own; everything that it starts is ended by `cleanup`."""
    with interruptions.held():
        home = make_home(None)
        cleanup.callback(home.remove)
    # Last of all it may go: whoever is killed before has not cleaned up.
    cleanup.enter_context(watched(home, interruptions))
    cleanup.callback(home.remove)
    home.configure()
    daemon = Daemon(home, interruptions)
    cleanup.callback(_end_successor, home)
    cleanup.callback(daemon.stop)
    daemon.start()
    port = cleanup.enter_context(service())
    ports = _proxies(home, port, interruptions, cleanup)
    client = cleanup.enter_context(Client(home.root, timeout="60s", reconnect="30s"))

    def check() -> int:
        """How many broken invariants the store has."""
        ran = run_command(home, interruptions, "db", "check", "-o", "json")
        items = ran.json().get("items")
        found = len(items) if isinstance(items, list) else 1
        return found if ran.code == 0 or found else 1

    stage = Stage(client=client, marks=home.marks, output=home.output, ports=ports, check=check)
    return stage, home.paths, home.accepted


def live_stage(paths: Paths, cleanup: ExitStack) -> tuple[Stage, Paths, Path]:
    """The running daemon, of which only canary tasks are touched; Refused when it does not want to.

    Nothing is left behind by asking.
    """
    # One drill plays at a time: these are of one that was killed.
    for old in Path(paths.chaos_dir).glob(f"{_MARKS}*"):
        shutil.rmtree(old, ignore_errors=True)
    marks = Path(tempfile.mkdtemp(prefix=_MARKS, dir=paths.chaos_dir))
    cleanup.callback(shutil.rmtree, marks, ignore_errors=True)
    client = cleanup.enter_context(Client(paths.home or None, timeout="60s", reconnect="30s"))
    may = InjectFault(
        fault="error", duration_ms=1_000, reason="fnr chaos drill", where=f"tag.{CASE_TAG}:error",
        dry_run=True,
    )  # fmt: skip
    client.ask(may)
    # One that was killed at this very moment left it paused, and has not cleaned up.
    client.ask(ResumeFunction(functions=[CANARY]))
    put_to_rest(client)
    cleanup.callback(put_to_rest, client)
    stage = Stage(client=client, marks=marks, output=None, ports={}, check=lambda: 0)
    return stage, paths, marks / "accepted.jsonl"


def _proxies(
    home: DrillHome, upstream: int, interruptions: Interruptions, cleanup: ExitStack
) -> dict[str, int]:
    """One port for each fault of a service, all in one process."""
    folder = Path(home.paths.chaos_dir) / "proxies"
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    names = (*SERVICE_FAULTS, BREAKER_PORT)
    ports = ",".join("0" for _ in names)
    words = [ports, f"127.0.0.1:{upstream}", str(folder), str(os.getpid())]
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd) as said:
        try:
            with interruptions.held():
                child = process.spawn(
                    [sys.executable, "-m", "fnr.host.faults.proxy", *words],
                    env=environment(),
                    cwd=str(home.root),
                    stdout=write_fd,
                    output_path=str(home.logs / "proxy.log"),
                )
                cleanup.callback(take_end, child, patience_ms=STOP_PATIENCE_MS)
                cleanup.callback(signal_pids, [child.pid], signal.SIGKILL)
        finally:
            os.close(write_fd)
        line = said.readline()
    if not line:
        raise Failed("the fault proxy of the drill did not start")
    return dict(zip(names, map(int, line.split(",")), strict=True))


def _end_successor(home: DrillHome) -> None:
    """The daemon that came after the one that was killed is nobody's child: wait until it is gone.

    It was asked to end already.
    """
    pid = home_holder(home.paths.lock_file)
    start = None if pid is None else pid_start(pid)
    pidfd = None if pid is None or start is None else attach(pid, start)
    if pid is None or pidfd is None:
        return
    try:
        wait_or_kill(pid, pidfd)
    finally:
        os.close(pidfd)
