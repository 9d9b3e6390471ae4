"""A command that ends by itself just when it is to be ended."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fake_daemon import FakeDaemon

from fnr.api.frames import Cancel, Fail, WorkerSpec
from fnr.host.clock import Clock
from fnr.policy.evidence import KilledBy
from fnr.worker import command_child
from fnr.worker.command_child import CommandChild, Plan
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupts
from fnr.worker.own_log import OwnLog


@pytest.mark.parametrize("code", [0, 3])
def test_what_ends_well_before_it_could_be_asked_to_has_not_been_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Its work was done again: to look for whom to ask takes as long as many a command."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    opened = os.open(gate, os.O_RDWR)  # both ends, so that neither waits for the other
    (tmp_path / "spool").mkdir()
    spec = WorkerSpec(
        worker_id="W", secret="s", function="f", kind="command", socket=str(tmp_path / "w.sock"),
        log_path=str(tmp_path / "log"), now_path=str(tmp_path / "now"),
        spool_dir=str(tmp_path / "spool"),
    )  # fmt: skip
    look = command_child.stop_group_blocking

    def look_when_it_has_ended(pid: int, pidfd: int, *rest: Any, **named: Any) -> Any:
        os.write(opened, b"go on\n")
        assert select.select([pidfd], [], [], 30)[0]
        return look(pid, pidfd, *rest, **named)

    monkeypatch.setattr(command_child, "stop_group_blocking", look_when_it_has_ended)
    # A worker's other children are its command's; here they are other tests'.
    monkeypatch.setattr(command_child, "strays", lambda _known: set())
    monkeypatch.setattr(command_child, "reap_ended", int)
    interrupts, log, clock = Interrupts(), OwnLog(spec), Clock()
    duty = Duty(spec, clock=clock, interrupts=interrupts, log=log)
    script = 'read line < "$0"; exit "$1"'
    plan = Plan(argv=["sh", "-c", script, str(gate), str(code)], env=dict(os.environ))
    child = CommandChild(plan, duty=duty, interrupts=interrupts, log=log, clock=clock)
    interrupts.asked = True
    ending = child.finish()
    assert ending.exit is not None
    assert (ending.exit.code, ending.asked) == (code, code != 0)
    os.close(opened)


def test_a_result_that_takes_too_long_to_read_is_given_up(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    """Else the worker is killed for it. Method: a file of holes, which is large at once."""
    result = tmp_path / "large"
    worker, peer = daemon.serve(
        kind="command", command=("truncate", "-s", "64G", "{out}"), result="file:{out}", grace_ms=1
    )
    token = peer.run({"out": str(result)})
    while not _is_read_by(worker.pid, result):
        pass
    peer.send(Cancel(token=token, reason="timeout", why="took too long", force=True))
    evidence = peer.expect(Fail).evidence
    assert (evidence.killed_by, evidence.message) == (KilledBy.TIMEOUT, "took too long")
    assert (evidence.exit_code, evidence.stop_proven) == (0, True)
    result.unlink()


def _is_read_by(pid: int, file: Path) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        # It may be closed before it is looked at.
        with suppress(FileNotFoundError):
            if descriptor.readlink() == file.resolve():
                return True
    return False
