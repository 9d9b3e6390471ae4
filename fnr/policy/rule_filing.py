"""Files rules so that an error is only compared with the few that could hold.

Each rule is filed under its most telling condition: words its text cannot do without, else one of
its codes, else the name of an exception, else what was noted of the attempt; under its function or
service where few rules ask for that. Only rules with none of these are always tried. How telling a
word is, examples show: "image" stands in every second log, so that a rule which asks for "image"
and "manifest unknown" is filed under the latter. Nothing is decided here: whatever is filed where,
the same rules hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import re2
from msgspec import Struct

from fnr.policy.asked import NO_TEXT, TEXT, code_groups, ledger_groups, named_groups
from fnr.policy.code_names import is_single
from fnr.policy.patterns import Piece, compiled
from fnr.policy.required_words import Required, alternatives, required_words
from fnr.policy.rule_index import Lists, Rows, RuleIndex
from fnr.policy.rules import Conditions, Rule
from fnr.policy.standing import standing_of
from fnr.policy.word_table import WordTable

# Looked for is a part of so many bytes: a third of the automaton that whole words would need.
PART_BYTES = 10
SINGLE_BYTES_MIN = 4
# What a piece without a telling word weighs: it is tried on every error.
_WORDLESS = 1e6
# Of words that stand in no example, the shorter are the more common.
_UNSEEN = 4.0

Need = tuple[bytes, ...]


class _Draft(Struct, frozen=True):
    """A piece before its parts of words have numbers."""

    pattern: str
    required: Required
    needs: tuple[Need, ...]


class _Filed(Struct, frozen=True):
    """Where rules, by place, are found."""

    under: dict[int, list[int]]
    by_code: dict[str, list[int]]
    by_range: dict[str, list[int]]
    by_type: dict[str, list[int]]
    others: list[int]


def build_index(rules: Iterable[Rule], seen: Iterable[str] = ()) -> RuleIndex:
    """Make the index; seen: texts that show which words are common, else the rules show it."""
    return _Builder(tuple(rules), tuple(seen)).index()


class _Builder:
    def __init__(self, rules: Sequence[Rule], seen: Sequence[str]) -> None:
        # Numbered in the order of the rules: of equally near matches that of the first decides.
        patterns = dict.fromkeys(pattern for rule in rules for pattern in _expressions(rule))
        self._patterns = {pattern: number for number, pattern in enumerate(patterns)}
        taken_apart = {pattern: alternatives(pattern) for pattern in patterns}
        names = dict.fromkeys(one for several in taken_apart.values() for one in several)
        required = {name: required_words(name) for name in names}
        self._words = _Words(required.values(), seen)
        self._pieces = [
            _Draft(name, one, tuple(sorted(map(self._words.parts_of, one.needs), key=self._weight)))
            for name, one in required.items()
        ]
        self._is_short = [not one.needs and _is_small(one.pattern) for one in self._pieces]
        numbers = {name: number for number, name in enumerate(names)}
        self._pieces_of = {
            pattern: self._in_order([numbers[name] for name in several])
            for pattern, several in taken_apart.items()
        }
        self._rules = sorted(rules, key=lambda rule: (standing_of(rule), rule.name))
        self._asked_for = Counter(
            key for rule in rules for group in _groups_of(rule) for key in group
        )
        self._found_by = list(map(self._most_telling, self._rules))

    def index(self) -> RuleIndex:
        filed = self._filed()
        under: dict[bytes, list[int]] = {}
        for number, piece in enumerate(self._pieces):
            for part in dict.fromkeys(piece.needs[0] if piece.needs else ()):
                under.setdefault(part, []).append(number)
        every = (part for piece in self._pieces for need in piece.needs for part in need)
        parts = list(dict.fromkeys(every))
        numbers = {part: number for number, part in enumerate(parts)}
        wordless = [number for number, piece in enumerate(self._pieces) if not piece.needs]
        asked = [one for rule in self._rules for one in (rule, rule.unless) if one is not None]
        globs = dict.fromkeys(name for one in asked for name in one.exceptions if "*" in name)
        return RuleIndex(
            named=[(rule.name, rule.category.value) for rule in self._rules],
            entries=_rows(map(self._entry, self._rules, self._found_by)),
            pieces=_rows(_piece(draft, numbers) for draft in self._pieces),
            parts=parts,
            by_part=_lists(under.get(part, ()) for part in parts),
            filed=_lists(filed.under.get(piece, ()) for piece in range(len(self._pieces))),
            short=[piece for piece in wordless if self._is_short[piece]],
            always=[piece for piece in wordless if not self._is_short[piece]],
            by_code=filed.by_code,
            by_range=filed.by_range,
            by_type=filed.by_type,
            others=filed.others,
            globs=list(globs),
        )

    def _filed(self) -> _Filed:
        filed = _Filed({}, {}, {}, {}, [])
        for place, (rule, found_by) in enumerate(zip(self._rules, self._found_by, strict=True)):
            if found_by != NO_TEXT:
                for piece in self._groups(rule)[found_by]:
                    filed.under.setdefault(piece, []).append(place)
            elif named := self._named(rule):
                for key in named:
                    filed.by_code.setdefault(key, []).append(place)
            elif codes := next(filter(None, code_groups(rule)), ()):
                for code in codes:
                    found = filed.by_code if is_single(code) else filed.by_range
                    found.setdefault(code, []).append(place)
            elif rule.exceptions:
                for name in rule.exceptions:
                    filed.by_type.setdefault(name, []).append(place)
            elif keys := next(filter(None, ledger_groups(rule)), ()):
                for key in keys:
                    filed.by_code.setdefault(key, []).append(place)
            else:
                filed.others.append(place)
        return filed

    def _groups(self, rule: Rule) -> dict[int, set[int]]:
        """The pieces of its text, and of each part of all_text, as Asked.found_by names them."""
        groups = {TEXT: rule.text} if rule.text else {}
        groups |= {number: (pattern,) for number, pattern in enumerate(rule.all_text)}
        return {
            number: {piece for pattern in group for piece in self._pieces_of[pattern]}
            for number, group in groups.items()
        }

    def _named(self, rule: Rule) -> tuple[str, ...]:
        """Its functions or services, where fewer rules ask for them than for all else it asks for.

        Of thousands of rules for exit 1, each of a function of its own, few are then compared.
        """

        def rules(group: Iterable[str]) -> int:
            return sum(self._asked_for[key] for key in group)

        named = min(named_groups(rule), key=rules, default=())
        others = [rules(group) for group in _groups_of(rule) if group and group != named]
        return named if named and all(rules(named) < other for other in others) else ()

    def _most_telling(self, rule: Rule) -> int:
        if self._named(rule):
            return NO_TEXT

        def commonness(group: Iterable[int]) -> float:
            return sum(
                self._weight(needs[0]) if (needs := self._pieces[piece].needs) else _WORDLESS
                for piece in group
            )

        groups = self._groups(rule)
        best = min(groups, key=lambda number: commonness(groups[number]), default=NO_TEXT)
        # What is read anyway says more than an expression that may match any text.
        is_read = any(code_groups(rule)) or rule.exceptions
        return NO_TEXT if is_read and commonness(groups.get(best, ())) >= _WORDLESS else best

    def _weight(self, need: Need) -> float:
        return self._words.weight(need)

    def _in_order(self, pieces: Sequence[int]) -> tuple[int, ...]:
        """Those without a telling word first, the larger before the others."""

        def order(piece: int) -> tuple[int, int]:
            return 2 if self._pieces[piece].needs else int(self._is_short[piece]), piece

        return tuple(sorted(pieces, key=order))

    def _entry(self, rule: Rule, found_by: int) -> list[Any]:
        unless = rule.unless or Conditions()
        return [
            _without_defaults(rule),
            standing_of(rule),
            found_by,
            self._any_of(rule.text),
            [self._pieces_of[pattern] for pattern in rule.all_text],
            self._any_of(unless.text),
            [self._pieces_of[pattern] for pattern in unless.all_text],
        ]

    def _any_of(self, patterns: Iterable[str]) -> list[int]:
        ordered = sorted(set(patterns), key=self._patterns.__getitem__)
        return list(dict.fromkeys(piece for one in ordered for piece in self._pieces_of[one]))


def _groups_of(rule: Rule) -> Iterator[tuple[str, ...]]:
    """What a rule may be filed under, as its file says it; one of each group must fit."""
    yield from (rule.text, *((pattern,) for pattern in rule.all_text))
    yield from (*code_groups(rule), rule.exceptions, *named_groups(rule))


class _Words:
    """How common words are, and by which part of it each is looked for: the rarest."""

    def __init__(self, required: Iterable[Required], seen: Sequence[str]) -> None:
        self._seen: Counter[bytes] = Counter()
        words = [_folded(word) for one in required for need in one.needs for word in need]
        if not seen:
            # Of twenty thousand rules each of which asks for "went away" and the name of a device,
            # an error is to be compared with those that ask for its device.
            self._seen.update(part for word in words for part in set(_parts(word)))
            return
        parts = sorted({part for word in set(words) for part in _parts(word)})
        table = WordTable(parts)
        for text in seen:
            self._seen.update([parts[number] for number in table.hits(_folded(text))])

    def parts_of(self, need: tuple[str, ...]) -> Need:
        """The parts to look for; of equally rare ones of a word the last."""
        return tuple(min(_parts(word), key=self._seen.__getitem__) for word in map(_folded, need))

    def weight(self, need: Need) -> float:
        """In how many texts one of these parts stands, and a little for being short."""
        return sum(self._seen[part] + _UNSEEN / len(part) for part in need)


def _parts(word: bytes) -> Iterator[bytes]:
    """From the last to the first: what comes later in a phrase says more."""
    for start in range(max(0, len(word) - PART_BYTES), -1, -1):
        part = word[start : start + PART_BYTES]
        single = part.strip(b" ")
        # A single word is found for less; a short one stands inside too many others.
        yield single if len(single) >= SINGLE_BYTES_MIN and single.isalnum() else part


def _piece(draft: _Draft, numbers: dict[bytes, int]) -> Piece:
    required = draft.required
    # Characters beyond ASCII are several bytes, and of letters in another case not as many.
    plain = draft.pattern.isascii()
    return Piece(
        "" if required.complete else draft.pattern,
        tuple(tuple(numbers[part] for part in need) for need in draft.needs),
        words=tuple(map(_folded, required.needs[0])) if required.complete else (),
        reach=required.reach if plain else 0,
        one_line=required.one_line and plain,
    )


def _folded(word: str) -> bytes:
    return word.casefold().encode(errors="replace")


def _expressions(rule: Rule) -> Iterator[str]:
    for conditions in (rule, rule.unless):
        if conditions is not None:
            yield from conditions.text
            yield from conditions.all_text


_KEPT_APART = {"text", "all_text", "tests"}


def _without_defaults(rule: Rule) -> dict[str, Any]:
    """A rule as a mapping, without what it does not set, its expressions and its examples."""
    blank = Rule(name="", category=rule.category, level=rule.level)

    def own(of: Conditions, names: tuple[str, ...]) -> dict[str, Any]:
        return {
            name: value
            for name in names
            if (value := getattr(of, name)) != getattr(blank, name) and name not in _KEPT_APART
        }

    fields = own(rule, Rule.__struct_fields__)
    if rule.unless is not None:
        fields["unless"] = own(rule.unless, Conditions.__struct_fields__)
    return {"category": rule.category, "level": rule.level, **fields}


def _rows(values: Iterable[Any]) -> Rows:
    encoded = [msgspec.msgpack.encode(value) for value in values]
    ends = [0]
    for one in encoded:
        ends.append(ends[-1] + len(one))
    return Rows(b"".join(encoded), ends)


def _lists(lists: Iterable[Iterable[int]]) -> Lists:
    flat: list[int] = []
    ends = [0]
    for each in lists:
        flat.extend(each)
        ends.append(len(flat))
    return Lists(flat, ends)


_ENDS = re.compile(r"[$^]|\\[AzQ]|\(\?")
_SMALL_PROGRAM_SIZE = 100


def _is_small(piece: str) -> bool:
    """May it be one of many that are tried at once?

    Larger ones, and those that ask for an end of the text, would make an automaton together with
    others that never fits its memory.
    """
    if not piece.isascii() or _ENDS.search(piece):
        return False
    try:
        return bool(compiled(piece).programsize <= _SMALL_PROGRAM_SIZE)
    except re2.error:
        return False
