"""Which of ten thousand words stand in a text, found in one pass over it.

RE2 makes one automaton of all of them, and builds of it only what the texts it meets ask for.
"""

from __future__ import annotations

import re2

# Making an automaton holds the interpreter, and so whoever waits for an answer: about 80 ms each.
_WORDS_PER_SET = 16_384
_MEMORY_BYTES_MIN = 12 << 20
# With too little memory RE2 would find nothing and not say so: it needs about 0.3 kB a word.
_MEMORY_BYTES_PER_WORD = 2_048


class WordTable:
    """Words by number; any case counts."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._count = 0
        self._sets: list[tuple[int, re2.Set]] = []

    def __len__(self) -> int:
        """How many words there are."""
        return self._count

    def add(self, word: str) -> int:
        """The number of a word, a new one if it is new."""
        number = self._known.setdefault(word, self._count)
        self._count = len(self._known)
        return number

    def complete(self) -> None:
        """All words are known: get ready to look for them."""
        words, self._known = list(self._known), {}
        for first in range(0, len(words), _WORDS_PER_SET):
            self._sets.append((first, _set_of(words[first : first + _WORDS_PER_SET])))

    def hits(self, text: bytes) -> set[int]:
        """Numbers of the words that stand in the text."""
        found: set[int] = set()
        for first, words in self._sets:
            found.update([first + index for index in words.Match(text) or ()])
        return found


def _set_of(words: list[str]) -> re2.Set:
    options = re2.Options()
    options.literal = True
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = max(_MEMORY_BYTES_MIN, len(words) * _MEMORY_BYTES_PER_WORD)
    made = re2.Set.SearchSet(options)
    for word in words:
        made.Add(word)
    made.Compile()
    assert len(words) - 1 in (made.Match(words[-1].encode()) or ()), len(words)
    return made
