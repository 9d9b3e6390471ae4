"""A timer as a file descriptor."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from fnr.host.clock import Clock
from fnr.host.timer import Timer


@pytest.fixture
def timer() -> Iterator[Timer]:
    one = Timer()
    yield one
    one.close()


def is_ready(timer: Timer, wait_ms: int | None) -> bool:
    poll = select.poll()
    poll.register(timer.fileno(), select.POLLIN)
    return bool(poll.poll(wait_ms))


def test_it_expires_not_before_its_time_and_once(timer: Timer) -> None:
    assert not is_ready(timer, 0)
    before_ms = Clock().boot_ms()
    timer.set(20)
    assert not is_ready(timer, 0)
    assert is_ready(timer, None)
    assert Clock().boot_ms() >= before_ms + 20
    timer.clear()
    assert not is_ready(timer, 0)
    timer.clear()


def test_no_time_at_all_is_at_once(timer: Timer) -> None:
    timer.set(0)
    assert is_ready(timer, None)
    timer.clear()
    timer.set(-5)
    assert is_ready(timer, None)


def test_a_new_time_replaces_the_old_one(timer: Timer) -> None:
    timer.set(3_600_000)
    timer.set(1)
    assert is_ready(timer, None)
    timer.clear()
    timer.set(1)
    timer.set(3_600_000)
    assert not is_ready(timer, 0)
