"""Lines of a pipe or a terminal as they come, and the pauses between them.

Who writes one line an hour wants each taken at once; who writes a hundred thousand in a second
wants them taken by the thousand.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator
from typing import IO

from fnr.host.clock import Clock

# So long nothing is said of a pause, counted from the one before.
PAUSE_MS = 100
BLOCK_BYTES = 1 << 20


def comes_by_and_by(file: IO[bytes]) -> bool:
    """Is it no regular file, of which all is there?"""
    try:
        return not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:
        return False


def lines_as_they_come(file: IO[bytes], clock: Clock, *, bytes_max: int) -> Iterator[bytes | None]:
    """The lines; None when nothing follows them yet.

    Of a line of more than bytes_max no more is kept than shows that it is.
    """
    rest, too_long = b"", False
    for block in _blocks(file.fileno(), clock):
        if block is None:
            yield None
            continue
        first, *others = (rest + block).split(b"\n")
        if others:
            if not too_long:
                yield first + b"\n"
            too_long = False
            yield from (line + b"\n" for line in others[:-1])
        rest = others[-1] if others else first
        if len(rest) > bytes_max:
            if not too_long:
                yield rest[: bytes_max + 1]
            rest, too_long = b"", True
    if rest and not too_long:
        yield rest


def _blocks(fd: int, clock: Clock) -> Iterator[bytes | None]:
    watch = select.poll()
    watch.register(fd, select.POLLIN)
    paused_at_ms = clock.boot_ms()
    while True:
        if not watch.poll(max(0, paused_at_ms + PAUSE_MS - clock.boot_ms())):
            paused_at_ms = clock.boot_ms()
            yield None
            watch.poll()
        block = os.read(fd, BLOCK_BYTES)
        if not block:
            return
        yield block
