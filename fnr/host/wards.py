"""`python -m fnr.host.wards`: outlive the daemon, and end what its workers have started.

The kernel ends a worker with its daemon, and nobody whom the worker has started. Who that is comes
as lines on standard output, which is a socket; its end is the daemon's end, however it came.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from threading import Thread

import msgspec

from fnr.host.clock import Clock
from fnr.host.process import attach, stop_group_blocking


class Ward(msgspec.Struct, frozen=True, kw_only=True):
    """A worker whose group ends with the daemon.

    mark: what its environment and its descendants' bear. gone: its group is known to be empty.
    """

    pid: int
    pid_start: int
    mark: str
    grace_ms: int
    gone: bool = False


def main() -> int:
    """Listen until the daemon is gone, then end everybody who is left; the exit code."""
    wards: dict[str, Ward] = {}
    with (
        socket.socket(fileno=1) as line,
        line.makefile("rb") as lines,
        # A daemon that is killed in the middle of a line breaks it off.
        suppress(ConnectionError, msgspec.DecodeError),
    ):
        for said in lines:
            ward = msgspec.json.decode(said, type=Ward)
            wards[ward.mark] = ward
            if ward.gone:
                del wards[ward.mark]
    ends = [Thread(target=_end, args=(ward,)) for ward in wards.values()]
    for end in ends:
        end.start()
    for end in ends:
        end.join()
    return 0


def _end(ward: Ward) -> None:
    pidfd = None
    with suppress(OSError):  # without a descriptor for it, its mark has to do
        pidfd = attach(ward.pid, ward.pid_start)
    known = -1 if pidfd is None else pidfd
    stop_group_blocking(ward.pid, known, ward.mark, grace_ms=ward.grace_ms, clock=Clock())
    if pidfd is not None:
        os.close(pidfd)


if __name__ == "__main__":
    sys.exit(main())
