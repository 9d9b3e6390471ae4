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
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
# What may stand around a line of a key, as in YAML, in a comment and in the lines of a list.
_AROUND = b" \t\r>|#*\"',"
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


class KeyLines:
    """Hides private keys in text that comes by the line, of which nobody knows the next.

    Behind the line that begins a key all that looks like a line of one is hidden, up to its end.
    """

    def __init__(self) -> None:
        self._left_bytes = 0
        self._before = 0

    @property
    def is_inside(self) -> bool:
        """Has a key begun that has not ended?"""
        return self._left_bytes > 0

    def hidden(self, line: bytes) -> bytes:
        """The next line without what it has of a key that an earlier one began."""
        marks = [*_MARK.finditer(line)] if _NAME in line else []
        shown = line
        if self.is_inside:
            self._left_bytes -= len(line)
            until = marks[0].start() if marks else len(line)
            shown = self._without_key(line[:until]) + line[until:]
        if marks:
            begins = marks[-1][1] == b"BEGIN"
            self._left_bytes = KEY_BYTES_MAX if begins else 0
            self._before = marks[-1].start()
        return shown

    def _without_key(self, line: bytes) -> bytes:
        """A short word is the key's last line if it stands where the other ones do."""
        body = line.rstrip(_AROUND)
        before = body.rstrip(_BASE64)
        is_key = len(body) - len(before) >= _LINES_BYTES_MIN
        if body == before or not (
            is_key or len(before) == self._before or not before.strip(_AROUND)
        ):
            return line
        self._before = len(before)
        return before + BLANK + line[len(body) :]
