r"""The patterns of a filter: Python's regular expressions, as far as no text can make them slow.

A filter is typed by a person and meets messages that anybody may have written, and Python's engine
tries every way to match. So the number of ways is bounded when the pattern is read: at most one
open repeat (`\d+`) between gaps, no repeat of what itself repeats or has alternatives, no look-
around and no back references. A gap, `.*`, is free: the parts around it are looked for one after
the other, each behind the first place where the one before it was found. Where that finds nothing,
what repeats may have taken too much: it takes as little as it can instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

PATTERN_CHARS_MAX = 500
TEXT_CHARS_MAX = 4_000
NESTING_MAX = 20
# Ways to match from one place: an open repeat has as many as the text is long.
WAYS_MAX = 5 * TEXT_CHARS_MAX

_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\]?)|(?P<open>\((?:\?:)?)|(?P<close>\))"
    r"|(?P<bar>\|)|(?P<repeat>(?:[*+?]|\{\d*,\d*\}|\{\d+\})\??)|(?P<other>.)",
    re.DOTALL,
)
_GAP = re.compile(r"\.\*\??(?![*+?{])")
# Spellings that a future Python may read as set operations; it warns of them today.
_SET_OPERATION = re.compile(r"\[\^?\[|\[.*(?:--|&&|~~|\|\|)", re.DOTALL)
_BOUNDS = re.compile(r"\{(\d*)(?:,(\d*))?\}")


Parts = tuple[re.Pattern[str], ...]


class Finder(Struct, frozen=True):
    """A pattern ready to search with: any branch, whose parts follow one another.

    branches: the parts of each, and the same where what repeats takes as little as it can.
    """

    branches: tuple[tuple[Parts, Parts], ...]

    def found_in(self, text: str) -> bool:
        """Whether the pattern is in the text, in either case; the dot matches line ends too."""
        text = text[:TEXT_CHARS_MAX]
        for parts, sparing in self.branches:
            found = _follow(parts, text)
            if found == len(parts):
                return True
            # A first part that is not there is not there when it is shorter, either.
            if found and parts != sparing and _follow(sparing, text) == len(sparing):
                return True
        return False


@lru_cache(maxsize=256)
def finder(pattern: str) -> Finder:
    """Read a pattern. Raises ValueError in words for people."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise ValueError(f"the pattern has more than {PATTERN_CHARS_MAX} characters")
    if any(_SET_OPERATION.match(token[0]) for token in _TOKEN.finditer(pattern)):
        raise ValueError("inside […] put a backslash before [ and before a doubled - & ~ |")
    _compiled(pattern)
    return Finder(
        tuple(
            (tuple(map(_checked, parts)), tuple(_compiled(_sparing(part)) for part in parts))
            for parts in _branches(pattern)
        )
    )


def _follow(parts: Parts, text: str) -> int:
    """How many of the parts were found one behind the other."""
    at = 0
    for number, part in enumerate(parts):
        found = part.search(text, at)
        if found is None:
            return number
        at = found.end()
    return len(parts)


def _sparing(part: str) -> str:
    """The part with each repeat as short as it can be."""
    return "".join(
        f"{token[0]}?"
        if token.lastgroup == "repeat" and (token[0] == "?" or not token[0].endswith("?"))
        else token[0]
        for token in _TOKEN.finditer(part)
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE | re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from None


def _checked(part: str) -> re.Pattern[str]:
    ways = _Ways(part).alternatives(depth=0)
    if ways > WAYS_MAX:
        raise ValueError("the pattern could match in too many ways: use fewer repeats (* + {} ?)")
    return _compiled(part)


def _branches(pattern: str) -> Iterator[list[str]]:
    """Split at the outermost bars, and each branch at its outermost gaps."""
    depth, start, parts = 0, 0, []
    for token in _TOKEN.finditer(pattern):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        gap = _GAP.match(pattern, token.start()) if token.lastgroup == "other" else None
        if depth == 0 and (gap or token.lastgroup == "bar"):
            parts.append(pattern[start : token.start()])
            start = (gap or token).end()
        if depth == 0 and token.lastgroup == "bar":
            yield parts
            parts = []
    yield [*parts, pattern[start:]]


class _Ways:
    """Counts, from above, in how many ways a pattern that compiles can match from one place."""

    def __init__(self, pattern: str) -> None:
        self._tokens = [(str(found.lastgroup), found[0]) for found in _TOKEN.finditer(pattern)]
        self._tokens.append(("end", ""))

    def alternatives(self, *, depth: int) -> int:
        """Ways of one alternative after the other."""
        if depth > NESTING_MAX:
            raise ValueError(f"the pattern is nested more than {NESTING_MAX} deep")
        ways = self._sequence(depth)
        while self._take("bar"):
            ways += self._sequence(depth)
        return ways

    def _sequence(self, depth: int) -> int:
        ways = 1
        while self._tokens[0][0] not in {"bar", "close", "end"}:
            ways *= self._item(depth)
        return ways

    def _item(self, depth: int) -> int:
        kind, text = self._tokens.pop(0)
        if kind == "repeat":
            raise ValueError("(?…) and possessive repeats are not supported, only (…) and (?:…)")
        if kind == "escape" and text[1].isdigit():
            raise ValueError("back references are not supported")
        ways = 1
        if kind == "open":
            ways = self.alternatives(depth=depth + 1)
            self._take("close")
        if self._tokens[0][0] != "repeat":
            return ways
        times_max, lengths = _repeat(self._tokens.pop(0)[1])
        if times_max > 1 and ways > 1:
            raise ValueError("a repeat of something that repeats or has alternatives is too slow")
        return ways * lengths

    def _take(self, kind: str) -> bool:
        taken = self._tokens[0][0] == kind
        if taken:
            del self._tokens[0]
        return taken


def _repeat(sign: str) -> tuple[int, int]:
    """How often it repeats at most, and how many different lengths that can have."""
    if sign in {"?", "??"}:
        return 1, 2
    bounds = _BOUNDS.match(sign)
    if bounds is None:
        return TEXT_CHARS_MAX, TEXT_CHARS_MAX
    least = int(bounds[1] or 0)
    most = least if bounds[2] is None else int(bounds[2] or TEXT_CHARS_MAX)
    return most, max(most - least + 1, 1)
