"""The functions that fnr's and Huey's workers run: the same code for both."""

from __future__ import annotations

import errno
import os
import signal
import time

# Path of a file in memory that takes 8 bytes for every call: the moment it was made.
STAMPS_ENV = "FNR_BENCH_STAMPS"
# About 200 bytes of JSON in, about 90 out, as in the comparison of peers.
PAYLOAD = {"payload": "x" * 184}
ANSWER = {"status": "done", "note": "y" * 60}

_stamps_fd = -1


def noop(payload: str) -> dict[str, str]:
    """Do nothing but note when; one write into memory, about a microsecond."""
    _stamp()
    return ANSWER if payload else {}


def failing(payload: str) -> None:
    """Note when, and fail as a function whose model is not there."""
    _stamp()
    try:
        _load("/models/flux1-dev.safetensors")
    except OSError as error:
        raise RuntimeError(f"no model for {len(payload)} bytes of prompt") from error


def _load(path: str) -> None:
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _stamp() -> None:
    global _stamps_fd  # noqa: PLW0603 - opened once per worker process
    if _stamps_fd < 0:
        _stamps_fd = os.open(os.environ[STAMPS_ENV], os.O_WRONLY | os.O_APPEND)
    os.write(_stamps_fd, time.monotonic_ns().to_bytes(8, "little"))


def plain(payload: str) -> dict[str, str]:
    """Do nothing at all."""
    return ANSWER if payload else {}


def hold(fifo: str = "") -> int:
    """Tell the pid through a FIFO and stay until killed; without one, end at once."""
    if fifo:
        with open(fifo, "w") as bell:  # noqa: PTH123 - the worker under test loads no pathlib
            bell.write(f"{os.getpid()}\n")
        signal.pause()
    return os.getpid()
