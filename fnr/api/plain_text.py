"""Text as people may see it: made harmless where it comes from outside, durations in two units.

Imports nothing heavy: `fnr status` needs it.
"""

from __future__ import annotations

# Control characters, and the ones that turn the direction of writing: with them a task's error
# message could move the cursor, clear the screen or show a command that is not there.
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F]
_CONTROLS += [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0xFEFF]
_IN_LINE: dict[int, str | None] = dict.fromkeys(_CONTROLS)
_IN_LINE |= {ord("\n"): " ", ord("\t"): " ", ord("\r"): " "}
_IN_BLOCK: dict[int, str | None] = _IN_LINE | {ord("\n"): "\n", ord("\t"): "    ", ord("\r"): None}


def one_line(text: object) -> str:
    """Text from outside as it may stand in a line: without control characters."""
    return str(text).translate(_IN_LINE)


def block(text: object) -> str:
    """Text from outside as it may stand over several lines."""
    return str(text).translate(_IN_BLOCK)


# Of so long a time the hours tell nothing, and lists have seven places for an age.
DAYS_WITH_HOURS_MAX = 999


def duration(total_ms: int) -> str:
    """A length of time in its two largest units: "3m12s", "2d4h", "350ms", "1204d"."""
    if total_ms < 0:
        return "-" + duration(-total_ms)
    if total_ms < 1_000:
        return f"{total_ms}ms"
    if total_ms < 10_000:
        return f"{total_ms / 1_000:.1f}s"
    total_s = total_ms // 1_000
    if (days := total_s // 86_400) > DAYS_WITH_HOURS_MAX:
        return f"{days}d"
    for unit, size_s, lesser, lesser_s in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "m", 60),
        ("m", 60, "s", 1),
    ):
        if total_s >= size_s:
            rest = total_s % size_s // lesser_s
            return f"{total_s // size_s}{unit}" + (f"{rest}{lesser}" if rest else "")
    return f"{total_s}s"
