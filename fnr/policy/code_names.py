"""Which codes a rule means: one by name, a range of numbers, or all with a beginning."""

from __future__ import annotations


def code_fits(pattern: str, code: str) -> bool:
    """Does "http:500-599", "sqlstate:53*" or "errno:ENOSPC" mean this code?"""
    if pattern.endswith("*"):
        return code.startswith(pattern[:-1])
    if pattern == code:
        return True
    family, _, wanted = pattern.partition(":")
    low, dash, high = wanted.partition("-")
    value = code.removeprefix(f"{family}:")
    if not dash or not all(part.isdecimal() for part in (low, high, value)):
        return False
    return int(low) <= int(value) <= int(high)


def is_single(pattern: str) -> bool:
    """Does the pattern name one code and no other?"""
    if pattern.endswith("*"):
        return False
    low, dash, high = pattern.partition(":")[2].partition("-")
    return not (dash and low.isdecimal() and high.isdecimal())
