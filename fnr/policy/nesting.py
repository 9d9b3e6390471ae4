"""How deep JSON is nested: who reads it goes down with it, on a stack that has an end."""

from __future__ import annotations

import re
from itertools import accumulate

# Text counts for nothing, whatever brackets it holds.
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
# What opens is 1 and what closes is -1, as signed bytes; the rest is left out.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_REST = bytes(set(range(256)) - set(b"[{]}"))


def is_deeper_than(depth_max: int, encoded: bytes) -> bool:
    """Whether JSON is nested deeper than that.

    Two searches in the ordinary case; only what has more brackets than that is gone through.
    """
    if encoded.count(b"[") + encoded.count(b"{") <= depth_max:
        return False
    steps = _TEXT.sub(b"", encoded).translate(_STEPS, _REST)
    return max(accumulate(memoryview(steps).cast("b")), default=0) > depth_max
