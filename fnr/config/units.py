"""Durations and sizes as people write them: with a unit, or not at all.

"10m", "1h30m" and "500ms" become milliseconds, "2GiB" and "64KiB" bytes. A bare number is refused,
because nobody remembers at 3 a.m. whether a 600 meant seconds, and 10 GB is not 10 GiB.
"""

from __future__ import annotations

import re
from fractions import Fraction

MS_OF = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
BYTES_OF = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
# A hundred years: beyond it a typing error is likelier than patience.
DURATION_MS_MAX = 100 * 365 * MS_OF["d"]
SIZE_BYTES_MAX = 1024 * BYTES_OF["TiB"]

_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,9})?"
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d|w)")
_SIZE = re.compile(rf"({_NUMBER}) ?(B|KiB|MiB|GiB|TiB)")
_BARE = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_LOOSE_SIZE = re.compile(rf"({_NUMBER}) ?([kKmMgGtT])i?[bB]?")


def duration_ms(value: object) -> int:
    """Milliseconds of "1h30m"; ValueError says how to write it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f'expected a duration like "10m", got {_kind(value)}')
    text = str(value).strip()
    if _BARE.fullmatch(text):
        raise ValueError(f'needs a unit: "{text}s" or "{text}m"? (ms, s, m, h, d, w)')
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError(f'{_shown(text)} is not a duration: write it like "500ms", "10m", "1h30m"')
    total = sum(_times(part[1], MS_OF[part[2]]) for part in parts)
    if total > DURATION_MS_MAX:
        raise ValueError(f"{_shown(text)} is longer than 100 years")
    return total


def positive_duration(value: object) -> int:
    """A duration above zero, in ms."""
    found = duration_ms(value)
    if found <= 0:
        raise ValueError(f'must be longer than 0, got "{value}"')
    return found


def seconds(value: object) -> int:
    """A duration of whole seconds, at least one, rounded up: what the kernel's limits count in."""
    return -(-positive_duration(value) // 1_000)


def size_bytes(value: object) -> int:
    """Bytes of "2GiB"; ValueError says how to write it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f'expected a size like "2GiB", got {_kind(value)}')
    text = str(value).strip()
    if _BARE.fullmatch(text):
        raise ValueError(f'needs a unit: "{text}MiB" or "{text}GiB"? (B, KiB, MiB, GiB, TiB)')
    found = _SIZE.fullmatch(text)
    if not found:
        loose = _LOOSE_SIZE.fullmatch(text)
        meant = f"{loose[1]}{loose[2].upper()}iB" if loose else "2GiB"
        hint = f'did you mean "{meant}"?' if loose else f'write it like "64KiB", "{meant}"'
        raise ValueError(f"{_shown(text)} is not a size: {hint}")
    total = _times(found[1], BYTES_OF[found[2]])
    if total > SIZE_BYTES_MAX:
        raise ValueError(f"{_shown(text)} is more than 1024 TiB")
    return total


def some_bytes(value: object) -> int:
    """A size in bytes of at least 64 KiB: log files below that would lose the tail of an error."""
    found = size_bytes(value)
    if found < 64 * 1024:
        raise ValueError(f'must be at least "64KiB", got "{value}"')
    return found


def format_duration(total_ms: int) -> str:
    """Milliseconds as people write them: 5400000 is "1h30m"."""
    if total_ms < MS_OF["s"]:
        return f"{total_ms}ms"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, total_ms = divmod(total_ms, MS_OF[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_size(total_bytes: int) -> str:
    """Bytes as people write them, exact: 3221225472 is "3GiB"."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if total_bytes and total_bytes % BYTES_OF[unit] == 0:
            return f"{total_bytes // BYTES_OF[unit]}{unit}"
    return f"{total_bytes}B"


def _times(number: str, factor: int) -> int:
    # A float would lose whole bytes above 8 PiB.
    return round(Fraction(number) * factor)


def _kind(value: object) -> str:
    names = {bool: "true or false", list: "a list", dict: "a table"}
    return names.get(type(value), f"a {type(value).__name__}")


def _shown(text: str) -> str:
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
