"""Regular expressions as rules mean them, and where one of their pieces matches in a text.

RE2 needs time in proportion to the text, whatever an expression or a text contains. A piece is run
only where it can match: around the words that it cannot match without.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import re2
from msgspec import Struct

# Expressions compiled at a time. One takes about 10 kB once it has run over windows of a text, and
# an error needs ten.
COMPILED_MAX = 1_024
PATTERN_MEMORY_BYTES_MAX = 4 << 20
PATTERN_CHARS_MAX = 8_000
# What a text of 8 kB costs at worst grows with it: about 0.2 s here, where RE2 runs out of states.
PROGRAM_SIZE_MAX = 20_000

_ANYWHERE = re2._Anchor.UNANCHORED  # noqa: SLF001 - as in _match
# With more places than that, or longer ones, reading the whole text once is cheaper.
PLACES_MAX = 8
_SHARE_MAX = 0.7


class BadPatternError(ValueError):
    """RE2 does not take the expression; says why, and what to write instead where that is known."""


class Found(Struct, frozen=True):
    """Where an expression matched, in bytes, and what its named groups caught."""

    start: int
    end: int
    captures: dict[str, bytes]


class Piece(Struct, frozen=True, array_like=True):
    """One of the alternatives of an expression, and how it is looked for.

    needs:    parts of words by number; of each need one must stand in the text, casefolded. The
              first is the rarest.
    words:    when it is nothing but these words, in the order of its only need; the pattern is then
              left out.
    reach:    how many bytes a match has at most; 0: not known. one_line: a match lies in one line.
    """

    pattern: str
    needs: tuple[tuple[int, ...], ...] = ()
    words: tuple[bytes, ...] = ()
    reach: int = 0
    one_line: bool = False


class Sought(Struct, frozen=True):
    """A piece as it is looked for.

    needs: of each, its parts of words by number; none when a match may be anywhere.
    words: its own words, each with the number of the part that it needs.
    """

    piece: Piece
    needs: tuple[dict[int, bytes], ...]
    words: tuple[tuple[int, bytes], ...]


def find_words(words: Iterable[bytes], lowered: bytes) -> Found | None:
    """The first place where one of these words stands."""
    places = [(at, word) for word in words if (at := lowered.find(word)) >= 0]
    if not places:
        return None
    start, word = min(places)
    return Found(start, start + len(word), {})


def find(
    piece: Piece, text: bytes, lowered: bytes, needs: Sequence[Sequence[bytes]]
) -> Found | None:
    """The first match of a piece's pattern; one that RE2 does not take matches nothing.

    needs: parts of words, of which each match has one of each; none: not known. The matches are
           looked for around those of the first that stands in few places.
    """
    if needs:
        for need in needs:
            windows = _windows(piece, lowered, need)
            if windows is not None:
                return _within(
                    piece, text, lowered, windows, [one for one in needs if one is not need]
                )
    return _match(piece.pattern, text, 0, len(text))


def _within(
    piece: Piece,
    text: bytes,
    lowered: bytes,
    windows: Sequence[tuple[int, int]],
    needs: Sequence[Sequence[bytes]],
) -> Found | None:
    """The first match in one of these windows, where each need stands."""
    for low, high in windows:
        if all(_holds(lowered, parts, low, high) for parts in needs):
            found = _match(piece.pattern, text, low, high)
            if found is not None:
                return found
    return None


def _holds(text: bytes, parts: Sequence[bytes], low: int, high: int) -> bool:
    return any(text.find(part, low, high) >= 0 for part in parts)


def _match(pattern: str, text: bytes, low: int, high: int) -> Found | None:
    """The first match that lies between low and high."""
    try:
        expression = compiled(pattern)
    except re2.error:  # only in a damaged pack: an operator's file is refused for it
        return None
    # The method around it, search(), costs more than the search itself.
    spans = expression._regexp.Match(_ANYWHERE, text, low, high)  # noqa: SLF001 - see above
    start, end = spans[0]
    if start < 0:
        return None
    captures = {}
    if len(spans) > 1:
        caught = {name.decode(): spans[index] for name, index in expression.groupindex.items()}
        captures = {name: text[low:high] for name, (low, high) in caught.items() if low >= 0}
    return Found(start, end, captures)


def _windows(piece: Piece, lowered: bytes, parts: Sequence[bytes]) -> list[tuple[int, int]] | None:
    """Where its matches must lie, from left to right; None: they may be anywhere.

    Each match holds a part of each need, so all lie as near to one as they reach, and those that
    overlap lie in one window: the first match in the first window that has one is the first of all.
    """
    places: list[tuple[int, int]] = []
    for part in parts:
        size = len(part)
        at = lowered.find(part)
        while at >= 0:
            if len(places) == PLACES_MAX:
                return None
            places.append((at, at + size))
            at = lowered.find(part, at + 1)
    if piece.one_line:
        windows = [_in_line(piece, lowered, start, end) for start, end in places]
    else:
        reach, size = piece.reach, len(lowered)
        windows = [(max(0, end - reach), min(size, start + reach)) for start, end in places]
    if len(windows) > 1:
        windows = _merged(windows)
    if sum([high - low for low, high in windows]) > _SHARE_MAX * len(lowered):
        return None
    return windows


def _in_line(piece: Piece, text: bytes, start: int, end: int) -> tuple[int, int]:
    """All that can belong to a match in one line with a part that stands there."""
    low, high = 0, len(text)
    if piece.reach:
        low, high = max(0, end - piece.reach), min(high, start + piece.reach)
    low = text.rfind(b"\n", low, start) + 1 or low
    after = text.find(b"\n", end, high)
    return low, after if after >= 0 else high


def _merged(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    windows.sort()
    merged = windows[:1]
    for low, high in windows[1:]:
        if low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


@lru_cache(maxsize=COMPILED_MAX)
def compiled(pattern: str) -> re2._Regexp:
    """The expression as rules mean it: any case, and a dot is any character."""
    captures = "(?P<" in pattern or "(?<" in pattern
    return re2.compile(
        pattern.encode(), pattern_options(captures=captures, ascii_only=pattern.isascii())
    )


def check_pattern(pattern: str) -> None:
    """Raise BadPatternError for an expression that could not be used."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise BadPatternError(f"{len(pattern)} characters; at most {PATTERN_CHARS_MAX}")
    try:
        size = compiled(pattern).programsize
    except (re2.error, UnicodeEncodeError) as error:
        raise BadPatternError(_why(pattern, error)) from None
    if size > PROGRAM_SIZE_MAX:
        raise BadPatternError("too large: use shorter gaps, or several expressions")
    if compiled(pattern).search(b"") is not None:
        raise BadPatternError("it matches the empty text, and so any text")


_REWRITES = (
    ("(?=", "look-ahead is not in RE2: use all_text with one expression for each part"),
    ("(?!", "look-around is not in RE2: put what must not be there into [rule.not] text"),
    ("(?<=", "look-behind is not in RE2: match what comes before as well, or use all_text"),
    ("(?<!", "look-around is not in RE2: put what must not be there into [rule.not] text"),
    ("(?>", "atomic groups are not in RE2, and not needed: it never backtracks; write (?:…)"),
    ("(?#", "comments are not in RE2: write them beside the rule with #"),
    ("(?(", "conditional groups are not in RE2: write both alternatives"),
)


def _why(pattern: str, error: Exception) -> str:
    for sign, rewrite in _REWRITES:
        if sign in pattern:
            return rewrite
    words = error.args[0].decode(errors="replace") if _is_bytes(error) else str(error)
    if "invalid escape sequence: \\" in words and words[-1:].isdigit():
        return f"{words}: back-references are not in RE2; write what it repeats, or two rules"
    if "bad repetition operator" in words or "invalid repetition size" in words:
        return f"{words}: RE2 repeats at most 1,000 times in all, and knows no possessive signs"
    if "too large" in words:
        return f"{words}: use shorter gaps, or several expressions"
    return words


def _is_bytes(error: Exception) -> bool:
    return bool(error.args) and isinstance(error.args[0], bytes)


@lru_cache(maxsize=4)
def pattern_options(*, captures: bool, ascii_only: bool) -> re2.Options:
    """Those of every expression of a rule."""
    options = re2.Options()
    if ascii_only:  # a dot is then one byte and not ten states for all that UTF-8 can be
        options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = not captures
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    return options
