"""The daemon's end of the process that ends, with the daemon, what its workers have started.

It is started for the first worker that needs it. Closing our end, by dying above all, is the sign.
"""

from __future__ import annotations

import os
import socket
import sys

import msgspec

from fnr.host import process
from fnr.host.process import Child
from fnr.host.wards import Ward


class Guard:
    """Knows the Python workers that end with the daemon; a command's worker ends its command."""

    def __init__(self) -> None:
        self._wards: dict[str, Ward] = {}
        self._line: socket.socket | None = None
        self._child: Child | None = None

    def watch(self, ward: Ward) -> None:
        """This worker has been started. Raises OSError when the guard cannot be."""
        self._wards[ward.mark] = ward
        if not self._say([ward]):
            self._start()
            self._say([*self._wards.values()])

    def forget(self, mark: str) -> None:
        """Nothing is left of this worker."""
        ward = self._wards.pop(mark, None)
        if ward is not None:
            self._say([msgspec.structs.replace(ward, gone=True)])

    def _say(self, wards: list[Ward]) -> bool:
        if self._line is None:
            return False
        try:
            self._line.sendall(b"".join(msgspec.json.encode(one) + b"\n" for one in wards))
        except OSError:  # somebody has ended it
            return False
        return True

    def _start(self) -> None:
        if self._child is not None and self._line is not None:
            # One that only does not listen would take the end of the line for ours.
            process.kill(self._child)
            self._line.close()
            os.close(self._child.pidfd)
            self._child = self._line = None
        line, theirs = socket.socketpair()
        # Whoever does not listen is replaced, not waited for.
        line.setblocking(False)
        try:
            self._child = process.spawn(
                [sys.executable, "-m", "fnr.host.wards"],
                env={k: v for k, v in os.environ.items() if not k.startswith("NOTIFY_")},
                cwd="/",
                stdout=theirs.fileno(),
            )
        except BaseException:
            line.close()
            raise
        finally:
            theirs.close()
        self._line = line
