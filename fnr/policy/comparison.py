"""One error compared with the conditions of one rule after the other.

What was searched for once is remembered, because many rules ask the same of an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from fnr.policy.asked import Asked, Codes
from fnr.policy.facts import NEAR, Facts
from fnr.policy.patterns import Found, find, find_words
from fnr.policy.rule_table import RuleTable
from fnr.policy.rules import Conditions, Span
from fnr.policy.type_names import fits_name

SNIPPET_CHARS_MAX = 80
CAPTURE_CHARS_MAX = 200


class Sign(Struct, frozen=True, kw_only=True):
    """One condition that holds.

    place:    near or far.
    distance: how far up the chain and the bases; a type that fits by itself is 0.
    read:     it was read in the words of the error, or in those that a type's name is made of.
    code:     the code that fits, if it asks for one.
    """

    words: str
    place: int = NEAR
    distance: int = 0
    read: bool = False
    code: str = ""
    span: Span | None = None
    captures: dict[str, str] = {}


class Texts:
    """The texts of an error as bytes: as they are, in lower case, and all in one to look for words.

    folded: what letters of other languages are looked for in; its places are no places of `raw`.
    """

    __slots__ = ("folded", "lowered", "raw", "whole")

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.raw = [text.encode(errors="replace") for text in texts]
        self.lowered = [raw.lower() for raw in self.raw]
        self.whole = b"\n".join(self.raw)
        if self.whole.isascii():
            self.folded = b"\n".join(self.lowered)
        else:
            self.folded = "\n".join(texts).casefold().encode(errors="replace")


class Comparison:
    """One error."""

    def __init__(self, facts: Facts, texts: Texts, table: RuleTable) -> None:
        self.facts = facts
        self._texts = texts
        self._table = table
        self._globs = table.globs
        self._hits = table.hits(texts.folded)
        self._able = table.able(self._hits, texts.whole)
        self.places = table.places(self._able & table.filed, facts)
        self._found: dict[int, tuple[int, Found] | None] = {}

    def signs(self, asked: Asked) -> tuple[Sign, ...] | None:
        """A sign for each condition that is set; None when one does not hold or none is set."""
        if asked.only_text:  # most rules are so, and this spares them half of the time
            found = self._nearest(asked.text, asked.text_set)
            return (self._text_sign(*found),) if found is not None else None
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
        if asked.found_by >= 0:
            # Few errors have what the rule is filed under.
            by = asked.found_by
            if self._nearest(asked.all_text[by], asked.all_sets[by]) is None:
                yield None
        if asked.text:
            found = self._nearest(asked.text, asked.text_set)
            yield self._text_sign(*found) if found is not None else None
        if asked.all_text:
            yield from self._all_texts(asked)

    def _all_texts(self, asked: Asked) -> Iterator[Sign | None]:
        """One condition with a sign for each, which holds only where all of them are found.

        Whether each can stand there is asked of all, before any is looked for.
        """
        if any(map(self._able.isdisjoint, asked.all_sets)):
            yield None
            return
        signs: list[Sign] = []
        for pieces, group in zip(asked.all_text, asked.all_sets, strict=True):
            found = self._nearest(pieces, group)
            if found is None:
                yield None
                return
            signs.append(self._text_sign(*found))
        yield from signs

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
                yield _sign(bool(name) and _is_one_of(wanted, name), f"{what} {name}")
        if asked.names_input:
            named = [key for key in evidence.named_input if _is_one_of(asked.names_input, key)]
            yield _sign(bool(named), f"names input {', '.join(named)}")

    def _code(self, codes: Codes) -> Sign | None:
        for code, place in zip(self.facts.codes, self.facts.code_places, strict=True):
            if codes.fit(code):
                return Sign(words=code.replace(":", " ", 1), place=place, code=code)
        return None

    def _type(self, asked: Asked) -> Sign | None:
        facts = self.facts
        for link, (names, place) in enumerate(zip(facts.types, facts.type_places, strict=True)):
            for up, name in enumerate(names):
                exact = name in asked.exceptions
                if exact or not asked.globs.isdisjoint(self._globs.fitting(name)):
                    return Sign(
                        words=f"exception {names[0]}",
                        place=place,
                        distance=4 * link + 2 * up + (not exact),
                        read=not exact,
                    )
        return None

    def _nearest(self, pieces: tuple[int, ...], as_set: frozenset[int]) -> tuple[int, Found] | None:
        """The nearest match of any of the pieces; of equally near ones the first's."""
        near: Iterable[int] = as_set & self._able
        if len(as_set) > 1:
            able = self._able
            near = [piece for piece in pieces if piece in able]
        best: tuple[int, Found] | None = None
        for piece in near:
            found = self._first(piece)
            if found is not None and (best is None or found[0] < best[0]):
                if found[0] == NEAR:
                    return found
                best = found
        return best

    def _first(self, number: int) -> tuple[int, Found] | None:
        """Where a piece matches first: in what was reported, else in the logs."""
        if number in self._found:
            return self._found[number]
        sought, hits, texts = self._table.sought(number), self._hits, self._texts
        piece = sought.piece
        words = [word for part, word in sought.words if part in hits]
        # Of each need the parts that stand anywhere.
        needs = [list(map(need.__getitem__, need.keys() & hits)) for need in sought.needs]
        first = None
        for place, (text, lowered) in enumerate(zip(texts.raw, texts.lowered, strict=True)):
            if text:
                found = (
                    find_words(words, lowered) if piece.words else find(piece, text, lowered, needs)
                )
                if found is not None:
                    first = (place, found)
                    break
        self._found[number] = first
        return first

    def _text_sign(self, place: int, found: Found) -> Sign:
        raw = self._texts.raw[place]
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
            read=True,
            span=self.facts.sources[place].span(start, end) if self.facts.sources else None,
            captures=captures,
        )


def span_of(sign: Sign, facts: Facts) -> Span | None:
    """Which characters of the evidence it was read from; None when it is no matter of words."""
    where = facts.spelled.get(sign.code)
    if where is None:
        return sign.span
    text = facts.sources[sign.place]
    raw = text.words.encode(errors="replace")
    start, end = (_length(raw[:at]) for at in where)
    return text.span(start, end)


def _sign(holds: bool, words: str) -> Sign | None:
    return Sign(words=words) if holds else None


def _is_one_of(patterns: tuple[str, ...], name: str) -> bool:
    return any(fits_name(pattern, name) for pattern in patterns)


def _length(raw: bytes) -> int:
    """How many characters the bytes are."""
    return len(raw) if raw.isascii() else len(raw.decode(errors="ignore"))
