"""Secrets of many lines: private keys, and the data of a Secret of Kubernetes.

Of a private key all is hidden between the line that begins one and the line that ends it.

What stands before each line (a time, a comment sign, the quotes of a list) does not matter. Of one
whose beginning was cut off, what looks like its lines is hidden.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import re2

BLANK = b"[redacted]"
# A key of 8192 bits has 6,400 characters, and a log writes a time before each line of it.
KEY_BYTES_MAX = 12_000
_LINES_BYTES_MIN = 16
_NAME = b"PRIVATE KEY"
_MARK = re.compile(rb"-{4,5} ?(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_LINE_ENDS = re.compile(rb"(?:\\[rn]|[\r\n])*")
# RE2 reads this from its end on, so that it takes no longer than the lines are.
_LINES = re2.compile(
    rb"(?:\A|\\[rn]|[\r\n])(?:[ \t>|]*[A-Za-z0-9+/=]+(?:\\[rn]|[\r\n])+)+[ \t>|]*\z"
)
_KIND = re.compile(rb"\bkind[\"']?:\s*[\"']?Secret\b")
_STORED = re.compile(
    rb"\b(?:data|stringData)(?::[ \t]*\n(?P<lines>(?:[ \t]+[^\n]*\n)*[ \t]+[^\n]*)"
    rb"|[\"']:\s*\{(?P<object>[^{}]+))"
)
MANIFEST_BYTES_MAX = 4_000


def hidden_blocks(data: bytes) -> bytes:
    """The text without private keys and without the data of secrets in manifests."""
    return hidden_manifests(hidden_keys(data))


def hidden_manifests(data: bytes) -> bytes:
    """The text without what a manifest of the kind Secret has under `data` and `stringData`."""
    kinds = [found.start() for found in _KIND.finditer(data)]
    if not kinds:
        return data

    def hidden(found: re.Match[bytes]) -> bytes:
        at = bisect_left(kinds, found.start() - MANIFEST_BYTES_MAX)
        if at == len(kinds) or kinds[at] > found.end() + MANIFEST_BYTES_MAX:
            return found[0]
        held = found["lines"] or found["object"]
        indent = held[: len(held) - len(held.lstrip())]
        return found[0][: -len(held)] + indent + BLANK

    return _STORED.sub(hidden, data)


def hidden_keys(data: bytes) -> bytes:
    """The text without the private keys that end in it."""
    if _NAME not in data:
        return data
    pieces: list[bytes] = []
    end, seen, begun = 0, 0, -KEY_BYTES_MAX
    for mark in _MARK.finditer(data):
        if mark[1] == b"BEGIN":
            begun = mark.end()
            continue
        until = mark.start()
        start = begun if until - begun < KEY_BYTES_MAX else _first_line(data, seen, until)
        if start < until:
            pieces += [data[end:start], BLANK]
            end = until
        seen, begun = mark.end(), -KEY_BYTES_MAX
    return b"".join([*pieces, data[end:]]) if pieces else data


def _first_line(data: bytes, end: int, until: int) -> int:
    """Where the lines of a key begin that stand before its last one; there if there are none."""
    first = max(end, until - KEY_BYTES_MAX)
    found = _LINES.search(data[first:until])
    if found is None or found.end() - found.start() < _LINES_BYTES_MIN:
        return until
    ends = _LINE_ENDS.match(data, first + found.start())
    return ends.end() if ends else until
