"""Which words a regular expression cannot match without, read from the expression itself.

Thousands of expressions are not run over every error: those are whose words stand in it. What is
found here must be certain, so anything not understood counts as "anything may stand here", and an
expression without a certain word of three bytes is always run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

# One of these words must stand in the text, in any case.
AnyOf = tuple[str, ...]

WORD_BYTES_MIN = 3
WORDS_MAX = 200
NEEDS_MAX = 3
_EXACT_MAX = 16
_CLASS_CHARS_MAX = 4
_DEPTH_MAX = 50

# Letters that stand for themselves, without one that is repeated.
_LETTERS = re.compile(r"[^\\[\](){}|.^$*+?]+(?![*+?{])")
_REPEAT = re.compile(r"\{(\d{1,4})(,(\d{1,4})?)?\}")
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[imsU-]*:))?")
_FLAGS = re.compile(r"\(\?[imsU-]+\)")
_POSIX = re.compile(r"\[:\^?\w+:\]")
_ESCAPED = re.compile(r"\\(?:x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|[pP](?:\{\^?\w+\}|\w)|[0-7]{1,3}|.)")
_SIGNS = re.compile(r"\\.|\[:\^?\w+:\]|\[\^?|[]|()]", re.DOTALL)
_SIGNS_ONLY = re.compile(r"[!-/:-@\[-`{-~]+")
_NO_WIDTH = frozenset("bBAz")
_IN_LINE = frozenset("dwS")
# Without a range that begins among the control characters, and without what "\\s" may stand for.
_CLASS_IN_LINE = re.compile(r"(?:[ -Z^-~]|\\[dwS]|\\[^a-zA-Z0-9])*")
_ONE_CHARACTER = frozenset("dDsSwWpPxntrfva01234567")


class Required(Struct, frozen=True):
    """What an expression cannot match without.

    needs:    up to three, the most telling first; none when it must always be run.
    complete: the words of the only need are all it can match: it need not be run at all.
    reach:    how many characters a match has at most; 0 when nothing bounds it.
    one_line: no match has a line break in it.
    """

    needs: tuple[AnyOf, ...] = ()
    complete: bool = False
    reach: int = 0
    one_line: bool = False


class _Part(Struct, frozen=True):
    """What a piece of an expression matches.

    exact: all it can match, in lower case; None when that is not a short list.
    needs: further words that must be there.
    reach: how many characters it matches at most; None when nothing bounds it.
    one_line: it matches no line break.
    """

    exact: frozenset[str] | None
    needs: tuple[AnyOf, ...] = ()
    reach: int | None = None
    one_line: bool = False


_ANY_ONE = _Part(None, reach=1)
_ANY_IN_LINE = _Part(None, reach=1, one_line=True)
_NOTHING = _Part(frozenset({""}), reach=0, one_line=True)


class _NotUnderstoodError(Exception):
    """The expression uses what this reader does not know."""


def required_words(pattern: str) -> Required:
    """Read the needs of an expression."""
    reader = _Reader(pattern)
    try:
        part = reader.whole()
    except _NotUnderstoodError:
        return Required()
    needs = _best(part, count_max=NEEDS_MAX)
    whole = part.exact is not None and not reader.has_edges and pattern.isascii()
    complete = whole and len(needs) == 1
    return Required(needs, complete, reach=part.reach or 0, one_line=part.one_line)


def alternatives(pattern: str) -> tuple[str, ...]:
    """The expressions of which the pattern is "this | or that"; itself if it is not."""
    if _FLAGS.search(pattern) or "\\Q" in pattern:
        return (pattern,)
    parts, depth, start, class_at = [], 0, 0, -1
    for sign in _SIGNS.finditer(pattern):
        if class_at >= 0:
            if sign[0] == "]" and sign.start() != class_at:
                class_at = -1
        elif sign[0][0] == "[":
            class_at = sign.end()
        elif sign[0] == "|" and depth == 0:
            parts.append(pattern[start : sign.start()])
            start = sign.end()
        else:
            depth += (sign[0] == "(") - (sign[0] == ")")
    return tuple(dict.fromkeys((*parts, pattern[start:])))


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self.has_edges = False

    def whole(self) -> _Part:
        part = self._alternatives()
        if self._at < len(self._pattern):
            raise _NotUnderstoodError
        return part

    def _alternatives(self) -> _Part:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise _NotUnderstoodError
        branches = [self._sequence()]
        while self._next("|"):
            branches.append(self._sequence())
        self._depth -= 1
        return branches[0] if len(branches) == 1 else _either(branches)

    def _sequence(self) -> _Part:
        parts = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            if letters := _LETTERS.match(self._pattern, self._at):
                self._at = letters.end()
                parts.append(_letters(letters[0]))
            else:
                parts.append(self._repeated(self._one()))
        return _joined(parts)

    def _one(self) -> _Part:
        character = self._pattern[self._at]
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        self._at += 1
        if character in "^$":
            self.has_edges = True
            return _NOTHING
        if character == ".":
            return _ANY_ONE
        if character in "*+?":
            raise _NotUnderstoodError
        return _letters(character)

    def _group(self) -> _Part:
        if flags := _FLAGS.match(self._pattern, self._at):
            self._at = flags.end()
            self.has_edges = True
            return _NOTHING
        opening = _GROUP.match(self._pattern, self._at)
        assert opening is not None
        self._at = opening.end()
        if "-" in opening[0]:  # in (?-i:…) upper and lower case differ, and words alone do not tell
            self.has_edges = True
        if self._pattern.startswith("?", self._at):
            raise _NotUnderstoodError
        part = self._alternatives()
        if not self._next(")"):
            raise _NotUnderstoodError
        return part

    def _escape(self) -> _Part:
        found = _ESCAPED.match(self._pattern, self._at)
        if found is None or found[0] == r"\Q":
            raise _NotUnderstoodError
        self._at = found.end()
        sign = found[0][1:]
        if sign in _NO_WIDTH:
            self.has_edges = True
            return _NOTHING
        if sign[0].isalnum():
            if sign in _IN_LINE:
                return _ANY_IN_LINE
            return _ANY_ONE if sign[0] in _ONE_CHARACTER else _Part(None)
        return _letters(sign)

    def _class(self) -> _Part:
        self._at += 1
        start = self._at
        known = not self._next("^")
        letters: set[str] = set()
        first = True
        while first or not self._next("]"):
            if self._at >= len(self._pattern):
                raise _NotUnderstoodError
            member = self._member()
            if member is None:
                known = False
            else:
                letters.add(member)
            first = False
        if not known or len(letters) > _CLASS_CHARS_MAX:
            inside = self._pattern[start : self._at - 1]
            if inside.startswith("^"):
                return _ANY_IN_LINE if r"\n" in inside.replace(r"\\", "") else _ANY_ONE
            return _ANY_IN_LINE if _CLASS_IN_LINE.fullmatch(inside) else _ANY_ONE
        return _either([_letters(letter) for letter in sorted(letters)])

    def _member(self) -> str | None:
        """One letter of a class; None for a range or a class of its own."""
        for several in (_POSIX, _ESCAPED):
            if found := several.match(self._pattern, self._at):
                self._at = found.end()
                sign = found[0]
                return sign[1] if several is _ESCAPED and not sign[1].isalnum() else None
        letter = self._pattern[self._at]
        self._at += 1
        if self._pattern.startswith("-", self._at) and self._pattern[self._at + 1 :][:1] != "]":
            self._at += 1
            if self._pattern.startswith("\\", self._at):
                raise _NotUnderstoodError
            self._at += 1
            return None
        return letter

    def _repeated(self, part: _Part) -> _Part:
        while True:
            least, most = self._times()
            if (least, most) == (1, 1):
                return part
            reach = None if most is None or part.reach is None else most * part.reach
            if least > 0:
                part = _Part(None, _best(part, count_max=NEEDS_MAX), reach, part.one_line)
            else:
                part = _maybe(part) if most == 1 else _Part(None, (), reach, part.one_line)

    def _times(self) -> tuple[int, int | None]:
        for sign, times in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._next(sign):
                self._next("?")
                return times
        if found := _REPEAT.match(self._pattern, self._at):
            self._at = found.end()
            self._next("?")
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else None
            # {1} says nothing, and more than that cannot follow it.
            return least, most
        return 1, 1

    def _next(self, sign: str) -> bool:
        if not self._pattern.startswith(sign, self._at):
            return False
        self._at += 1
        return True


def _letters(word: str) -> _Part:
    # Beyond ASCII a lower letter may be longer than the upper; who searches folds those.
    if word.isascii():
        folded = word.lower()
    else:
        folded = "".join(one.lower() if one.isascii() else one for one in word)
    return _Part(frozenset({folded}), (), len(word), "\n" not in word)


def _maybe(part: _Part) -> _Part:
    if part.exact is None or len(part.exact) >= _EXACT_MAX:
        return _Part(None, (), part.reach, part.one_line)
    return _Part(part.exact | {""}, (), part.reach, part.one_line)


def _either(branches: list[_Part]) -> _Part:
    reaches = [branch.reach for branch in branches if branch.reach is not None]
    reach = max(reaches) if len(reaches) == len(branches) else None
    one_line = all(branch.one_line for branch in branches)
    exact: set[str] = set()
    for branch in branches:
        if branch.exact is None or len(exact) > _EXACT_MAX:
            break
        exact |= branch.exact
    else:
        if len(exact) <= _EXACT_MAX:
            return _Part(frozenset(exact), (), reach, one_line)
    words: set[str] = set()
    for branch in branches:
        best = _best(branch, count_max=1)
        if not best:
            return _Part(None, (), reach, one_line)
        words.update(best[0])
    return _Part(None, _useful(words), reach, one_line)


def _joined(parts: list[_Part]) -> _Part:
    exact: frozenset[str] = frozenset({""})
    needs: list[AnyOf] = []
    whole = True
    reach: int | None = 0
    one_line = all(part.one_line for part in parts)
    for part in parts:
        needs += part.needs
        reach = None if reach is None or part.reach is None else reach + part.reach
        if part.exact is not None and len(exact) * len(part.exact) <= _EXACT_MAX:
            exact = frozenset(a + b for a in exact for b in part.exact)
            continue
        whole = False
        needs += _useful(exact)
        exact = part.exact if part.exact is not None else frozenset({""})
    if whole:
        return _Part(exact, tuple(needs), reach, one_line)
    return _Part(None, (*needs, *_useful(exact)), reach, one_line)


def _best(part: _Part, *, count_max: int) -> tuple[AnyOf, ...]:
    needs = {*part.needs, *(_useful(part.exact) if part.exact is not None else ())}
    ranked = sorted(
        needs, key=lambda words: (-min(len(word.encode()) for word in words), len(words), words)
    )
    return tuple(ranked[:count_max])


def _tells(word: str) -> bool:
    """Is it rare enough? Two signs are ("--", "::"), two letters are not."""
    size = len(word.encode())
    return size >= WORD_BYTES_MIN or (size == 2 and _SIGNS_ONLY.fullmatch(word) is not None)


def _useful(words: Iterable[str]) -> tuple[AnyOf, ...]:
    """The words as a need, without those that hold another; nothing if one is too short."""
    shortest_first = sorted(set(words), key=lambda word: (len(word.encode()), word))
    if not shortest_first or not all(map(_tells, shortest_first)):
        return ()
    kept: list[str] = []
    for word in shortest_first:
        if not any(other in word for other in kept):
            kept.append(word)
    return (tuple(kept),) if len(kept) <= WORDS_MAX else ()
