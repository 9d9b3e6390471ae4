"""Keep pauses as long as they were meant to be when somebody sets the wall clock.

Due times are stored on the wall clock, because they outlive this boot; how long a pause still
lasts is a matter of the boot clock, which nobody can set.
"""

from __future__ import annotations

from collections.abc import Callable

from fnr.daemon.dispatcher import Dispatcher
from fnr.daemon.parts import Parts, log
from fnr.host.clock_set import ClockSet
from fnr.store import pauses
from fnr.store.connection import Transaction

# Reading two clocks one after the other is not exact to the millisecond.
JUMP_MS_MIN = 500
AGAIN_MS = 1_000


class ClockChanges:
    """Hears of a clock that was set, and shifts what was reckoned by it."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher, moved: Callable[[], None]) -> None:
        # Everybody who has set a timer by the old time.
        self.on_shifted: list[Callable[[], None]] = [moved]
        self._parts = parts
        self._dispatcher = dispatcher
        self._event: ClockSet | None = None
        self._offset_ms = self._offset()

    def start(self) -> None:
        """Begin to listen; pauses that cannot be right any more are shortened."""
        try:
            self._event = ClockSet()
        except OSError as error:
            log.warning("nobody will tell when the clock is set: %s", error)
        else:
            self._parts.loop.add_reader(self._event.fileno(), self._heard)
        self._parts.store.post(self._catch_up, self._bounded)

    def _catch_up(self, tx: Transaction) -> int:
        """It may have been set while no daemon was there to hear of it."""
        now_ms = self._parts.clock.now_ms()
        before_ms = self._note(tx)
        by_ms = 0 if before_ms is None else self._offset_ms - before_ms
        if abs(by_ms) >= JUMP_MS_MIN:
            log.warning("the clock was set while no daemon ran", extra={"by_ms": by_ms})
            pauses.shift(tx, by_ms=by_ms, old_now_ms=now_ms - by_ms)
        return pauses.bound(tx, now_ms=now_ms, latest_at_ms=now_ms + self._longest_ms())

    def _note(self, tx: Transaction) -> int | None:
        return pauses.note_clock(tx, boot_id=self._parts.boot_id, offset_ms=self._offset_ms)

    def close(self) -> None:
        """Listen no more."""
        if self._event is not None:
            self._parts.loop.remove_reader(self._event.fileno())
            self._event.close()
            self._event = None

    def _heard(self) -> None:
        if self._event is not None and self._event.was_set():
            self.changed()

    def changed(self) -> None:
        """The clock may have been set: shift every pause by as much."""
        offset_ms = self._offset()
        by_ms = offset_ms - self._offset_ms
        if abs(by_ms) < JUMP_MS_MIN:
            return
        self._offset_ms = offset_ms
        old_now_ms = self._parts.clock.now_ms() - by_ms

        def unit(tx: Transaction) -> int:
            self._note(tx)
            return pauses.shift(tx, by_ms=by_ms, old_now_ms=old_now_ms)

        def committed(count: int | None, error: BaseException | None) -> None:
            if error is not None:
                self._offset_ms -= by_ms
                self._parts.later(AGAIN_MS, self.changed)
                return
            log.warning("the clock was set", extra={"by_ms": by_ms, "pauses_shifted": count})
            for again in self.on_shifted:
                again()
            for name in tuple(self._dispatcher.pools):
                self._dispatcher.due_now(name)

        self._parts.store.post(unit, committed)

    def _offset(self) -> int:
        return self._parts.clock.now_ms() - self._parts.clock.boot_ms()

    def _longest_ms(self) -> int:
        """Longer than any pause that today's settings allow."""
        longest_ms = 0
        for function in self._parts.settings.functions.values():
            retry = function.retry
            found = [retry.window_ms, retry.wait_ms, retry.delay_max_ms]
            for own in retry.by_category.values():
                found += [own.wait_ms or 0, own.delay_max_ms or 0, own.delay_base_ms or 0]
            longest_ms = max(longest_ms, *found)
        # Jitter at its most doubles a pause; a rule's own delay may be longer still.
        return max(2 * longest_ms, 24 * 3_600_000)

    def _bounded(self, count: int | None, error: BaseException | None) -> None:
        if error is None and count:
            log.warning("pauses too long for any setting were shortened", extra={"count": count})
