"""What the text model sees of an error: words, pairs of words, pieces of words, types and codes.

Everything that differs between two occurrences of one cause (numbers, paths, addresses, ids) is
replaced before, so that a weight belongs to the wording and not to the occurrence. Features are
strings such as "w:refused", "p:connection refused", "g:refu", "t:connection", "c:http:503"; the
weights are found by their hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from zlib import crc32

from fnr.policy.facts import Facts, ended_as_program
from fnr.policy.file_kinds import ENDINGS, kind_of_file
from fnr.policy.secret_keys import BLANK

FEATURE_BITS = 19
# The first words of a message say most; a page of log must not cost more than a sentence.
MESSAGE_CHARS_MAX = 800
TAIL_CHARS_MAX = 600
WORDS_MAX = 90
TYPES_MAX = 4
CODES_MAX = 6

# Errors are written with few words, and none of them is long.
_REMEMBERED_MAX = 4_096
_REMEMBERED_CHARS_MAX = 40
_PIECE_CHARS = 4
_LONG_WORD_CHARS = 7

_TOKEN = re.compile(
    r"https?://[^\s\"'<>]+"
    r"|(?:[\w.@~-]*+[/\\]){2,}[\w.@~-]*"
    rf"|[\w@~-]++(?:[/\\][\w.@~-]*)?\.(?:{'|'.join(ENDINGS)})(?![\w.])"
    r"|0x[0-9a-fA-F]+"
    r"|[A-Z]?[a-z]+(?:'[a-z]+)?|[A-Z]+(?![a-z])|[0-9]+(?:\.[0-9]+)*"
)
_HIDDEN = BLANK.decode()
_KINDS = {"x": "type", "t": "type", "c": "code"}
_SHORT_NUMBER_DIGITS = 3
_WORD_CHARS_MIN = 2
_SAID_OF_ANY = {
    "abort", "aborted", "and", "code", "crash", "crashed", "critical", "error", "errors", "exit",
    "exception", "fail", "failed", "failing", "fails", "failure", "fatal", "for", "from", "has",
    "have", "job", "main", "not", "problem", "run", "running", "runtime", "status", "task", "that",
    "the", "this", "unexpected", "unknown", "warning", "was", "with",
}  # fmt: skip


def features(facts: Facts) -> tuple[str, ...]:
    """Every feature of an error, each once, in a fixed order."""
    return tuple(features_with_slots(facts))


def features_with_slots(facts: Facts) -> dict[str, int]:
    """The same, and where the weights of each stand."""
    found: dict[str, int] = {}
    for words in _sentences(facts):
        found.update(map(_of_word, words))
        found.update(map(_of_pair, words, words[1:]))
        for word in words:
            if _LONG_WORD_CHARS <= len(word) <= _REMEMBERED_CHARS_MAX:
                found.update(_pieces_of(word))
            elif len(word) > _REMEMBERED_CHARS_MAX:
                found.update(_pieces(word))
    says_nothing = "SystemExit" if ended_as_program(facts.evidence) else ""
    for names in facts.types[:TYPES_MAX]:
        if names[0] != says_nothing:
            found.update(_of_type(names[0]))
    found.update([_placed(f"c:{code}") for code in facts.codes[:CODES_MAX]])
    return found


def telling(found: Sequence[str]) -> frozenset[str]:
    """The features that say more than that something failed: codes, and words of the message or
    of the exception's own name. Where the exception was defined says nothing of what it means.
    """
    own = {word for one in found if one.startswith("x:") for word in words_of(one[2:])}
    return frozenset(one for one in found if one.startswith("c:") or _tells(one, own))


def _tells(feature: str, own: set[str]) -> bool:
    kind, _, word = feature.partition(":")
    if len(word) < _WORD_CHARS_MIN or word in _SAID_OF_ANY:
        return False
    return kind == "w" or (kind == "t" and word in own)


def plain(feature: str) -> str:
    """A feature as people read it: "refused", "connection refused", "…unti…", "type connection"."""
    kind, _, word = feature.partition(":")
    if kind == "g":
        return f"…{word}…"
    return f"{_KINDS[kind]} {word}" if kind in _KINDS else word


def slot(feature: str) -> int:
    """Where the weights of a feature stand."""
    return crc32(feature.encode()) & ((1 << FEATURE_BITS) - 1)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; names in CamelCase and snake_case are taken apart."""
    # No token has a space in it.
    return [
        word
        for run in text.split()
        for word in (_words_in(run) if len(run) <= _REMEMBERED_CHARS_MAX else _words(run))
    ]


def _words(run: str) -> tuple[str, ...]:
    return tuple(map(_word, _TOKEN.findall(run)))


_words_in = lru_cache(maxsize=_REMEMBERED_MAX)(_words)


def _sentences(facts: Facts) -> Iterator[Sequence[str]]:
    left = WORDS_MAX
    limits = (MESSAGE_CHARS_MAX, *[TAIL_CHARS_MAX] * len(facts.texts))
    for text, limit in zip(facts.texts, limits, strict=False):
        # What a log says last is what ended it.
        part = text[:limit] if limit == MESSAGE_CHARS_MAX else text[-limit:]
        # That a secret stood there says nothing of what went wrong.
        part = part.replace(_HIDDEN, " ")
        words = words_of(part)[:left]
        left -= len(words)
        yield words


def _word(token: str) -> str:
    if token[0].isdigit():
        if token.startswith("0x"):
            return "<hex>"
        return token if token.isdecimal() and len(token) <= _SHORT_NUMBER_DIGITS else "<number>"
    if "/" in token or "\\" in token:
        return "<url>" if token.startswith("http") else f"<{kind_of_file(token) or 'path'}>"
    if "." in token and (kind := kind_of_file(token)):
        return f"<{kind}>"
    return token.lower()


def _placed(feature: str) -> tuple[str, int]:
    return feature, slot(feature)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _of_word(word: str) -> tuple[str, int]:
    return _placed(f"w:{word}")


@lru_cache(maxsize=_REMEMBERED_MAX)
def _of_pair(first: str, second: str) -> tuple[str, int]:
    return _placed(f"p:{first} {second}")


def _pieces(word: str) -> dict[str, int]:
    starts = range(len(word) - _PIECE_CHARS + 1)
    return dict(_placed(f"g:{word[start : start + _PIECE_CHARS]}") for start in starts)


_pieces_of = lru_cache(maxsize=_REMEMBERED_MAX)(_pieces)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _of_type(name: str) -> dict[str, int]:
    names = [f"x:{name.rpartition('.')[2]}", *[f"t:{word}" for word in words_of(name)]]
    return dict(map(_placed, names))
