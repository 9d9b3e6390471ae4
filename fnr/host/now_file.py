"""Say which attempt has begun, in a place that survives our death by any signal.

A memory-mapped file: writing to it is no system call, and the kernel keeps what was written
whoever dies. It begins with the token of the attempt begun last, or with none, and a NUL; then
comes when that was, in digits, by the clock that nobody can set, and a NUL. Its last byte says
whether that attempt has ended; forked copies of the worker see it.
Attempts begin in the order of their Run frames, so the earlier ones have begun too.
"""

from __future__ import annotations

import mmap
import os

from msgspec import Struct

from fnr.host.disk import write_all
from fnr.host.other_user import read_from

FILE_BYTES = 64


class Begun(Struct, frozen=True):
    """What such a file says of the attempt begun last.

    token:      "" for none.
    at_boot_ms: by the clock that nobody can set; None: it does not say so, as those do that an
                older version wrote.
    """

    token: str
    at_boot_ms: int | None


def begun_last(path: str, uid: int | None) -> Begun:
    """Read what a worker of this user (None: our own) has begun. Raises OSError as read_from."""
    token, _, rest = read_from(path, uid, bytes_max=FILE_BYTES).partition(b"\0")
    at_boot_ms = rest.partition(b"\0")[0]
    return Begun(
        token.decode("ascii", "replace"), int(at_boot_ms) if at_boot_ms.isdigit() else None
    )


class NowFile:
    """The mapped file of one worker."""

    def __init__(self, path: str) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Written and not only made long: on a full disk there would be nothing behind the
            # mapping, and the first attempt would end by SIGBUS.
            write_all(fd, bytes(FILE_BYTES))
            self._map = mmap.mmap(fd, FILE_BYTES)
        finally:
            os.close(fd)

    def begin(self, token: str, at_boot_ms: int) -> None:
        """Name the attempt that begins now."""
        name = b"%b\0%d" % (token.encode(), at_boot_ms)
        # The first byte switches the rest on and off: a death in the middle leaves no token
        # rather than a mixture of two.
        self._map[0] = 0
        self._map[1:FILE_BYTES] = name[1:].ljust(FILE_BYTES - 1, b"\0")
        self._map[0] = name[0]

    def end(self) -> None:
        """The function of that attempt has come back."""
        self._map[FILE_BYTES - 1] = 1

    def runs(self, token: str) -> bool:
        """Whether this is the attempt that runs now."""
        return self._map[FILE_BYTES - 1] == 0 and self._map[: len(token)] == token.encode()


class NoNowFile(NowFile):
    """Stands in where the file cannot be made; the daemon then goes by the order of its Runs."""

    def __init__(self) -> None:
        """Map nothing."""

    def begin(self, token: str, at_boot_ms: int) -> None:
        """Nobody can be told."""

    def end(self) -> None:
        """The same."""

    def runs(self, token: str) -> bool:
        """Whoever has begun is taken at its word."""
        return bool(token)


def open_now_file(path: str) -> tuple[NowFile, str]:
    """The file, or a stand-in and why."""
    try:
        return NowFile(path), ""
    except (OSError, ValueError) as error:
        return NoNowFile(), f"{path}: {error}"
