"""A file that several processes add lines to, each on disk before whoever wrote it goes on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

from fnr.host.disk import fsync_folder, write_all

CUT_OFF = b"\x18"
_READ_BYTES = 1024 * 1024


def add_durably(path: str, line_after: Callable[[bytes], bytes]) -> None:
    """Add the line that line_after makes, seeing all that is there; it may raise to add nothing.

    Every call opens the file anew and takes its lock, which dies with its holder, so threads and
    forked copies of a process may write too. A line that was cut off is ended with CUT_OFF, a
    character that no text has, so that readers know it for one whose writer never went on.
    """
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        before = _read(fd)
        line = line_after(before)
        whole = not before or before.endswith(b"\n")
        write_all(fd, line if whole else CUT_OFF + b"\n" + line)
        os.fsync(fd)
    finally:
        os.close(fd)
    if not before:
        fsync_folder(os.path.dirname(path) or ".")  # noqa: PTH120 - pathlib costs 8 ms


def _read(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, _READ_BYTES):
        parts.append(part)
    return b"".join(parts)
