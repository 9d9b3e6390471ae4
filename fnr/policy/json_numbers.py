"""NaN and infinity: numbers that Python has and JSON has not."""

from __future__ import annotations

import math

import msgspec


def number_lost(value: object, encoded: bytes) -> str:
    """The number in a value that its JSON has lost; "" when there is none.

    msgspec writes NaN and infinity as null: a number that silently became nothing. Only a value
    with a null in its JSON is walked.
    """
    if b"null" not in encoded:
        return ""
    pending = [msgspec.to_builtins(value)]
    while pending:
        item = pending.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return str(item)
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
    return ""
