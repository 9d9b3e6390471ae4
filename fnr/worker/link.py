"""The socket to the daemon: lines in, lines out, and a new connection when the old one breaks.

Nothing here blocks, and no thread is safe from another: the caller holds the lock of whoever owns
the link.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from msgspec import DecodeError

from fnr.api.frames import FRAME_BYTES_MAX, ToWorker
from fnr.api.frames import to_worker as decoder

RETRY_FIRST_MS = 10
RETRY_MAX_MS = 500
# Whom the daemon has had for less does something that it hangs up on, and will do it again.
SETTLED_MS = 1_000
_READ_BYTES = 64 * 1024


class FrameError(Exception):
    """What the daemon sent is no frame; the connection is of no use any more."""


class Link:
    """One connection at a time, or none.

    sock:        the connection, to poll for what comes.
    welcomed:    the daemon took us on; before that it wants to hear nothing but the Hello.
    retry_at_ms: when to try to connect again, on the boot clock.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.sock: socket.socket | None = None
        self._made: os.stat_result | None = None
        self.welcomed = False
        self.retry_at_ms = 0
        self._pause_ms = RETRY_FIRST_MS
        self._connected_ms = 0
        self._unsent: list[bytes] = []
        self._sending = memoryview(b"")
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        # Asking for so much anew each time costs more than reading a frame.
        self._buffer = memoryview(bytearray(_READ_BYTES))

    @property
    def unsent(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._unsent or self._sending)

    def connect(self, now_ms: int) -> bool:
        """Try to connect; False, and a later retry_at_ms, when nobody answers."""
        try:
            sock = _socket_above_streams()
        except OSError:  # the function has used up what may be open
            self._retry_later(now_ms)
            return False
        try:
            # A full backlog answers EAGAIN instead of keeping us waiting for a stuck daemon.
            sock.setblocking(False)
            sock.connect(self._path)
        except OSError:
            sock.close()
            self._retry_later(now_ms)
            return False
        self.sock = sock
        self._connected_ms = now_ms
        self._made = os.fstat(sock.fileno())
        return True

    def welcome(self) -> None:
        """The daemon took us on."""
        self.welcomed = True

    def drop(self, now_ms: int) -> None:
        """Give the connection up, with everything half sent or half read."""
        if self.sock is None:
            return
        self.close()
        self._unsent.clear()
        self._sending = memoryview(b"")
        self._partial.clear()
        self._partial_bytes = 0
        if self.welcomed and now_ms - self._connected_ms >= SETTLED_MS:
            self._pause_ms = RETRY_FIRST_MS
            self.retry_at_ms = now_ms
        else:
            self._retry_later(now_ms)
        self.welcomed = False

    def read_now(self) -> bytes | None:
        """What has arrived; None when nothing has, b"" at the end of the connection."""
        assert self.sock is not None
        try:
            return self._buffer[: self.sock.recv_into(self._buffer)].tobytes()
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def frames_in(self, data: bytes) -> list[ToWorker]:
        """The frames that are complete with this data; raises FrameError."""
        *lines, rest = data.split(b"\n")
        if lines and self._partial:
            lines[0] = b"".join((*self._partial, lines[0]))
            self._partial.clear()
            self._partial_bytes = 0
        if rest:
            self._partial.append(rest)
            self._partial_bytes += len(rest)
            if self._partial_bytes > FRAME_BYTES_MAX:
                raise FrameError(f"a frame of more than {FRAME_BYTES_MAX} bytes")
        try:
            return [decoder.decode(line) for line in lines]
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FrameError(str(error)) from error

    def push(self, line: bytes) -> None:
        """Put a line into the queue of what is sent next."""
        self._unsent.append(line)

    def flush(self) -> bool:
        """Send what the other side takes at once; False when the connection is broken."""
        while self._unsent or self._sending:
            if not self._sending:
                lines, self._unsent = self._unsent, []
                self._sending = memoryview(lines[0] if len(lines) == 1 else b"".join(lines))
            assert self.sock is not None
            try:
                sent = self.sock.send(self._sending, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return True
            except OSError:
                return False
            self._sending = self._sending[sent:]
        return True

    def close(self) -> None:
        """End the connection."""
        if self.sock is None:
            return
        # Else a function has closed it, and its number may be that of something of its own.
        if self.is_whole():
            with suppress(OSError):
                self.sock.close()
        else:
            self.sock.detach()
        self.sock = None

    def is_whole(self) -> bool:
        """Whether the connection is still what its descriptor leads to."""
        assert self.sock is not None
        assert self._made is not None
        try:
            return os.path.samestat(os.fstat(self.sock.fileno()), self._made)
        except OSError:
            return False

    def _retry_later(self, now_ms: int) -> None:
        self.retry_at_ms = now_ms + self._pause_ms
        self._pause_ms = min(self._pause_ms * 2, RETRY_MAX_MS)


def _socket_above_streams() -> socket.socket:
    """Not in the place of a standard stream that the function has closed: what it prints, and what
    its children print, would be read as frames."""
    low = []
    while (sock := socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)).fileno() <= 2:
        low.append(sock)
    for one in low:
        one.close()
    return sock
