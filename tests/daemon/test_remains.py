"""What a worker left is looked at before anything of it is decided, however long that takes."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import select
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from live_home import LiveHome
from msgspec import Raw
from test_bad_days import pipes
from test_task_life import end_of, function, submit

from fnr.api import requests as ask
from fnr.api.errors import StorageError
from fnr.api.frames import Done, encode
from fnr.config.settings import FunctionSettings
from fnr.daemon import remains
from fnr.daemon.adopter import Adopter
from fnr.daemon.parts import Parts
from fnr.daemon.worker_process import Held, WorkerProcess, WorkerState
from fnr.host import process
from fnr.host.clock import Clock, ulid_ms
from fnr.host.kernel_log import KernelLog
from fnr.host.now_file import NowFile
from fnr.policy.evidence import KilledBy
from fnr.policy.record import WorkerRecord
from fnr.policy.task import Attempt, TaskState, WorkerIdentity

HomeAt = Callable[[str], LiveHome]
TOKEN = "01K0000000000000000000000A"


def no_descriptor(*_: object, **__: object) -> Any:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def failing_once(real: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter([no_descriptor])

    def step(*args: Any, **given: Any) -> Any:
        return next(calls, real)(*args, **given)

    return step


def parts_at(folder: Path) -> Parts:
    same = SimpleNamespace(evidence=lambda evidence: evidence)
    parts = SimpleNamespace(
        boot_id="boot",
        clock=Clock(),
        guard=SimpleNamespace(forget=lambda _: None),
        kernel_log=KernelLog(str(folder / "kmsg"), clock=Clock()),
        bus_places={},
        redactor=same,
        paths=SimpleNamespace(spool_of=lambda _: str(folder)),
    )
    return cast("Parts", parts)


def ended_worker(folder: Path) -> WorkerProcess:
    """Its process has ended, and its result lies in the spool."""
    child = process.spawn(["true"], env={"PATH": os.environ["PATH"]})
    select.select([child.pidfd], [], [])
    done = Done(token=TOKEN, result=Raw(b'"done"'), duration_ms=1)
    (folder / f"{TOKEN}.json").write_bytes(encode(done))
    return WorkerProcess(
        identity=WorkerIdentity(
            worker_id="w", function="f", boot_id="boot", pid=child.pid, pid_start=child.pid_start
        ),
        settings=FunctionSettings(name="f", kind="python"),
        secret="",
        pidfd=child.pidfd,
        log_path=str(folder / "log"),
        now_path=str(folder / "now"),
        uid=None,
        started_at_ms=0,
        ours=True,
        state=WorkerState.GONE,
        held={TOKEN: Held(TOKEN, cast("Any", None))},
    )


@pytest.mark.parametrize(
    ("spooled_s", "ended_s"), [(1_000, 1_000), (-5, 0), (7_200, 3_600)], ids=["", "before", "after"]
)
def test_an_attempt_ended_between_its_claim_and_when_that_was_heard(
    tmp_path: Path, spooled_s: int, ended_s: int
) -> None:
    """Whatever the time of its file says: somebody may have set the clock, or touched it."""
    worker = ended_worker(tmp_path)
    os.close(worker.pidfd)
    claimed_ms = ulid_ms(TOKEN)
    spooled_ns = (claimed_ms + spooled_s * 1_000) * 1_000_000
    os.utime(tmp_path / f"{TOKEN}.json", ns=(spooled_ns, spooled_ns))
    paths = parts_at(tmp_path).paths
    found = remains.ended_at_ms(paths, worker, TOKEN, claimed_ms + 3_600_000)
    assert found == claimed_ms + ended_s * 1_000


@pytest.mark.parametrize("step", ["fnr.host.process.stop_group", "fnr.daemon.remains.read_from"])
def test_a_result_is_waited_for_while_no_descriptor_is_left_to_read_it_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    worker = ended_worker(tmp_path)
    module, _, name = step.rpartition(".")
    real = getattr(process if module == "fnr.host.process" else remains, name)
    monkeypatch.setattr(step, failing_once(real))
    monkeypatch.setattr(remains, "LOOK_AGAIN_S", 0)
    found = asyncio.run(remains.gather(parts_at(tmp_path), worker))
    os.close(worker.pidfd)
    assert [frame.token for frame in found.spooled] == [TOKEN]
    assert found.evidence.exit_code == 0
    assert found.evidence.stop_proven


async def test_who_dies_before_it_could_be_stopped_is_left_to_its_burial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tried a second time was a pidfd that had been closed, or was somebody else's."""
    worker, tries = ended_worker(tmp_path), []
    worker.state = WorkerState.READY

    async def dies_meanwhile(*given: object, **_: object) -> None:
        tries.append(given)
        worker.state = WorkerState.GONE
        no_descriptor()

    monkeypatch.setattr(remains, "LOOK_AGAIN_S", 0)
    monkeypatch.setattr(process, "stop_group", dies_meanwhile)
    await remains.stop_living(parts_at(tmp_path), worker)
    assert len(tries) == 1
    os.close(worker.pidfd)


def test_a_worker_of_before_that_cannot_be_looked_at_is_not_settled_for_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("fnr.host.process.attach", no_descriptor)
    adopter = Adopter(parts_at(tmp_path), cast("Any", None), cast("Any", None))
    record = WorkerRecord(
        worker_id="w", function="f", state="busy", boot_id="boot", pid=4711, pid_start=1,
        started_at_ms=0,
    )  # fmt: skip
    with pytest.raises(StorageError) as caught:
        adopter._take(record, [])
    assert "pid 4711" in caught.value.why
    assert "Too many open files" in caught.value.why


def test_how_long_an_attempt_of_before_runs_is_told_by_the_clock_that_nobody_can_set(
    tmp_path: Path,
) -> None:
    """The wall clock was set two hours on meanwhile: each with a timeout of an hour was ended."""
    clock, pid = Clock(), os.getpid()
    parts: Any = parts_at(tmp_path)
    parts.later = parts.last_known = lambda *_: None
    parts.paths.uid_of_now_file = lambda _: None
    supervisor: Any = SimpleNamespace(pools={"f": "pool"}, adopt=lambda *_: None, interrupt=0)
    adopter = Adopter(parts, supervisor, cast("Any", None))
    record = WorkerRecord(
        worker_id="w", function="f", state="busy", boot_id="boot", pid=pid,
        pid_start=cast("int", process.pid_start(pid)), started_at_ms=0,
        log_path="log", now_path=str(tmp_path / "now"),
    )  # fmt: skip
    attempt = Attempt(
        token=TOKEN, task_id="t", number=1, worker_id="w", boot_id="boot", pid=pid,
        pid_start=record.pid_start, started_at_ms=clock.now_ms() - 7_200_000,
    )  # fmt: skip
    begun_ms = clock.boot_ms() - 5
    for token, ended, said in (
        (TOKEN, False, True),
        (TOKEN, True, True),
        ("another", False, False),
    ):
        now = NowFile(str(tmp_path / "now"))
        now.begin(token, begun_ms)
        if ended:
            now.end()
        worker = adopter._take(record, [(cast("Any", None), attempt)])
        assert (worker.begun_at_ms == begun_ms) is said
        os.close(worker.pidfd)


def test_deadlines_are_kept_also_by_a_daemon_that_had_no_descriptor_for_a_while(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: its worker is silent, so it is looked at; what is open already stays so."""
    started, gate = pipes(tmp_path, "started", "gate")
    extra = 'hang_timeout = "1s"'
    home = home_at(function("hang", "block_on", extra)).up()
    given = {"fifo": str(gate), "started": str(started)}
    task_id = submit(home, "hang", given, retries_max=0, timeout_ms=1_500)
    pid = int(started.read_text())
    assert home.process is not None
    before = resource.prlimit(home.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(home.process.pid, resource.RLIMIT_NOFILE, (0, before[1]))
    os.kill(pid, signal.SIGSTOP)
    while "a worker cannot be looked at yet" not in home.log():
        pass
    resource.prlimit(home.process.pid, resource.RLIMIT_NOFILE, before)
    assert end_of(home, task_id).task.state is TaskState.DEAD
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.killed_by is KilledBy.TIMEOUT
    assert "Traceback" not in home.log()
