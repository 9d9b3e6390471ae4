"""Looks up which rules could hold for an error, in an index that may come from a file.

What is looked up is made when it is asked for the first time: a daemon meets a hundred of ten
thousand expressions in its life.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from itertools import accumulate, pairwise
from typing import TypeVar

import msgspec
import re2

from fnr.policy.asked import Asked, Contender, ledger_keys
from fnr.policy.code_names import code_fits
from fnr.policy.facts import Facts
from fnr.policy.patterns import Piece, Sought, pattern_options
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
        self._sought = _Remembered(index.pieces, self._seek)
        self._further = _Remembered(index.pieces, _further_needs)
        self._contenders = _Remembered(index.entries, _contender)
        self._by_part = _Several(index.by_part)
        self._filed = _Several(index.filed)
        self.filed = frozenset(
            piece for piece, (a, b) in enumerate(pairwise(index.filed.ends)) if a != b
        )
        short = {number: self._sought[number].piece.pattern for number in index.short}
        self._short = _ShortPieces(short)
        self._always = index.always
        self._by_code = index.by_code
        self._by_range: dict[str, list[tuple[str, list[int]]]] = {}
        for codes, several in index.by_range.items():
            self._by_range.setdefault(codes.partition(":")[0], []).append((codes, several))
        self._by_type, self._others = index.by_type, index.others

    def sought(self, number: int) -> Sought:
        """One piece of an expression."""
        return self._sought[number]

    def contender(self, place: int) -> Contender:
        """One rule."""
        return self._contenders[place]

    def _seek(self, data: bytes) -> Sought:
        piece = _PIECES.decode(data)
        ends, parts = self._part_ends, self._parts
        needs = tuple(
            {number: parts[ends[number] : ends[number + 1]] for number in need}
            for need in piece.needs
        )
        words = tuple(zip(piece.needs[0], piece.words, strict=True)) if piece.words else ()
        is_near = piece.reach or piece.one_line
        return Sought(piece, needs if is_near and not piece.words else (), words)

    def hits(self, folded: bytes) -> set[int]:
        """Which parts of words stand in a text."""
        return self._words.hits(folded)

    def able(self, hits: AbstractSet[int], text: bytes) -> set[int]:
        """Pieces of whose needs each stands in a text with these hits; no other can match it."""
        lacks, further = hits.isdisjoint, self._further
        able = set(self._always)
        # The first of its needs is what makes a piece found.
        for piece in self._by_part.union(hits):
            for need in further[piece]:
                if lacks(need):
                    break
            else:
                able.add(piece)
        able.update(self._short.possible(text))
        return able

    def places(self, pieces: Iterable[int], facts: Facts) -> set[int]:
        """Rules that could hold: filed under these pieces, or under a fact of the error."""
        places = self._filed.union(pieces)
        places.update(self._others)
        named = (f"function:{facts.function}", f"service:{facts.service}")
        for key in (*ledger_keys(facts.evidence), *named):
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


def _further_needs(data: bytes) -> tuple[frozenset[int], ...]:
    return tuple(map(frozenset, _PIECES.decode(data).needs[1:]))


_ENTRIES = msgspec.msgpack.Decoder(Entry)
_PIECES = msgspec.msgpack.Decoder(Piece)


class _Remembered(dict[int, T]):
    """Rows by number, of which those that were asked for are kept ready."""

    def __init__(self, rows: Rows, make: Callable[[bytes], T]) -> None:
        super().__init__()
        self._data = rows.data
        self._ends = array("I", rows.ends)
        self._make = make

    def __missing__(self, number: int) -> T:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        found = self._make(self._data[self._ends[number] : self._ends[number + 1]])
        self[number] = found
        return found


class _Several(dict[int, tuple[int, ...]]):
    """Lists of numbers by number: flat, because a list each is 100 B, but for those asked for."""

    def __init__(self, lists: Lists) -> None:
        super().__init__()
        self._flat = array("I", lists.flat)
        self._ends = array("I", lists.ends)

    def __missing__(self, number: int) -> tuple[int, ...]:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        found = tuple(self._flat[self._ends[number] : self._ends[number + 1]])
        self[number] = found
        return found

    def union(self, numbers: Iterable[int]) -> set[int]:
        """All that stands in these."""
        return set().union(*map(self.__getitem__, numbers))


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
