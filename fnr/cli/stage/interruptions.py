"""Ctrl-C at any moment leaves nothing behind: not even one that comes between fork and record."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """Turns the signals that end a program into one KeyboardInterrupt, at a good moment."""

    def __init__(self) -> None:
        self._held = False
        self._came = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals over; whoever ignores one, like nohup, goes on ignoring it."""
        before = {
            number: signal.signal(number, self._on_signal)
            for number in _ENDING
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put an interruption off until the end of the block: a process is started in it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            raise KeyboardInterrupt

    def end(self) -> None:
        """From here on there is only cleaning up, which is bounded and must not be torn apart."""
        self._held = True

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        # Once is enough: whoever was interrupted is cleaning up by now.
        first, self._came = not self._came, True
        if first and not self._held:
            raise KeyboardInterrupt
