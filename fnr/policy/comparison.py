"""One error compared with the conditions of one rule after the other.

What was searched for once is remembered, because many rules ask the same of an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from msgspec import Struct

from fnr.policy.code_names import code_fits, is_single
from fnr.policy.facts import NEAR, Facts
from fnr.policy.patterns import Found, Patterns
from fnr.policy.rules import Conditions, Span
from fnr.policy.type_names import NamePatterns, fits_name

SNIPPET_CHARS_MAX = 80
CAPTURE_CHARS_MAX = 200


class Sign(Struct, frozen=True, kw_only=True):
    """One condition that holds.

    place:    near or far.
    distance: how far up the chain and the bases; a type that fits by itself is 0.
    """

    words: str
    place: int = NEAR
    distance: int = 0
    span: Span | None = None
    captures: dict[str, str] = {}


class Codes:
    """Codes of which any one suffices."""

    __slots__ = ("_ranges", "_singles")

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._singles = frozenset(filter(is_single, patterns))
        self._ranges = tuple(one for one in patterns if one not in self._singles)

    @property
    def singles(self) -> frozenset[str]:
        return self._singles

    @property
    def ranges(self) -> tuple[str, ...]:
        return self._ranges

    def fit(self, code: str) -> bool:
        """Is this one of them?"""
        return code in self._singles or any(code_fits(one, code) for one in self._ranges)


class Asked:
    """Conditions with their expressions as numbers, ready to be compared."""

    __slots__ = (
        "all_text",
        "codes",
        "conditions",
        "exceptions",
        "globs",
        "has_facts",
        "only_text",
        "text",
    )

    def __init__(self, conditions: Conditions, numbers: dict[str, int]) -> None:
        self.conditions = conditions
        groups = (
            conditions.codes,
            tuple(f"signal:{name}" for name in conditions.signals),
            tuple(f"exit:{status}" for status in conditions.exits),
        )
        self.codes = tuple(Codes(group) for group in groups if group)
        self.exceptions = frozenset(name for name in conditions.exceptions if "*" not in name)
        self.globs = frozenset(conditions.exceptions) - self.exceptions
        self.text = frozenset(numbers[pattern] for pattern in conditions.text)
        self.all_text = tuple(numbers[pattern] for pattern in conditions.all_text)
        self.has_facts = any(
            (conditions.killed_by, conditions.phases, conditions.functions, conditions.services)
        ) or (conditions.oom_killed, conditions.stop_proven) != (None, None)
        others = (self.has_facts, self.codes, conditions.exceptions, self.all_text)
        self.only_text = bool(self.text) and not any(others)


class Comparison:
    """One error."""

    def __init__(self, facts: Facts, patterns: Patterns, names: NamePatterns) -> None:
        self.facts = facts
        self._patterns = patterns
        self._names = names
        self._texts = [text.encode(errors="replace") for text in facts.texts]
        self.possible = patterns.possible(b"\n".join(self._texts))
        self._possible = frozenset(self.possible)
        self._lowered = [text.lower() for text in self._texts]
        self._found: dict[int, tuple[int, Found] | None] = {}

    def signs(self, asked: Asked) -> tuple[Sign, ...] | None:
        """A sign for each condition that is set; None when one does not hold or none is set."""
        if asked.only_text:  # most rules are so, and this spares them half of the time
            sign = self._text(asked.text)
            return (sign,) if sign is not None else None
        signs: list[Sign] = []
        for sign in self._each(asked):
            if sign is None:
                return None
            signs.append(sign)
        return tuple(signs) or None

    def any_holds(self, asked: Asked) -> bool:
        """Does at least one of the conditions hold?"""
        return any(sign is not None for sign in self._each(asked))

    def _each(self, asked: Asked) -> Iterator[Sign | None]:
        """Cheap ones first, because the first that does not hold ends it; words come last."""
        if asked.has_facts:
            yield from self._ledger(asked.conditions)
        for codes in asked.codes:
            yield self._code(codes)
        if asked.conditions.exceptions:
            yield self._type(asked)
        if asked.text:
            yield self._text(asked.text)
        if not self._possible.issuperset(asked.all_text):
            yield None
            return
        for pattern in asked.all_text:
            yield self._text({pattern})

    def _ledger(self, asked: Conditions) -> Iterator[Sign | None]:
        facts = self.facts
        evidence = facts.evidence
        if asked.killed_by:
            if evidence.oom_killed and "oom" in asked.killed_by:
                yield Sign(words="kernel killed it for memory")
            else:
                yield _sign(
                    evidence.killed_by in asked.killed_by, f"killed by {evidence.killed_by}"
                )
        if asked.oom_killed is not None:
            record = "kernel killed it for memory" if asked.oom_killed else "kernel killed nothing"
            yield _sign(evidence.oom_killed is asked.oom_killed, record)
        if asked.stop_proven is not None:
            known = "stopped" if asked.stop_proven else "part of it could not be stopped"
            yield _sign(evidence.stop_proven is asked.stop_proven, known)
        if asked.phases:
            yield _sign(evidence.phase in asked.phases, f"phase {evidence.phase}")
        for what, wanted, name in (
            ("function", asked.functions, facts.function),
            ("service", asked.services, facts.service),
        ):
            if wanted:
                fits = bool(name) and any(fits_name(one, name) for one in wanted)
                yield _sign(fits, f"{what} {name}")

    def _code(self, codes: Codes) -> Sign | None:
        for code, place in zip(self.facts.codes, self.facts.code_places, strict=True):
            if codes.fit(code):
                return Sign(words=code.replace(":", " ", 1), place=place)
        return None

    def _type(self, asked: Asked) -> Sign | None:
        facts = self.facts
        for link, (names, place) in enumerate(zip(facts.types, facts.type_places, strict=True)):
            for up, name in enumerate(names):
                exact = name in asked.exceptions
                if exact or not asked.globs.isdisjoint(self._names.fitting(name)):
                    distance = 4 * link + 2 * up + (not exact)
                    return Sign(words=f"exception {names[0]}", place=place, distance=distance)
        return None

    def _text(self, numbers: AbstractSet[int]) -> Sign | None:
        """The nearest match of any of the expressions; of equally near ones the first's."""
        best: tuple[int, Found] | None = None
        for number in sorted(numbers & self._possible):
            for piece in self.possible[number]:
                found = self._first(piece)
                if found is not None and (best is None or found[0] < best[0]):
                    best = found
            if best is not None and best[0] == NEAR:
                break
        return self._text_sign(*best) if best is not None else None

    def _first(self, piece: int) -> tuple[int, Found] | None:
        """Where a piece matches first: in what was reported, else in the logs."""
        if piece in self._found:
            return self._found[piece]
        first = None
        for place, text in enumerate(self._texts):
            if text:
                found = self._patterns.find(piece, text, self._lowered[place])
                if found is not None:
                    first = (place, found)
                    break
        self._found[piece] = first
        return first

    def _text_sign(self, place: int, found: Found) -> Sign:
        raw = self._texts[place]
        start = _length(raw[: found.start])
        end = start + _length(raw[found.start : found.end])
        snippet = " ".join(raw[found.start : found.end].decode(errors="replace").split())
        captures = {
            name: value.decode(errors="replace")[:CAPTURE_CHARS_MAX]
            for name, value in found.captures.items()
        }
        return Sign(
            words=f"text '{snippet[:SNIPPET_CHARS_MAX]}'",
            place=place,
            span=self.facts.sources[place].span(start, end) if self.facts.sources else None,
            captures=captures,
        )


def _sign(holds: bool, words: str) -> Sign | None:
    return Sign(words=words) if holds else None


def _length(raw: bytes) -> int:
    """How many characters the bytes are."""
    return len(raw) if raw.isascii() else len(raw.decode(errors="ignore"))
