"""Results until the daemon has them on disk: in memory, and in a file when that is not enough.

A result that took long to make, or that nobody is there to take, is written durably before it is
sent; so neither our death nor the daemon's, nor both, can lose it. `<token>.json` holds the very
frame that would have been sent.

The kernel may end a worker together with its daemon. Each of its results is written at once, before
it is flushed or sent: a file outlives whoever wrote it, and a flush is a long moment to die in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, KeysView, ValuesView
from contextlib import suppress

from fnr.host.disk import write_durably, write_whole


class Results:
    """Frames of ended attempts by token, in the order of their ends."""

    def __init__(
        self, folder: str, report: Callable[[str], None], *, ends_unasked: bool = False
    ) -> None:
        self._folder = folder
        self._report = report
        self._ends_unasked = ends_unasked
        self._frames: dict[str, bytes] = {}
        self._spooled: set[str] = set()

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, token: str) -> bool:
        return token in self._frames

    def tokens(self) -> KeysView[str]:
        """Whose results are not yet acknowledged."""
        return self._frames.keys()

    def frames(self) -> ValuesView[bytes]:
        """The results themselves."""
        return self._frames.values()

    def keep(self, token: str, frame: bytes, *, durably: bool) -> None:
        """Take charge of a result."""
        self._frames[token] = frame
        if self._ends_unasked:
            self._write(token, write_whole)
        if durably:
            self._write(token)

    def spool_all(self) -> None:
        """Write what is only in memory: nobody is there to take it."""
        for token in self._frames.keys() - self._spooled:
            self._write(token)

    def forget(self, tokens: Iterable[str]) -> None:
        """The daemon has these, or nobody wants them."""
        for token in tokens:
            self._frames.pop(token, None)
            if token in self._spooled:
                self._spooled.discard(token)
                with suppress(OSError):
                    os.unlink(self._path(token))  # noqa: PTH108 - pathlib costs 8 ms

    def _write(self, token: str, write: Callable[[str, bytes], None] = write_durably) -> None:
        try:
            write(self._path(token), self._frames[token])
        except OSError as error:
            # Still in memory; a full disk loses it only if this process dies as well.
            self._report(f"a result could not be spooled: {error}")
            return
        self._spooled.add(token)

    def _path(self, token: str) -> str:
        return f"{self._folder}/{token}.json"
