"""Looks up which rules could hold for an error, in an index that may come from a file.

What is looked up is made when it is asked for the first time: a daemon meets a hundred of ten
thousand expressions in its life.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

import msgspec
import re2

from fnr.policy.asked import Asked, Contender, ledger_keys
from fnr.policy.code_names import code_fits
from fnr.policy.facts import Facts
from fnr.policy.patterns import Piece, pattern_options
from fnr.policy.rule_index import Entry, Lists, Rows, RuleIndex
from fnr.policy.type_names import NamePatterns
from fnr.policy.word_table import WordTable

REMEMBERED_MAX = 8_192

T = TypeVar("T")


class RuleTable:
    """The rules of one index; filed: the pieces under which one is filed."""

    def __init__(self, index: RuleIndex) -> None:
        self.named = index.named
        self.globs = NamePatterns(index.globs)
        self._words = WordTable(index.parts)
        self._parts = b"".join(index.parts)
        self._part_ends = array("I", [0, *accumulate(map(len, index.parts))])
        self._pieces = _Remembered(index.pieces, msgspec.msgpack.Decoder(Piece).decode)
        self._contenders = _Remembered(index.entries, _contender)
        self._by_part = _Flat(index.by_part)
        self._filed = _Flat(index.filed)
        self.filed = frozenset(
            piece for piece, (a, b) in enumerate(pairwise(index.filed.ends)) if a != b
        )
        self._short = _ShortPieces({number: self.piece(number).pattern for number in index.short})
        self._always = index.always
        self._by_code = index.by_code
        self._by_range: dict[str, list[tuple[str, list[int]]]] = {}
        for codes, several in index.by_range.items():
            self._by_range.setdefault(codes.partition(":")[0], []).append((codes, several))
        self._by_type, self._others = index.by_type, index.others

    def piece(self, number: int) -> Piece:
        """One piece of an expression."""
        return self._pieces[number]

    def contender(self, place: int) -> Contender:
        """One rule."""
        return self._contenders[place]

    def part(self, number: int) -> bytes:
        """A part of a word."""
        return self._parts[self._part_ends[number] : self._part_ends[number + 1]]

    def hits(self, folded: bytes) -> dict[int, int]:
        """Which parts of words stand in a text, and in how many places."""
        return self._words.hits(folded)

    def near(self, hits: Iterable[int], text: bytes) -> set[int]:
        """Pieces whose rarest words may stand in a text; no other can match it."""
        found = self._by_part.union(hits)
        found.update(self._always)
        found.update(self._short.possible(text))
        return found

    def places(self, pieces: Iterable[int], facts: Facts) -> set[int]:
        """Rules that could hold: filed under these pieces, or under a fact of the error."""
        places = self._filed.union(pieces)
        places.update(self._others)
        for key in ledger_keys(facts.evidence):
            places.update(self._by_code.get(key, ()))
        for code in facts.codes:
            places.update(self._by_code.get(code, ()))
            family = code.partition(":")[0]
            for codes, several in self._by_range.get(family, ()):
                if code_fits(codes, code):
                    places.update(several)
        for name in {name for names in facts.types for name in names}:
            places.update(self._by_type.get(name, ()))
            for pattern in self.globs.fitting(name):
                places.update(self._by_type.get(pattern, ()))
        return places


def _contender(data: bytes) -> Contender:
    entry = _ENTRIES.decode(data)
    rule = entry.rule
    unless = rule.unless
    return Contender(
        rule=rule,
        standing=entry.standing,
        asked=Asked(rule, entry.text, entry.all_text, entry.found_by),
        unless=Asked(unless, entry.unless_text, entry.unless_all_text) if unless else None,
    )


_ENTRIES = msgspec.msgpack.Decoder(Entry)


class _Remembered(Generic[T]):
    """Rows, of which those that were asked for are kept ready."""

    def __init__(self, rows: Rows, make: Callable[[bytes], T]) -> None:
        self._data = rows.data
        self._ends = array("I", rows.ends)
        self._make = make
        self._ready: dict[int, T] = {}

    def __getitem__(self, number: int) -> T:
        found = self._ready.get(number)
        if found is None:
            if len(self._ready) >= REMEMBERED_MAX:
                self._ready.clear()
            row = self._data[self._ends[number] : self._ends[number + 1]]
            found = self._ready[number] = self._make(row)
        return found


class _Flat:
    """Lists of numbers, of which most are short: flat, because a list each is 100 B."""

    def __init__(self, lists: Lists) -> None:
        self._flat = array("I", lists.flat)
        self._ends = array("I", lists.ends)

    def union(self, numbers: Iterable[int]) -> set[int]:
        """All that stands in these."""
        flat, ends = self._flat, self._ends
        found: set[int] = set()
        for number in numbers:
            found.update(flat[ends[number] : ends[number + 1]])
        return found


class _ShortPieces:
    """Pieces without a telling word, such as `5xx`, tried all at once."""

    def __init__(self, pieces: dict[int, str]) -> None:
        self._numbers = list(pieces)
        self._set = re2.Set.SearchSet(pattern_options(captures=False, ascii_only=True))
        for piece in pieces.values():
            self._set.Add(piece.encode())
        if self._numbers:
            self._set.Compile()

    def possible(self, text: bytes) -> list[int]:
        """Those that may match."""
        if not self._numbers:
            return []
        return [self._numbers[index] for index in self._set.Match(text) or ()]
