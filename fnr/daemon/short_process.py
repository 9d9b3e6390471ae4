"""A program that the daemon runs for a moment: started, heard, waited for, proven gone."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from fnr.daemon.parts import Parts
from fnr.host import process
from fnr.host.process import Child, Exit, StopReport

TAIL_BYTES_MAX = 16 * 1024
_READ_BYTES = 64 * 1024
# What a pipe can hold: who left its group may go on writing, faster than one can read.
_LAST_READS_MAX = 16
GRACE_MS = 1_000


class Ran(Struct, frozen=True, kw_only=True):
    """What came of it. ended: None when it took too long and was ended. words: its last line.

    left: why nobody can say that nothing of it is left; "" when nothing is.
    """

    ended: Exit | None
    words: str
    left: str = ""


async def run(
    parts: Parts,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: bytes,
    mark: str,
    timeout_ms: int,
    cwd: str | None = None,
    user: str | None = None,
) -> Ran:
    """Run it for so long at most. mark: stands in its environment, and what it starts has it.

    Raises OSError and ValueError when it cannot be started.
    """
    read_fd, write_fd = os.pipe()
    try:
        child = process.spawn(
            argv,
            env=dict(env),
            cwd=cwd,
            user=user,
            stdin=stdin,
            stdout=write_fd,
            stderr=write_fd,
        )
    except (OSError, ValueError):
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    tail = _Tail(parts, read_fd)
    try:
        ended, report = await _ended(parts, child, mark, timeout_ms=timeout_ms)
    except asyncio.CancelledError:
        process.kill_group(child)
        raise
    finally:
        tail.close()
        os.close(child.pidfd)
    left = ""
    if not report.proven:
        left = "whether a process of it is left could not be seen"
        if report.stuck:
            left = f"a process of it (pid {report.stuck[0]}) cannot be ended"
    return Ran(ended=ended, words=tail.last_line(), left=left)


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
        child.pid, child.pidfd, mark, grace_ms=GRACE_MS, clock=parts.clock
    )
    if not in_time:
        with suppress(process.StillAlive, OSError):
            process.reap(child.pid, child.pidfd)
    return ended, report


def _tell(gone: asyncio.Future[None]) -> None:
    if not gone.done():
        gone.set_result(None)


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
        for _ in range(_LAST_READS_MAX):
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
