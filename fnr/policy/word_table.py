"""Which of ten thousand words stand in a text, found in one pass over it.

RE2 looks for a few letters of each word, those that the fewest other words have, so that its
automaton stays small; then each word whose letters stand there is looked for by itself.
"""

from __future__ import annotations

from collections import Counter

import re2

PART_CHARS = 9
_MEMORY_BYTES_MIN = 12 << 20
# With too little memory RE2 would find nothing and not say so: it needs about 0.3 kB a word.
_MEMORY_BYTES_PER_WORD = 2_048


class WordTable:
    """Words by number; any case counts."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._by_part: list[list[tuple[int, bytes]]] = []
        self._set: re2.Set | None = None

    def add(self, word: str) -> int:
        """The number of a word, a new one if it is new."""
        return self._numbers.setdefault(word, len(self._numbers))

    def complete(self) -> None:
        """All words are known: get ready to look for them."""
        if not self._numbers:
            return
        shared = Counter(part for word in self._numbers for part in _parts(word))
        by_part: dict[str, list[tuple[int, bytes]]] = {}
        for word, number in self._numbers.items():
            part = min(_parts(word), key=shared.__getitem__)
            # A word that is no longer than its part, or has letters that bytes.lower() leaves as
            # they are, is not looked for again.
            rest = word.encode() if len(word) > len(part) and word.isascii() else b""
            by_part.setdefault(part, []).append((number, rest))
        options = re2.Options()
        options.literal = True
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = max(_MEMORY_BYTES_MIN, len(by_part) * _MEMORY_BYTES_PER_WORD)
        self._set = re2.Set.SearchSet(options)
        for part in by_part:
            self._set.Add(part)
        self._set.Compile()
        self._by_part = list(by_part.values())
        probe = next(reversed(by_part)).encode()
        assert len(by_part) - 1 in (self._set.Match(probe) or ()), len(by_part)

    def hits(self, text: bytes) -> set[int]:
        """Numbers of the words that stand in the text."""
        if self._set is None:
            return set()
        lowered = text.lower()
        return {
            number
            for part in self._set.Match(text) or ()
            for number, word in self._by_part[part]
            if word in lowered
        }


def _parts(word: str) -> list[str]:
    """Every run of so many letters in the word; the word itself if it is shorter."""
    return [word[at : at + PART_CHARS] for at in range(max(1, len(word) - PART_CHARS + 1))]
