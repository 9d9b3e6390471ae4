"""What a reader of a setting takes, in words: read from the very function that reads it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_BY_NAME = {
    "text": "text",
    "_text": "text",
    "_example": "text",
    "texts": "a list of texts",
    "patterns": "a list of regular expressions",
    "duration_ms": "a duration",
    "positive_duration": "a duration above 0",
    "beats": "a duration of at least 1s",
    "seconds": "a duration of at least 1s",
    "mebibytes": "a size",
    "size_bytes": "a size",
    "some_mebibytes": "a size above 0",
    "some_bytes": "a size of at least 64KiB",
    "on_or_off": "true or false",
    "_flag": "true or false",
    "_code": 'a code like "http:503"',
    "_name": "a name, in which * is anything",
    "_rule_name": "a name of a-z, 0-9, . _ and -",
    "_signal": 'a signal like "SIGKILL"',
    "_expression": "a regular expression (RE2)",
}


def takes(read: Callable[[Any], Any]) -> str:
    """ "1 to 64", "text or json", "a duration"; else the name that the reader has itself."""
    if read.__name__ in _BY_NAME:
        return _BY_NAME[read.__name__]
    held = inspect.getclosurevars(read).nonlocals
    if {"low", "high"} <= held.keys():
        return f"{held['low']} to {held['high']}"
    for name in ("words", "names", "known"):
        if name in held:
            words = held[name] if name != "known" else sorted(held[name])
            return " or ".join([", ".join(words[:-1]), words[-1]]).removeprefix(" or ")
    if "read" in held:
        return f"{takes(held['read'])}, or a list of such"
    return read.__name__.strip("_").replace("_", " ")
