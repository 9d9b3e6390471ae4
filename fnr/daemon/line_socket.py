"""One peer on a Unix socket that speaks lines: bounded buffers both ways, no asyncio transport.

Owning the socket lets the daemon take what a dead worker still had to say (`drain`) before it
decides what became of its attempts.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from fnr.daemon.backlog import Backlog

READ_BYTES = 256 * 1024
# One for all: what is read is copied out of it at once, and asking for 256 KiB anew for each line
# costs more than reading it.
_buffer = memoryview(bytearray(READ_BYTES))


class Speaker(Protocol):
    """Who wants to know when all that came at once has been heard."""

    def speak(self) -> None:
        """It begins."""

    def settle_down(self) -> None:
        """That was all."""


class LineSocket:
    """A connected, non-blocking stream socket; calls back with whole lines.

    on_lines: called with the lines of one read, without their newline.
    speaker:  told before a read and after it, unless by `drain`, whose caller has more to do first.
    on_end:   called once, with the reason, when the peer is gone or was cut.
    line_bytes_max, unsent_bytes_max: a peer that exceeds them is cut.
    backlog:  is told what is unsent, and may cut a peer for what all together have not taken.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_lines: Callable[[list[bytes]], None],
        speaker: Speaker,
        on_end: Callable[[str], None],
        line_bytes_max: int,
        unsent_bytes_max: int,
        backlog: Backlog | None = None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._on_lines = on_lines
        self._speaker = speaker
        self._on_end = on_end
        self._line_bytes_max = line_bytes_max
        self._unsent_bytes_max = unsent_bytes_max
        self._backlog = backlog
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._unsent = bytearray()
        self._closing = False
        self._held: list[bytes] | None = None
        self._caught_up: list[Callable[[], None]] = []
        self.open = True
        self._loop.add_reader(sock, self._readable)

    def peer_uid(self) -> int:
        """The user on the other end, as the kernel knows it."""
        raw = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        uid: int = struct.unpack("3i", raw)[1]
        return uid

    @property
    def unsent_bytes(self) -> int:
        """How far the peer is behind."""
        return len(self._unsent)

    def when_caught_up(self, call: Callable[[], None]) -> None:
        """Call, once, when a peer that is behind has taken everything; never if it goes first."""
        self._caught_up.append(call)

    def hold(self, lines: list[bytes]) -> None:
        """Hear nothing more, nor these lines of what came last, before `go_on` is called."""
        if self.open:
            self._held = lines
            self._loop.remove_reader(self._sock)

    def go_on(self) -> None:
        """Hear what was held, and what comes."""
        if self._held is None or not self.open:
            return
        lines, self._held = self._held, None
        self._loop.add_reader(self._sock, self._readable)
        if lines:
            self._speaker.speak()
            try:
                self._on_lines(lines)
            finally:
                self._speaker.settle_down()

    def write(self, data: bytes) -> None:
        """Send what the socket takes now, the rest later; cut a peer that never reads."""
        if not self.open:
            return
        if not self._unsent:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self.end(f"cannot send: {error.strerror}")
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._loop.add_writer(self._sock, self._flush)
        self._unsent += data
        if len(self._unsent) > self._unsent_bytes_max:
            self.end(f"does not read: {len(self._unsent)} bytes unsent")
        elif self._backlog is not None:
            self._backlog.grew(self, len(self._unsent))

    def drain(self) -> None:
        """Take everything that already lies in the socket, then end it."""
        while self.open and self._read():
            pass
        self.end("drained")

    def end(self, why: str) -> None:
        """Close, once."""
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        # Whoever calls us holds us, and we him: we stay until garbage is looked for.
        self._unsent, self._partial, self._caught_up = bytearray(), [], []
        self._held = None
        if self._backlog is not None:
            self._backlog.shrank(self, 0)
        self._on_end(why)

    def end_when_sent(self) -> None:
        """Close as soon as the last byte is out."""
        if self._unsent:
            self._closing = True
        else:
            self.end("answered")

    def _flush(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.end(f"cannot send: {error.strerror}")
            return
        del self._unsent[:sent]
        if self._backlog is not None:
            self._backlog.shrank(self, len(self._unsent))
        if not self._unsent:
            self._loop.remove_writer(self._sock)
            if self._closing:
                self.end("answered")
                return
            calls, self._caught_up = self._caught_up, []
            for call in calls:
                call()

    def _readable(self) -> None:
        self._speaker.speak()
        try:
            self._read()
        finally:
            self._speaker.settle_down()

    def _read(self) -> bool:
        """Take one buffer full; False when there is nothing more."""
        try:
            size = self._sock.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self.end(f"cannot read: {error.strerror}")
            return False
        if not size:
            self.end("closed by peer")
            return False
        *lines, rest = _buffer[:size].tobytes().split(b"\n")
        if lines and self._partial:
            self._partial.append(lines[0])
            lines[0] = b"".join(self._partial)
            self._partial.clear()
            self._partial_bytes = 0
        if rest:
            self._partial.append(rest)
            self._partial_bytes += len(rest)
        if self._partial_bytes > self._line_bytes_max:
            self.end(f"a line of more than {self._line_bytes_max} bytes")
            return False
        if lines:
            self._on_lines(lines)
        return True


def listen(path: str, *, mode: int) -> socket.socket:
    """A listening Unix socket at `path`, readable and writable as `mode` says from the start."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(0o777 & ~mode)
    try:
        sock.bind(path)
    finally:
        os.umask(before)
    sock.listen(1_024)
    return sock
