"""The daemon's end of a dead-man process: start it, hear what it sees, let it go.

While this end is open the fault may act. Closing it, on purpose or by dying, ends the fault.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import msgspec

from fnr.daemon.parts import Parts
from fnr.host import process
from fnr.policy.chaos import Injection, Outcome

WHY_BYTES_MAX = 1_000


class Heard(msgspec.Struct, frozen=True):
    """One line of a dead-man process: what is "begun", "ending" or "over"."""

    what: str
    outcome: Outcome


_heard = msgspec.json.Decoder(Heard)


class Holder:
    """One injection that acts now; `over` is set when its dead-man process is gone."""

    def __init__(self, parts: Parts, injection: Injection) -> None:
        self.injection = injection
        self.seen: Outcome | None = None
        self.outcome: Outcome | None = None
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.why = ""
        self.on_ending: Callable[[Holder], None] = _nobody
        self.on_gone: Callable[[Holder], None] = _nobody
        self._parts = parts
        self._unread = b""
        self._line, theirs = socket.socketpair()
        self._line.setblocking(False)
        try:
            self._child = process.spawn(
                [sys.executable, "-m", "fnr.host.faults", injection.folder],
                env={k: v for k, v in os.environ.items() if not k.startswith("NOTIFY_")},
                cwd="/",
                stdout=theirs.fileno(),
                output_path=injection.places["log"],
            )
        except BaseException:
            self._line.close()
            raise
        finally:
            theirs.close()
        parts.loop.add_reader(self._line, self._read)
        parts.loop.add_reader(self._child.pidfd, self._ended)

    def let_go(self, why: str) -> None:
        """End the fault; the dead-man process notices at once and says how it went."""
        self.why = self.why or why
        if not self.over.is_set():
            with suppress(OSError):  # it is gone already
                self._line.send(why.encode()[:WHY_BYTES_MAX])
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        try:
            data = self._line.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._parts.loop.remove_reader(self._line)
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._hear(_heard.decode(line))

    def _hear(self, heard: Heard) -> None:
        if heard.what == "begun":
            self.seen = heard.outcome
            self.begun.set()
        elif heard.what == "ending":
            self.on_ending(self)
        else:
            self.outcome = heard.outcome

    def _ended(self) -> None:
        self._parts.loop.remove_reader(self._child.pidfd)
        self._read()
        self._parts.loop.remove_reader(self._line)
        self._line.close()
        process.reap(self._child.pid, self._child.pidfd)
        os.close(self._child.pidfd)
        self.begun.set()
        self.on_gone(self)


def _nobody(_: Holder) -> None:
    """Nobody has asked to hear of it yet."""
