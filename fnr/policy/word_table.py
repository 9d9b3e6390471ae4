"""Which of ten thousand words stand in a text, found in one pass over it.

RE2 looks for a few letters of each word, those that the fewest other words have, so that its
automaton stays small; then each word whose letters stand there is looked for by itself.
"""

from __future__ import annotations

from array import array
from collections import Counter

import re2

PART_CHARS = 9
_MEMORY_BYTES_MIN = 12 << 20
# With too little memory RE2 would find nothing and not say so: it needs about 0.3 kB a word.
_MEMORY_BYTES_PER_WORD = 2_048


class WordTable:
    """Words by number; any case counts.

    Kept in flat arrays: as Python objects, ten thousand words are several MiB that a daemon would
    carry while nothing fails. _ends[n] is where word n ends in _letters, and _numbers[_firsts[p]:
    _firsts[p + 1]] are the words of part p.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._letters = b""
        self._ends = array("I", [0])
        self._numbers = array("I")
        self._firsts = array("I", [0])
        self._set: re2.Set | None = None

    def __len__(self) -> int:
        """How many words there are."""
        return len(self._known) or len(self._ends) - 1

    def add(self, word: str) -> int:
        """The number of a word, a new one if it is new."""
        return self._known.setdefault(word, len(self._known))

    def complete(self) -> None:
        """All words are known: get ready to look for them."""
        known, self._known = self._known, {}
        if not known:
            return
        shared = Counter(part for word in known for part in _parts(word))
        by_part: dict[str, list[int]] = {}
        letters = bytearray()
        for word, number in known.items():
            part = min(_parts(word), key=shared.__getitem__)
            by_part.setdefault(part, []).append(number)
            # A word that is no longer than its part, or has letters that bytes.lower() leaves as
            # they are, is not looked for again.
            if len(word) > len(part) and word.isascii():
                letters += word.encode()
            self._ends.append(len(letters))
        self._letters = bytes(letters)
        for numbers in by_part.values():
            self._numbers.extend(numbers)
            self._firsts.append(len(self._numbers))
        options = re2.Options()
        options.literal = True
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = max(_MEMORY_BYTES_MIN, len(by_part) * _MEMORY_BYTES_PER_WORD)
        self._set = re2.Set.SearchSet(options)
        for part in by_part:
            self._set.Add(part)
        self._set.Compile()
        probe = next(reversed(by_part)).encode()
        assert len(by_part) - 1 in (self._set.Match(probe) or ()), len(by_part)

    def hits(self, text: bytes) -> set[int]:
        """Numbers of the words that stand in the text."""
        if self._set is None:
            return set()
        lowered = text.lower()
        letters, ends, firsts = self._letters, self._ends, self._firsts
        return {
            number
            for part in self._set.Match(text) or ()
            for number in self._numbers[firsts[part] : firsts[part + 1]]
            if letters[ends[number] : ends[number + 1]] in lowered
        }


def _parts(word: str) -> list[str]:
    """Every run of so many letters in the word; the word itself if it is shorter."""
    return [word[at : at + PART_CHARS] for at in range(max(1, len(word) - PART_CHARS + 1))]
