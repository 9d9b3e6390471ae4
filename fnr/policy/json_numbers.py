"""Numbers that Python has and JSON has not: NaN and infinity, and those of other libraries."""

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
    pending = [msgspec.to_builtins(value, enc_hook=as_builtin)]
    while pending:
        item = pending.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return str(item)
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
    return ""


def as_builtin(value: object) -> object:
    """The number or text that a value of another library is: a `numpy.float64`, a loss of torch.

    Their classes are made from Python's own, or are arrays of no dimensions. Raises TypeError for
    what is neither.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if getattr(value, "ndim", None) == 0 and callable(item := getattr(value, "item", None)):
        found = item()
        if type(found) in {bool, int, float, str}:
            return found
    # A tuple of its own is a list, and None is null: here they are what is looked up by.
    where = " as a key" if value is None or isinstance(value, tuple | frozenset) else ""
    raise TypeError(f"Encoding objects of type {type(value).__name__}{where} is unsupported")
