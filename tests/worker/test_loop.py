"""The serving loop with a clock of the test's own: when a worker without a daemon gives up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fnr.api.frames import Done, Run, WorkerSpec, encode
from fnr.host.clock import Clock
from fnr.host.now_file import NoNowFile, NowFile
from fnr.policy.evidence import Evidence
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupts
from fnr.worker.loop import EXIT_DONE, ORPHAN_MS, Worker
from fnr.worker.outcome import Ended
from fnr.worker.own_log import OwnLog


class LeapingClock(Clock):
    """Every look at it is a minute later."""

    def __init__(self) -> None:
        self.looks = 0

    def boot_ms(self) -> int:
        self.looks += 1
        return self.looks * 60_000


class NoFunction:
    """Nothing will be run."""

    closed = False

    def load(self) -> Evidence | None:
        return None

    def run(self, run: Run) -> Ended:
        raise AssertionError(run)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    (tmp_path / "spool").mkdir()
    return WorkerSpec(
        worker_id="W",
        secret="s",
        function="f",
        kind="python",
        socket=str(tmp_path / "w.sock"),
        log_path=str(tmp_path / "log"),
        now_path=str(tmp_path / "now"),
        spool_dir=str(tmp_path / "spool"),
    )


def make(spec: WorkerSpec, clock: Clock) -> tuple[Worker, Duty, NoFunction]:
    interrupts, log = Interrupts(), OwnLog(spec)  # not installed: the signals are the test run's
    duty = Duty(spec, clock=clock, interrupts=interrupts, log=log)
    function = NoFunction()
    worker = Worker(
        function,
        duty=duty,
        now=NoNowFile(),
        interrupts=interrupts,
        log=log,
        clock=clock,
        tasks_max=None,
    )
    return worker, duty, function


def test_an_orphan_with_nothing_to_deliver_leaves(spec: WorkerSpec) -> None:
    clock = LeapingClock()
    worker, duty, function = make(spec, clock)
    assert worker.serve() == EXIT_DONE
    assert duty.leaving == "orphaned"
    assert clock.boot_ms() >= ORPHAN_MS
    assert function.closed


def test_an_orphan_with_a_result_stays_as_long_as_nobody_has_taken_it(spec: WorkerSpec) -> None:
    """For three hours nobody comes; then the result is taken, and ten minutes later it leaves."""
    clock = LeapingClock()
    worker, duty, _ = make(spec, clock)
    duty.results.keep("T", encode(Done(token="T")), durably=False)
    connect = duty.connect

    def connect_in_vain(now_ms: int) -> None:
        assert not duty.leaving
        if now_ms >= 3 * 3_600_000:
            duty.results.forget(["T"])
        connect(now_ms)

    duty.connect = connect_in_vain  # type: ignore[method-assign]  # the test's own cue
    assert worker.serve() == EXIT_DONE
    assert duty.leaving == "orphaned"
    assert clock.boot_ms() >= 3 * 3_600_000


def test_the_now_file_has_its_room_on_the_disk_from_the_start(spec: WorkerSpec) -> None:
    """A page of a mapping for which a full disk has no room is a SIGBUS at the first attempt."""
    NowFile(spec.now_path)
    fd = os.open(spec.now_path, os.O_RDONLY)
    try:
        assert os.lseek(fd, 0, os.SEEK_DATA) == 0  # ENXIO: it is a hole
    finally:
        os.close(fd)
