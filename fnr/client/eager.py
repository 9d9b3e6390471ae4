"""Does it pay to look for an answer again and again before sleeping until it comes?

To be put to sleep and woken costs about as much as what the daemon does for a submit besides its
COMMIT. So whoever asks one question after the other looks on meanwhile, with a processor that
nobody else wants; who asks now and then, waits for longer, or is pushed aside, sleeps.
"""

from __future__ import annotations

from collections.abc import Callable

from fnr.host.clock import Clock

# How long to look: what a good disk needs for a COMMIT, and as much on top.
LOOK_US = 800
# Asked later than this after the answer before, a question is not one of a row.
PAUSE_US = 1_000
# A row is one from so many questions on, each answered within the time of a look.
ROW_MIN = 8
# Pushed aside again within so many looks, the next row must be twice as long before we look ...
LOOKS_MIN = 16
# ... up to so many questions.
ROW_MAX = 64

_LOOK_NS = LOOK_US * 1_000
_PAUSE_NS = PAUSE_US * 1_000


class Eager:
    """Learns from the questions and answers of one connection.

    row: questions in a row, each asked soon after the answer before and answered soon.
    """

    __slots__ = (
        "_answered_ns",
        "_asked_ns",
        "_now_ns",
        "_pushed",
        "_pushed_aside",
        "_row_min",
        "row",
    )

    def __init__(self, *, clock: Clock, pushed_aside: Callable[[], int] | None = None) -> None:
        """pushed_aside: how often this thread had to leave its processor to somebody else."""
        self.row = 0
        self._row_min = ROW_MIN
        self._now_ns = clock.ticks_ns
        self._asked_ns = self._answered_ns = 0
        self._pushed_aside = pushed_aside
        self._pushed = 0

    def look(self, poll: Callable[[int], object]) -> None:
        """A question was asked: stay awake until poll(0) finds something, if that may pay."""
        now_ns = self._now_ns
        self._asked_ns = now_ns()
        if self._asked_ns - self._answered_ns > _PAUSE_NS:
            self.row = 0
        if self.row < self._row_min:
            return
        if self.row == self._row_min:
            self._pushed = self._count_pushed()
        until_ns = self._asked_ns + _LOOK_NS
        while not poll(0) and now_ns() < until_ns:
            pass
        if self._count_pushed() != self._pushed:
            again = self.row - self._row_min < LOOKS_MIN
            self._row_min = min(self._row_min * 2, ROW_MAX) if again else ROW_MIN
            self.row = 0

    def answered(self) -> None:
        """The answer has come."""
        self._answered_ns = self._now_ns()
        self.row = self.row + 1 if self._answered_ns - self._asked_ns < _LOOK_NS else 0

    def _count_pushed(self) -> int:
        if self._pushed_aside is None:
            from fnr.host.own_use import pushed_aside  # noqa: PLC0415 - most commands ask once

            self._pushed_aside = pushed_aside
        return self._pushed_aside()
