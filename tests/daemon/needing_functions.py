"""Functions that need something of the host, for the daemon's tests."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import fnr


def bind(port: int) -> int:
    """Listen on a port for a moment."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}: ('127.0.0.1', {port})") from None
        door.listen()
    return port


def fill(path: str, mib: int) -> int:
    """Write a file of this size, or leave nothing."""
    try:
        Path(path).write_bytes(b"x" * (mib << 20))
    except OSError as error:
        Path(path).unlink()
        raise OSError(error.errno, error.strerror, path) from None
    return mib


def visible_gpus() -> str:
    """Which GPUs this process may use."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "all")


def wait_for_gpu() -> int:
    """Find no GPU of use the first time; which attempt did."""
    number = fnr.attempt().number
    if number == 1:
        raise fnr.Wait(gpus=1)
    return number
