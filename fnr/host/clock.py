"""Time, chance and the ids made of them; the only place that reads clocks or rolls dice."""

from __future__ import annotations

import os
import threading
import time

ULID_CHARS = 26
_RANDOM_BITS = 80
# One in the third character behind the time.
_STEP = 1 << (_RANDOM_BITS - 3 * 5)
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two characters at a time: 13 look-ups instead of 26.
_PAIRS = tuple(high + low for high in _BASE32 for low in _BASE32)
_PAIR_SHIFTS = tuple(range(120, -1, -10))
_PYTHON_DIGITS = str.maketrans(_BASE32, "0123456789abcdefghijklmnopqrstuv")


class Clock:
    """Reads the machine's clocks; tests pass their own."""

    def now_ms(self) -> int:
        """Unix time in ms; may jump either way when someone sets the clock."""
        return time.time_ns() // 1_000_000

    def true_ms(self) -> int:
        """now_ms without a fault's jump: what is forgotten by its age does not come back."""
        return self.now_ms()

    def boot_ms(self) -> int:
        """Milliseconds since boot, suspends included; never goes back."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    # For "was that just now?": nanoseconds that stand still while the machine sleeps, at a fifth of
    # what the boot clock costs.
    ticks_ns = staticmethod(time.monotonic_ns)

    def suspended_ms(self) -> int:
        """Milliseconds of boot_ms during which the machine was asleep."""
        awake_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - awake_ns) // 1_000_000

    def boot_id(self) -> str:
        """Names this boot of the kernel: a pid of another boot means nothing in this one."""
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123 - pathlib costs 8 ms
            return file.read().strip()


class Dice:
    """Throws the dice; tests pass loaded ones."""

    def bits(self, count: int) -> int:
        """So many bits from the kernel's random source; no seed to forget."""
        return int.from_bytes(os.urandom((count + 7) // 8), "little") >> (-count % 8)

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self.bits(53) * 2.0**-53


class Ulids:
    """Makes ULIDs: 48 bits of time and 80 of chance, in 26 characters that sort by age.

    Strictly increasing within the process, also when the wall clock is set back: time then stands
    still in the ids and the chance part counts up, in steps that show in the first 13 characters:
    so much of an id is what people see in a list and type.
    """

    def __init__(self, clock: Clock, dice: Dice) -> None:
        self._clock = clock
        self._dice = dice
        # A signal handler of the same thread may want an id in the middle of this.
        self._lock = threading.RLock()
        self._last = 0

    def new(self) -> str:
        """The next id."""
        now_ms = self._clock.now_ms()
        with self._lock:
            if now_ms > self._last >> _RANDOM_BITS:
                self._last = now_ms << _RANDOM_BITS | self._dice.bits(_RANDOM_BITS)
            else:
                # A full chance part carries into the time: still increasing.
                self._last += _STEP
            value = self._last
        return "".join([_PAIRS[value >> shift & 1023] for shift in _PAIR_SHIFTS])


def is_ulid(word: str) -> bool:
    """Could some Ulids have made this word?"""
    return len(word) == ULID_CHARS and word < "8" and not word.strip(_BASE32)


def ulid_ms(ulid: str) -> int:
    """The moment that a ULID names, Unix ms."""
    return int(ulid[:10].translate(_PYTHON_DIGITS), 32)
