"""Ids sort by age, whatever the wall clock does, and nothing else reads clocks or rolls dice."""

from __future__ import annotations

import os
import string
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.host.clock import ULID_CHARS, Clock, Dice, Ulids, is_ulid, ulid_ms
from fnr.tui.cells import SHORT_ID_CHARS

CROCKFORD = set(string.digits + string.ascii_uppercase) - set("ILOU")


class SetClock(Clock):
    """A wall clock that shows what it is told to, one reading after the other."""

    def __init__(self, times_ms: Sequence[int]) -> None:
        self._times_ms = iter(times_ms)

    def now_ms(self) -> int:
        return next(self._times_ms)


class LoadedDice(Dice):
    """Dice that always fall the same way."""

    def __init__(self, fraction: float) -> None:
        self._fraction = fraction

    def bits(self, count: int) -> int:
        return min(int(self._fraction * (1 << count)), (1 << count) - 1)


@given(
    times_ms=st.lists(st.integers(0, 2**47), min_size=2, max_size=50),
    fraction=st.floats(0, 1, exclude_max=True),
)
def test_ids_increase_also_when_the_clock_is_set_back(times_ms: list[int], fraction: float) -> None:
    ulids = Ulids(SetClock(times_ms), LoadedDice(fraction))
    ids = [ulids.new() for _ in times_ms]
    assert ids == sorted(set(ids))
    assert all(len(word) == ULID_CHARS and set(word) <= CROCKFORD for word in ids)


def test_an_id_is_the_time_and_the_chance_in_crockfords_letters() -> None:
    """The example of the ULID specification: 1469918176385 ms is 01ARYZ6S41."""
    [low, high] = [
        Ulids(SetClock([1_469_918_176_385]), LoadedDice(fraction)).new() for fraction in (0.0, 1.0)
    ]
    assert low == "01ARYZ6S41" + "0" * 16
    assert high == "01ARYZ6S41" + "Z" * 16


def test_a_full_chance_part_carries_into_the_time() -> None:
    ulids = Ulids(SetClock([5, 5, 6]), LoadedDice(1.0))
    first, second, third = (ulids.new() for _ in range(3))
    assert first < second < third


def test_a_thousand_ids_of_one_moment_differ_in_what_a_list_shows_of_them() -> None:
    ulids = Ulids(SetClock([5] * 1_000), LoadedDice(0.5))
    assert len({ulids.new()[:SHORT_ID_CHARS] for _ in range(1_000)}) == 1_000


@given(now_ms=st.integers(0, 2**48 - 1), fraction=st.floats(0, 1))
def test_an_id_tells_its_moment(now_ms: int, fraction: float) -> None:
    ulid = Ulids(SetClock([now_ms]), LoadedDice(fraction)).new()
    assert is_ulid(ulid)
    assert ulid_ms(ulid) == now_ms


@pytest.mark.parametrize(
    "word",
    ["", "0" * 25, "0" * 27, "8" + "0" * 25, "0" * 25 + "U", "a" * 26, "0" * 13 + " " + "0" * 12],
)
def test_other_words_are_no_ids(word: str) -> None:
    assert not is_ulid(word)


@given(count=st.integers(1, 128))
def test_dice_give_no_more_bits_than_asked_for(count: int) -> None:
    assert 0 <= Dice().bits(count) < 1 << count


def test_threads_never_get_the_same_id() -> None:
    ulids = Ulids(Clock(), Dice())
    ids: list[str] = []
    makers = [
        threading.Thread(target=lambda: ids.extend([ulids.new() for _ in range(2_000)]))
        for _ in range(4)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(set(ids)) == 8_000


def test_dice_fall_everywhere_between_zero_and_one() -> None:
    throws = [Dice().fraction() for _ in range(4_000)]
    assert all(0 <= throw < 1 for throw in throws)
    assert {int(throw * 10) for throw in throws} == set(range(10))


def test_the_boot_id_is_the_kernels_and_time_since_boot_does_not_go_back() -> None:
    clock = Clock()
    assert clock.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert len(clock.boot_id()) == 36
    readings = [clock.boot_ms() for _ in range(100)]
    assert readings == sorted(readings)
    assert 0 <= clock.suspended_ms() <= clock.boot_ms()
    assert clock.now_ms() > 1_700_000_000_000


def test_the_clock_is_light_enough_for_the_fastest_command() -> None:
    heavy = "{'asyncio', 'msgspec', 'pathlib', 'psutil', 'random', 'subprocess'}"
    light = "fnr.host.clock, fnr.host.disk, fnr.host.lock, fnr.host.systemd"
    code = f"import sys, {light}; print({heavy} & set(sys.modules))"
    # Coverage, when it measures us, would load them all itself.
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "set()"


def test_a_signal_handler_gets_an_id_in_the_middle_of_another() -> None:
    """Method: the dice, which are rolled in there, ask for one themselves."""

    class Interrupting(Dice):
        def bits(self, count: int) -> int:
            if not between:
                between.append("")
                between[0] = ulids.new()
            return super().bits(count)

    between: list[str] = []
    ulids = Ulids(SetClock([5, 5, 6]), Interrupting())
    assert len({ulids.new(), between[0], ulids.new()}) == 3
