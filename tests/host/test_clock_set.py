"""The event of a clock that is set; setting it is nothing that a test may do."""

from __future__ import annotations

import os
import select

from fnr.host.clock_set import ClockSet


def test_as_long_as_nobody_sets_the_clock_nothing_is_heard() -> None:
    event = ClockSet()
    poll = select.poll()
    poll.register(event.fileno(), select.POLLIN)
    assert poll.poll(0) == []
    assert not event.was_set()
    assert not os.get_inheritable(event.fileno())
    event.close()
