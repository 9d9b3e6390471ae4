"""Many regular expressions over one text: which can match at all, and where one does.

A table of the words that expressions cannot match without is searched for in one pass; only the
few whose words stand there are run, and only those are ever compiled. RE2 needs time in proportion
to the text, whatever an expression or a text contains.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

import re2
from msgspec import Struct

from fnr.policy.required_words import Required, alternatives, required_words
from fnr.policy.word_table import WordTable

# Expressions compiled at a time; one takes about 60 kB once it has run, and an error needs ten.
COMPILED_MAX = 512
_ANYWHERE = re2._Anchor.UNANCHORED  # noqa: SLF001 - as in find
PATTERN_MEMORY_BYTES_MAX = 4 << 20
PATTERN_CHARS_MAX = 8_000
# What a text of 8 kB costs at worst grows with it: about 0.2 s here, where RE2 runs out of states.
PROGRAM_SIZE_MAX = 20_000


class BadPatternError(ValueError):
    """RE2 does not take the expression; says why, and what to write instead where that is known."""


class Found(Struct, frozen=True):
    """Where an expression matched, in bytes, and what its named groups caught."""

    start: int
    end: int
    captures: dict[str, bytes]


class Lists:
    """Lists of numbers by number, of which most are short: flat, because a list each is 100 B."""

    def __init__(self, lists: Iterable[Iterable[int]]) -> None:
        self._flat = array("I")
        self._ends = array("I", [0])
        for each in lists:
            self._flat.extend(each)
            self._ends.append(len(self._flat))

    def __getitem__(self, number: int) -> array[int]:
        return self._flat[self._ends[number] : self._ends[number + 1]]

    def union(self, numbers: Iterable[int]) -> set[int]:
        """All that stands in these."""
        flat, ends = self._flat, self._ends
        found: set[int] = set()
        for number in numbers:
            start, end = ends[number], ends[number + 1]
            if start != end:
                found.update(flat[start:end])
        return found


class Patterns:
    """Expressions by number, in the order they were given, taken apart at each "|"."""

    def __init__(
        self, patterns: Iterable[str], known: Mapping[str, Required] | None = None
    ) -> None:
        numbers: dict[str, int] = {}
        owners: list[list[int]] = []
        for owner, pattern in enumerate(patterns):
            for piece in alternatives(pattern):
                number = numbers.setdefault(piece, len(numbers))
                if number == len(owners):
                    owners.append([])
                owners[number].append(owner)
        self.pieces = tuple(numbers)
        self._owners = Lists(owners)
        required = [(known or {}).get(piece) or required_words(piece) for piece in self.pieces]
        self._plain = {
            number: words for number, one in enumerate(required) if (words := _plain(one))
        }
        self._words = WordTable()
        wordless = [number for number, one in enumerate(required) if not one.needs]
        self._short = _ShortPieces({number: self.pieces[number] for number in wordless})
        shared = Counter(word for one in required for need in one.needs for word in need)
        by_word: dict[int, list[int]] = {}
        # Many pieces ask for the same besides: each need once.
        self._others: dict[int, tuple[frozenset[int], ...]] = {}
        shared_needs: dict[frozenset[int], frozenset[int]] = {}
        for number, one in enumerate(required):
            # Found by the words that the fewest others ask for.
            rarest = sorted(one.needs, key=lambda need: sum(shared[word] for word in need))
            first, *others = [frozenset(map(self._words.add, need)) for need in rarest or [()]]
            for word in first:
                by_word.setdefault(word, []).append(number)
            if others:
                self._others[number] = tuple(shared_needs.setdefault(one, one) for one in others)
        self._by_word = Lists(by_word.get(word, ()) for word in range(len(self._words)))
        self._words.complete()
        self._commonness = [0] * (1 + max((max(those) for those in owners), default=-1))
        for number, one in enumerate(required):
            weight = sum(shared[word] for word in one.needs[0]) if one.needs else 10 * len(required)
            for owner in owners[number]:
                self._commonness[owner] += weight

    def commonness(self, patterns: Iterable[int]) -> int:
        """How many errors these expressions are likely to be run for, in no unit."""
        return sum(self._commonness[number] for number in patterns)

    @property
    def required(self) -> dict[str, Required]:
        """What each piece cannot do without, for building tables from the same pieces again."""
        return {piece: required_words(piece) for piece in self.pieces}

    def possible(self, text: bytes) -> dict[int, list[int]]:
        """Expressions that may match, each with its pieces that may; all others cannot."""
        possible: dict[int, list[int]] = {}
        hits = self._words.hits(text)
        others, owners = self._others, self._owners
        for number in (*self._short.possible(text), *sorted(self._by_word.union(hits))):
            for need in others.get(number, ()):
                if hits.isdisjoint(need):
                    break
            else:
                for owner in owners[number]:
                    if owner in possible:
                        possible[owner].append(number)
                    else:
                        possible[owner] = [number]
        return possible

    def find(self, piece: int, text: bytes, lowered: bytes) -> Found | None:
        """The first match of a piece; one that RE2 does not take matches nothing."""
        if plain := self._plain.get(piece):
            places = [(at, word) for word in plain if (at := lowered.find(word)) >= 0]
            if not places:
                return None
            start, word = min(places)
            return Found(start, start + len(word), {})
        try:
            expression = compiled(self.pieces[piece])
        except re2.error:  # only in a damaged pack: an operator's file is refused for it
            return None
        # The method around it, search(), costs more than the search itself.
        match = expression._regexp.Match  # noqa: SLF001 - see above
        spans = match(_ANYWHERE, text, 0, len(text))
        start, end = spans[0]
        if start < 0:
            return None
        captures = {}
        if len(spans) > 1:
            names = expression.groupindex.items()
            caught = {name.decode(): spans[index] for name, index in names}
            captures = {name: text[low:high] for name, (low, high) in caught.items() if low >= 0}
        return Found(start, end, captures)


class _ShortPieces:
    """Pieces without a telling word, such as `5xx`: the small ones are tried all at once.

    Larger ones, and those that ask for an end of the text, are run over every text: together with
    others they would make an automaton that never fits its memory.
    """

    def __init__(self, pieces: Mapping[int, str]) -> None:
        self._numbers: list[int] = []
        self._always: list[int] = []
        self._set = re2.Set.SearchSet(_options(captures=False, ascii_only=True))
        for number, piece in pieces.items():
            if piece.isascii() and not _ENDS.search(piece) and _is_small(piece):
                self._set.Add(piece.encode())
                self._numbers.append(number)
            else:
                self._always.append(number)
        if self._numbers:
            self._set.Compile()

    def possible(self, text: bytes) -> list[int]:
        """Those that may match."""
        if not self._numbers:
            return self._always
        found = self._set.Match(text) or ()
        return [*self._always, *(self._numbers[index] for index in sorted(found))]


_ENDS = re.compile(r"[$^]|\\[AzQ]|\(\?")
_SMALL_PROGRAM_SIZE = 100


def _is_small(piece: str) -> bool:
    try:
        return bool(compiled(piece).programsize <= _SMALL_PROGRAM_SIZE)
    except re2.error:
        return False


def _plain(required: Required) -> tuple[bytes, ...]:
    """The words themselves, of an expression that is nothing but words."""
    return tuple(word.encode() for word in required.needs[0]) if required.complete else ()


@lru_cache(maxsize=COMPILED_MAX)
def compiled(pattern: str) -> re2._Regexp:
    """The expression as rules mean it: any case, and a dot is any character."""
    captures = "(?P<" in pattern or "(?<" in pattern
    return re2.compile(pattern.encode(), _options(captures=captures, ascii_only=pattern.isascii()))


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
def _options(*, captures: bool, ascii_only: bool) -> re2.Options:
    options = re2.Options()
    if ascii_only:  # a dot is then one byte and not ten states for all that UTF-8 can be
        options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = not captures
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    return options
