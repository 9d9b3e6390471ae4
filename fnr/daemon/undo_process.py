"""One try at a step of undo, in a process of its own: started, waited for, proven gone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from contextlib import suppress

import msgspec

from fnr.api.undo_order import EXIT_HOPELESS, EXIT_UNDONE, UNDO_ID_VARIABLE, UndoOrder
from fnr.config.settings import FunctionSettings
from fnr.daemon.parts import Parts
from fnr.daemon.spawner import environment
from fnr.host import process
from fnr.host.process import Child, Exit, StopReport
from fnr.policy.undo import Outcome, Step, Tried, UndoPolicy

TAIL_BYTES_MAX = 16 * 1024
_READ_BYTES = 64 * 1024
_GRACE_MS = 1_000


async def carry_out(
    parts: Parts,
    step: Step,
    settings: FunctionSettings,
    policy: UndoPolicy,
    *,
    ours: bool,
) -> Outcome:
    """Try a step once, for as long as the policy allows; what came of it."""
    order = UndoOrder(
        undo_id=step.undo_id,
        kind=step.kind,
        data=step.data,
        ours=ours,
        within=settings.undo_within,
        http_timeout_s=policy.timeout_ms / 1_000,
        parent_pid=os.getpid(),
    )
    try:
        read_fd, write_fd = os.pipe()
    except OSError as error:
        return _not_started(error)
    try:
        child = process.spawn(
            [sys.executable, "-m", "fnr.worker.undo_step"],
            env=environment(parts.paths, settings, step.undo_id)
            | {UNDO_ID_VARIABLE: step.undo_id, "FNR_TASK_ID": step.task_id},
            cwd=settings.cwd,
            user=settings.user,
            stdin=msgspec.json.encode(order),
            stdout=write_fd,
            stderr=write_fd,
        )
    except (OSError, ValueError) as error:
        os.close(read_fd)
        return _not_started(error)
    finally:
        os.close(write_fd)
    tail = _Tail(parts, read_fd)
    try:
        ended, report = await _ended(parts, child, step.undo_id, timeout_ms=policy.timeout_ms)
    finally:
        tail.close()
        os.close(child.pidfd)
    if not report.proven:
        # Whatever it still does must not meet a second try.
        why = "whether a process of it is left could not be seen"
        if report.stuck:
            why = f"a process of it (pid {report.stuck[0]}) cannot be ended"
        return Outcome(tried=Tried.HOPELESS, why=why)
    return _outcome(step, ended, tail.last_line(), policy)


def _not_started(error: Exception) -> Outcome:
    return Outcome(tried=Tried.FAILED, why=f"its process could not be started: {error}")


async def end_cut_off(parts: Parts, step: Step) -> bool:
    """End what is left of a try that died with its daemon; whether nothing of it is there.

    Its process died at once, what that had started did not, and is known by its mark alone.
    """
    report = await process.stop_group(-1, -1, step.undo_id, grace_ms=_GRACE_MS, clock=parts.clock)
    return report.proven


async def _ended(
    parts: Parts, child: Child, mark: str, *, timeout_ms: int
) -> tuple[Exit | None, StopReport]:
    """How the process ended, None when it had to be ended; and what is left of it."""
    gone: asyncio.Future[None] = parts.loop.create_future()
    parts.loop.add_reader(child.pidfd, _tell, gone)
    in_time = True
    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            await gone
    except TimeoutError:
        in_time = False
    finally:
        parts.loop.remove_reader(child.pidfd)
    ended = process.reap(child.pid, child.pidfd) if in_time else None
    report = await process.stop_group(
        child.pid, child.pidfd, mark, grace_ms=_GRACE_MS, clock=parts.clock
    )
    if not in_time:
        with suppress(process.StillAlive, OSError):
            process.reap(child.pid, child.pidfd)
    return ended, report


def _tell(gone: asyncio.Future[None]) -> None:
    if not gone.done():
        gone.set_result(None)


def _outcome(step: Step, ended: Exit | None, words: str, policy: UndoPolicy) -> Outcome:
    if ended is None:
        late = f"it took longer than {policy.timeout_ms} ms and was ended"
        return Outcome(tried=Tried.FAILED, why=f"{late}: {words}" if words else late)
    if ended.code == EXIT_UNDONE:
        return Outcome(tried=Tried.UNDONE, why=words)
    # A program of the function's has its own exit codes.
    if ended.code == EXIT_HOPELESS and step.kind != "command":
        return Outcome(tried=Tried.HOPELESS, why=words or "it can never be carried out")
    how = f"killed by signal {ended.signal}" if ended.signal is not None else f"exit {ended.code}"
    return Outcome(tried=Tried.FAILED, why=f"{how}: {words}" if words else how)


class _Tail:
    """The end of what the process prints, however much that is."""

    def __init__(self, parts: Parts, fd: int) -> None:
        self._parts = parts
        self._fd = fd
        self._chunks: deque[bytes] = deque()
        self._size = 0
        os.set_blocking(fd, False)
        parts.loop.add_reader(fd, self._read)

    def close(self) -> None:
        """Take what is still there, and let go."""
        for _ in range(TAIL_BYTES_MAX):
            if not self._read():
                break
        self._parts.loop.remove_reader(self._fd)
        os.close(self._fd)

    def last_line(self) -> str:
        """Its last words."""
        text = b"".join(self._chunks)[-TAIL_BYTES_MAX:].decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    def _read(self) -> bool:
        try:
            chunk = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._parts.loop.remove_reader(self._fd)
            return False
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) >= TAIL_BYTES_MAX:
            self._size -= len(self._chunks.popleft())
        return True
