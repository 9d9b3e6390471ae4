"""Read a file of settings whole, within bounds: no endless file or silent pipe holds us up."""

from __future__ import annotations

import os
import select

# A pipe that somebody writes into, as a shell's <(…), has something to say soon.
SILENCE_MS_MAX = 5_000


def read_whole(path: str, *, bytes_max: int) -> bytes:
    """Its bytes. Raises OSError; ValueError when there are more, or a pipe stays silent."""
    fd = open_to_read(path)
    try:
        return read_open(fd, bytes_max=bytes_max)
    finally:
        os.close(fd)


def open_to_read(path: str) -> int:
    """A descriptor; to open a pipe waits for nobody. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def read_open(fd: int, *, bytes_max: int) -> bytes:
    """As read_whole, of what is open already."""
    if (size := os.fstat(fd).st_size) > bytes_max:
        raise ValueError(f"{size} bytes; at most {bytes_max} are read")
    chunks: list[bytes] = []
    left = bytes_max + 1
    while left > 0 and (chunk := _read(fd, left)):
        chunks.append(chunk)
        left -= len(chunk)
    if left <= 0:
        raise ValueError(f"it does not end; at most {bytes_max} bytes are read")
    return b"".join(chunks)


def _read(fd: int, count: int) -> bytes:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while poll.poll(SILENCE_MS_MAX):
        try:
            return os.read(fd, count)
        except BlockingIOError:
            continue
    raise ValueError(f"it is a pipe, and nobody has written into it for {SILENCE_MS_MAX} ms")
