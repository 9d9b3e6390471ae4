"""When a batch begins: at once for who comes alone, else when others could have joined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

# After so many COMMITs that nobody shared, one in so many still waits for others to come: who comes
# alone is not kept waiting.
ALONE_MIN = 16
LOOK_EVERY = 16


class Company:
    """Learns from what each look at the sockets found."""

    __slots__ = ("_alone", "_came")

    def __init__(self) -> None:
        # COMMITs in a row that nobody else shared, as far as was looked.
        self._alone = 0
        self._came = 0

    def is_likely(self) -> bool:
        """Look? To be asked once for each COMMIT that begins while nothing is under way."""
        if self._alone < ALONE_MIN:
            return True
        self._alone += 1
        return self._alone % LOOK_EVERY == 0

    def came(self) -> None:
        """Somebody has posted what he has."""
        self._came += 1

    def part(self) -> None:
        """Who came since the last COMMIT for which was looked shares this one."""
        if self._came > 1:
            self._alone = 0
        elif self._alone < ALONE_MIN:
            self._alone += 1
        self._came = 0


class Beginning:
    """Has a batch started once whoever posts has settled down.

    start: called once for each `due`, with True when nobody is likely to share the COMMIT.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, start: Callable[[bool], None]) -> None:
        self.company = Company()
        self._loop = loop
        self._start = start
        self._posted = self._speaking = self._unbegun = False
        self._handle: asyncio.Handle | None = None

    def posted(self) -> None:
        """Something was posted."""
        self._posted = True

    def speak(self) -> None:
        """Somebody begins who may post several things, and then settles down."""
        self._speaking = True

    def settle_down(self) -> None:
        """He has no more to post now; harmless if there was nothing."""
        self._speaking = False
        if self._unbegun:
            self._start_alone()
        elif self._posted:
            self._posted = False
            self.company.came()

    def due(self) -> None:
        """There is a batch to start, and none is under way."""
        if self.company.is_likely():
            after_a_look(self._loop, self._start, False)
            return
        self._unbegun = True
        if not self._speaking:
            self._handle = self._loop.call_soon(self._start_alone)

    def _start_alone(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._posted = self._unbegun = False
        self._start(True)


def after_a_look(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any
) -> None:
    """Go on when the loop has looked at its sockets once more and done what was there.

    A timer that is due runs behind what that look finds; what is called soon, before it.
    """
    loop.call_at(0, callback, *args)
