"""The journal of an attempt: steps of undo, on disk before the acts they reverse.

`<token>.undo` in the spool folder, a JSON line a step, each synced before its call returns. Threads
and forked copies of the worker may write as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from fnr.host.clock import Clock
from fnr.host.journal import add_durably
from fnr.host.now_file import NoNowFile, NowFile
from fnr.policy.undo import JOURNAL_BYTES_MAX, STEPS_MAX, Line, journal_line, steps_in

TOO_MANY_STEPS = f"an attempt may leave {STEPS_MAX} undo steps at most"


class UndoLimitError(ValueError):
    """More steps, or larger ones, than an attempt may leave."""


class Journal:
    """Where steps go; token_of names the attempt that is running, "" for none."""

    def __init__(
        self,
        folder: str,
        token_of: Callable[[], str],
        *,
        clock: Clock,
        within: tuple[str, ...] = (),
    ) -> None:
        self.within = within
        self._now: NowFile = NoNowFile()
        self._folder = folder
        self._token_of = token_of
        self._clock = clock
        self._entries = 0

    def heed(self, now: NowFile) -> None:
        """Ask it which attempt runs: a forked copy knows only of the one that it was forked in."""
        self._now = now

    def add(self, kind: str, data: dict[str, object]) -> str:
        """Write a new step; what names it in this journal. Raises UndoLimitError, OSError."""
        self._entries += 1
        name = f"{os.getpid()}-{self._entries}"
        self._write(Line(id=name, kind=kind, data=data, at_ms=self._clock.now_ms()))
        return name

    def amend(self, line: Line) -> None:
        """Write more about a step."""
        self._write(line)

    def exists(self) -> bool:
        """Whether the running attempt has one."""
        return os.path.exists(self._path(self._token_of()))  # noqa: PTH110 - pathlib costs 8 ms

    def _path(self, token: str) -> str:
        return f"{self._folder}/{token}.undo"

    def _write(self, line: Line) -> None:
        token = self._running()
        text = journal_line(line)

        def line_after(before: bytes) -> bytes:
            if line.kind and steps_in(before) >= STEPS_MAX:
                raise UndoLimitError(TOO_MANY_STEPS)
            if len(before) + len(text) > JOURNAL_BYTES_MAX:
                raise UndoLimitError(f"its undo steps are more than {JOURNAL_BYTES_MAX} bytes")
            return text

        add_durably(self._path(token), line_after)
        # A forked copy is not waited for: the attempt may have ended, and its journal been read.
        self._running()

    def _running(self) -> str:
        token = self._token_of()
        if not token or not self._now.runs(token):
            raise RuntimeError("no attempt is running that this undo step could belong to")
        return token
