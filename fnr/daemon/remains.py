"""What a dead worker left behind: exit, kernel facts, last words, results it could not deliver."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from fnr.api.frames import FRAME_BYTES_MAX, Done, Fail, from_worker
from fnr.config.paths import Paths
from fnr.daemon.parts import Parts, log
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host import exit_facts, process, worker_log
from fnr.host.clock import is_ulid, ulid_ms
from fnr.host.kernel_log import KernelLog, OwnGpus
from fnr.host.now_file import begun_last
from fnr.host.other_user import read_from, remove_tree
from fnr.host.process import Exit, StopReport
from fnr.host.subreaper import reap_strays
from fnr.policy.evidence import DAEMON_KILLED, TAIL_BYTES_MAX, Evidence, KilledBy, Phase
from fnr.policy.log_record import STDERR, STDOUT, decode
from fnr.policy.used_up import is_used_up

# Descriptors are given back by whoever leaves; until then nothing of a worker is decided.
LOOK_AGAIN_S = 1.0
# A shell's exit code for a child that a SIGKILL ended.
CHILD_KILLED = 128 + signal.SIGKILL
# Read at one start of the daemon; the next one reads more.
TOKENS_MAX = 100_000


@dataclass(slots=True)
class Remains:
    """evidence: of the death. begun: token of the attempt that had begun. spooled: its results."""

    evidence: Evidence
    begun: str | None
    spooled: list[Done | Fail] = field(default_factory=list)


async def stop_all(parts: Parts, worker: WorkerProcess) -> StopReport:
    """End its process group and prove it, as soon as there is a descriptor to look with."""
    while True:
        try:
            return await _stop(parts, worker)
        except OSError as error:
            await _descriptor(worker, error)


async def stop_living(parts: Parts, worker: WorkerProcess) -> None:
    """The same for one that lives. Who dies before it could be looked at is ended by who buries it,
    and its pidfd may be somebody else's by then."""
    while worker.state is not WorkerState.GONE:
        try:
            await _stop(parts, worker)
            return
        except OSError as error:
            await _descriptor(worker, error)


async def gather(parts: Parts, worker: WorkerProcess) -> Remains:
    """Reap the worker, prove that its group is gone, and collect what it left."""
    ended: Exit | None = None
    while True:
        try:
            ended = ended or process.reap(worker.identity.pid, worker.pidfd)
            return await _gather(parts, worker, ended)
        except OSError as error:
            await _descriptor(worker, error)


async def _stop(parts: Parts, worker: WorkerProcess) -> StopReport:
    return await process.stop_group(
        worker.identity.pid,
        worker.pidfd,
        worker.worker_id,
        grace_ms=worker.settings.grace_ms,
        clock=parts.clock,
    )


async def _descriptor(worker: WorkerProcess, error: OSError) -> None:
    """Wait where that is what was missing; else raise."""
    if not is_used_up(error):
        raise error
    why = {"worker_id": worker.worker_id, "why": error.strerror}
    log.warning("a worker cannot be looked at yet", extra=why)
    await asyncio.sleep(LOOK_AGAIN_S)


async def _gather(parts: Parts, worker: WorkerProcess, ended: Exit) -> Remains:
    """Raises OSError where no file descriptor is left to look with."""
    report = await stop_all(parts, worker)
    reap_strays()
    if report.proven:
        parts.guard.forget(worker.worker_id)
    if report.stuck:
        log.error(
            "processes of a dead worker cannot be ended",
            extra={"worker_id": worker.worker_id, "pids": list(report.stuck)},
        )
    evidence = with_last_words(
        worker, death(worker, ended, stop_proven=report.proven, log_of=parts.kernel_log)
    )
    evidence = with_its_daemon(worker, with_kernel_words(parts, worker, evidence))
    return Remains(
        evidence=parts.redactor.evidence(evidence),
        begun=begun_token(worker),
        spooled=spooled_results(parts.paths.spool_of(worker.uid), worker),
    )


def death(worker: WorkerProcess, ended: Exit, *, stop_proven: bool, log_of: KernelLog) -> Evidence:
    """The evidence of a worker's end."""
    facts = exit_facts.oom_facts(
        worker.identity.pid, pid_start=worker.identity.pid_start, watch=worker.memory, log=log_of
    )
    stderr, stdout = last_words(worker)
    return Evidence(
        phase=Phase.RUN if worker.ever_ready else Phase.IMPORT,
        message=_headline(ended, oom_killed=facts.killed),
        exit_code=ended.code,
        signal=ended.signal,
        core_dumped=ended.core_dumped,
        worker_died=True,
        stop_proven=stop_proven,
        oom_killed=facts.killed,
        stderr_tail=stderr,
        stdout_tail=stdout,
        missing=(*ended.missing, *facts.missing),
    )


def _of_command(parts: Parts, worker: WorkerProcess, frame: Fail) -> Evidence:
    """Add whether the kernel killed the command of an attempt because memory ran out."""
    evidence = frame.evidence
    by_child = evidence.exit_code == CHILD_KILLED
    if not frame.pid or evidence.killed_by or not (by_child or evidence.signal == signal.SIGKILL):
        return evidence
    ask = exit_facts.oom_facts_of_child if by_child else exit_facts.oom_facts
    facts = ask(frame.pid, pid_start=frame.pid_start, watch=worker.memory, log=parts.kernel_log)
    # What was counted so far is told; the next command's death is another one.
    worker.memory = exit_facts.watch_memory(worker.identity.pid)
    message = evidence.message
    if facts.killed:
        said = f"exit code {CHILD_KILLED}" if by_child else "by SIGKILL"
        cause = "because memory ran out"
        message = message.replace(said, f"{said}, {cause}" if by_child else cause, 1)
    return replace(
        evidence,
        message=message,
        oom_killed=facts.killed,
        kernel=(*evidence.kernel, *((facts.line,) if by_child and facts.line else ())),
        missing=(*evidence.missing, *facts.missing),
    )


def with_kernel_words(parts: Parts, worker: WorkerProcess, evidence: Evidence) -> Evidence:
    """Add what the kernel log says of the worker: once, to the failure that it goes with."""
    who = worker.identity
    places = (parts.bus_places.get(uuid, "") for uuid in worker.own_gpus)
    gpus = OwnGpus(frozenset(filter(None, places)), worker.kernel_mark)
    return exit_facts.with_kernel_words(
        evidence, who.pid, pid_start=who.pid_start, log=parts.kernel_log, gpus=gpus
    )


def frame_with_kernel_words(parts: Parts, worker: WorkerProcess, frame: Done | Fail) -> Done | Fail:
    """The same for what a worker says of the end of an attempt."""
    if isinstance(frame, Done):
        if worker.own_gpus:
            worker.kernel_mark = parts.kernel_log.mark()
        return frame
    evidence = with_kernel_words(parts, worker, _of_command(parts, worker, frame))
    return frame if evidence is frame.evidence else replace(frame, evidence=evidence)


def with_its_daemon(worker: WorkerProcess, evidence: Evidence) -> Evidence:
    """Who ends with an earlier daemon has not failed: that daemon was killed, and it with it."""
    if worker.ours or worker.settings.on_daemon_exit != "kill":
        return evidence
    if evidence.exit_code is not None or evidence.signal not in {None, signal.SIGKILL}:
        return evidence
    return replace(
        evidence, killed_by=KilledBy.DRAIN, kill_reason=DAEMON_KILLED, message=DAEMON_KILLED
    )


def with_last_words(worker: WorkerProcess, evidence: Evidence) -> Evidence:
    """Add what the worker still reported of the attempt that was ended with it."""
    if not worker.farewell:
        return evidence
    [*_, fail] = worker.farewell.values()
    return replace(
        fail.evidence,
        exit_code=evidence.exit_code,
        signal=evidence.signal,
        worker_died=True,
        stop_proven=evidence.stop_proven,
        missing=(*fail.evidence.missing, *evidence.missing),
    )


def begun_token(worker: WorkerProcess) -> str | None:
    """The attempt that had begun when the worker ended, as it said or its mapped file says.

    Raises OSError where no file descriptor is left to look with.
    """
    if worker.farewell:
        return next(reversed(worker.farewell))
    try:
        token = begun_last(worker.now_path, worker.uid).token
    except OSError as error:
        if is_used_up(error):
            raise
        # Without the file the order is all we know: the first one given is the first one begun.
        current = worker.current
        return current.token if current else None
    return token if token in worker.held else None


def begun_at_ms(worker: WorkerProcess) -> int | None:
    """When the attempt began that it runs, on the boot clock: others may be set meanwhile.

    None: it does not say so, as those do that an older version has started.
    """
    try:
        begun = begun_last(worker.now_path, worker.uid)
    except OSError:
        return None
    if begun.token not in worker.held or begun.at_boot_ms is None:
        return None
    return min(begun.at_boot_ms, worker.heard_at_ms)


def spooled_results(spool_dir: str, worker: WorkerProcess) -> list[Done | Fail]:
    """Results that the worker wrote to its spool before it ended. Raises OSError as begun_token."""
    found: list[Done | Fail] = []
    for token in worker.held:
        try:
            path = f"{spool_dir}/{token}.json"
            line = read_from(path, worker.uid, bytes_max=FRAME_BYTES_MAX)
        except OSError as error:
            if is_used_up(error):  # what it has done would be done again
                raise
            continue
        with contextlib.suppress(ValueError, RecursionError):
            frame = from_worker.decode(line)
            if isinstance(frame, Done | Fail) and frame.token == token:
                found.append(frame)
    return found


def ended_at_ms(paths: Paths, worker: WorkerProcess, token: str, heard_at_ms: int) -> int:
    """When an attempt ended: of one that nobody could hear of then, when it was spooled."""
    if worker.state is not WorkerState.GONE and token not in worker.finished_away:
        return heard_at_ms
    try:
        spooled = os.lstat(f"{paths.spool_of(worker.uid)}/{token}.json")
    except OSError:
        return heard_at_ms
    # The clock may have been set, and the file is the worker's: never before its claim.
    return min(max(spooled.st_mtime_ns // 1_000_000, ulid_ms(token)), heard_at_ms)


def forget_spooled(spool_dir: str, tokens: Iterable[str]) -> None:
    """Remove results of dead workers from the spool, once they are settled."""
    for token in tokens:
        # What another user keeps under that name may be a folder, and is theirs to clear up.
        with contextlib.suppress(OSError):
            (Path(spool_dir) / f"{token}.json").unlink()


def spooled_tokens(spool_dir: str, suffix: str = ".json") -> list[str]:
    """Whose results, or journals, lie in the spool; what has no token's name is nobody's."""
    found = islice(Path(spool_dir).glob(f"*{suffix}"), TOKENS_MAX)
    return sorted(file.stem for file in found if is_ulid(file.stem))


def last_words(worker: WorkerProcess) -> tuple[str, str]:
    """The end of the worker's log on stderr and stdout, behind what earlier attempts have printed.

    What no record says, as of a Python function, counts as stderr.
    """
    try:
        tail = worker_log.read_span(worker.log_path, worker.log_heard_to, tail_bytes=TAIL_BYTES_MAX)
    except OSError:
        return "", ""
    said = {STDERR: bytearray(), STDOUT: bytearray()}
    for line in tail.splitlines(keepends=True):
        record = decode(line)
        said[record.stream if record else STDERR] += record.written if record else line
    return said[STDERR].decode("utf-8", "replace"), said[STDOUT].decode("utf-8", "replace")


def _headline(ended: Exit, *, oom_killed: bool | None) -> str:
    if oom_killed:
        return "the worker was killed because memory ran out"
    if ended.signal is not None:
        try:
            name = signal.Signals(ended.signal).name
        except ValueError:
            name = f"signal {ended.signal}"
        return f"the worker was killed by {name}"
    if ended.code is not None:
        return f"the worker ended with exit code {ended.code}"
    return "the worker ended; how is not known"


def forget(worker: WorkerProcess, spool_dir: str) -> None:
    """Remove what only it needed: which attempt had begun, its working folder, half a result."""
    with contextlib.suppress(OSError):
        Path(worker.now_path).unlink()
    for folder in Path(spool_dir).glob(f"{worker.worker_id}.*work"):
        remove_tree(str(folder))
    # It may have died while it wrote into the spool; nobody else has its pid in a draft's name.
    for draft in Path(spool_dir).glob(f"*.{worker.identity.pid}-*.tmp"):
        with contextlib.suppress(OSError):
            draft.unlink()
