"""What the C library and the shell say in other languages, found so that it can be read in English.

Programs that ask the system for words print them in the language of whoever started them. Rules and
the text model know the English ones, and what a host is called in does not change what is wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain

from fnr.policy import foreign_host_words, foreign_wire_words
from fnr.policy.word_table import PhraseTable

# Shorter ones are words of many meanings; a shell says them of a process, behind its number.
_CHARS_MIN = 9
_NUMBER_BEFORE = re.compile(r"\d\s{1,40}\Z")
_NUMBER_CHARS_MAX = 48
# Of scripts that put no space between words the same is said in fewer characters.
_DENSE = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_DENSE_CHARS_MIN = 3
# Halves of characters, which are no text.
_HALF = re.compile("[\ud800-\udfff]")
# Turkish has a dotted capital whose small form Python writes in two characters.
_ALIKE = str.maketrans({"\u2019": "'", "\u00a0": " ", "\u202f": " ", "\u0130": "i"})


def foreign_words(text: str) -> list[tuple[int, int, str]]:
    """(start, end, English) of every known phrase, from left to right; none overlaps another."""
    phrases, english = _phrases()
    lowered = _lowered(text)
    return [
        (start, end, english[number])
        for number, start, end in phrases.places(lowered)
        if _stands_alone(lowered, start, end)
    ]


@lru_cache(maxsize=1)
def _phrases() -> tuple[PhraseTable, list[str]]:
    known: dict[str, str] = {}
    words = (foreign_host_words.WORDS, foreign_wire_words.WORDS)
    for english, foreign in chain.from_iterable(part.items() for part in words):
        for phrase in foreign.split("|"):
            known.setdefault(_lowered(phrase), english)
    return PhraseTable(list(known)), list(known.values())


def _lowered(text: str) -> str:
    """In lower case, each character where it was."""
    if text.isascii():
        return text.lower()
    plain = _HALF.sub("?", text.translate(_ALIKE))
    lowered = plain.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in plain)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Not part of longer words, and not a word that others use."""
    phrase = text[start:end]
    if _DENSE.search(phrase):
        return end - start >= _DENSE_CHARS_MIN
    if text[end : end + 1].isalnum() or text[max(0, start - 1) : start].isalnum():
        return False
    if end - start >= _CHARS_MIN:
        return True
    return _NUMBER_BEFORE.search(text[max(0, start - _NUMBER_CHARS_MAX) : start]) is not None
