"""Name what went wrong, from what the dead attempt left behind.

Classification answers one question only: would the same attempt pass if it ran again, and what
would have to change first? How often to try and how long to wait are verdict's questions.

The levels of evidence are asked in the order of their authority, and the first with a matching
rule decides: our own kills and kernel facts, machine codes, exception types, words, and last the
signs that many causes share. Within a level the rule with more conditions wins, then the nearer
match, then the earlier rule.

Exception chains are read from the outside in: who writes `raise BadOrder() from error` has said
what the error means here, and a wrapper that says nothing (RuntimeError) matches no rule, so that
the next link speaks. Types that say how a mistake was noticed and not what it is (ValueError,
KeyError) are shared signs: ValueError("connection refused") is a connection error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from fnr.policy.builtin_rules import BUILTIN_RULES
from fnr.policy.codes import code_facts
from fnr.policy.evidence import Evidence
from fnr.policy.facts import Facts, gather
from fnr.policy.rules import STRATEGY_OF, Category, Classification, Level, Rule

__all__ = ["classify", "code_facts"]

SNIPPET_CHARS_MAX = 80

# How often a decision of this level was right on labelled errors, roughly.
_CONFIDENCE = {
    Level.LEDGER: 1.0,
    Level.CODE: 0.9,
    Level.EXCEPTION: 0.9,
    Level.TEXT: 0.8,
    Level.GENERAL: 0.5,
}
# Words further back in a log may belong to something else.
_DISCOUNT_PER_PLACE = 0.2


class _Sign(Struct, frozen=True, kw_only=True):
    """One condition that holds.

    place:    which link of the chain, or which text, counted from the most telling.
    distance: how far up the bases; a type that fits by itself is 0, by a pattern 1 more.
    """

    words: str
    place: int = 0
    distance: int = 0


class _Fit(Struct, frozen=True, kw_only=True):
    """A rule whose conditions all hold."""

    rule: Rule
    signs: tuple[_Sign, ...]

    @property
    def rank(self) -> tuple[int, int, int]:
        """The smallest decides."""
        return (
            -len(self.signs),
            sum(sign.place for sign in self.signs),
            sum(sign.distance for sign in self.signs),
        )


def classify(evidence: Evidence, rules: Sequence[Rule] = BUILTIN_RULES) -> Classification:
    """Name the failure. Total: any evidence, even none, gets a category and says why."""
    facts = gather(evidence)
    for level in Level:
        fits = [fit for rule in rules if rule.level is level and (fit := _fit(rule, facts))]
        if fits:
            # min keeps the first of equals, and with it the order of the rules.
            return _named(min(fits, key=lambda fit: fit.rank))
    return Classification(
        category=Category.UNKNOWN,
        strategy=STRATEGY_OF[Category.UNKNOWN],
        rule="unmatched",
        level=Level.NOTHING,
        matched="no rule fits",
        confidence=0.0,
        missing=evidence.missing,
        hint=f"Not known: {'; '.join(evidence.missing)}." if evidence.missing else "",
    )


def _named(fit: _Fit) -> Classification:
    rule = fit.rule
    place = max(sign.place for sign in fit.signs) if rule.text else 0
    return Classification(
        category=rule.category,
        strategy=STRATEGY_OF[rule.category],
        rule=rule.name,
        level=rule.level,
        matched=" and ".join(sign.words for sign in fit.signs),
        confidence=round(max(_CONFIDENCE[rule.level] - place * _DISCOUNT_PER_PLACE, 0.1), 2),
        where=rule.where,
        max_retries=rule.max_retries,
        wait_for=rule.wait_for,
        severity=rule.severity,
        trip=rule.trip,
        recycle_worker=rule.recycle_worker,
        hint=rule.hint,
        runbook=rule.runbook,
        fingerprint=rule.fingerprint,
    )


def _fit(rule: Rule, facts: Facts) -> _Fit | None:
    signs: list[_Sign] = []
    for sign in _signs(rule, facts):
        if sign is None:
            return None
        signs.append(sign)
    return _Fit(rule=rule, signs=tuple(signs)) if signs else None


def _signs(rule: Rule, facts: Facts) -> Iterator[_Sign | None]:
    """One sign for each condition that is set, None where it does not hold; words come last."""
    evidence = facts.evidence
    if rule.killed_by:
        yield _sign(evidence.killed_by in rule.killed_by, f"killed by {evidence.killed_by}")
    if rule.oom_killed is not None:
        record = "kernel killed it for memory" if rule.oom_killed else "kernel killed nothing"
        yield _sign(evidence.oom_killed is rule.oom_killed, record)
    if rule.stop_proven is not None:
        known = "stopped" if rule.stop_proven else "part of it could not be stopped"
        yield _sign(evidence.stop_proven is rule.stop_proven, known)
    if rule.phases:
        yield _sign(evidence.phase in rule.phases, f"phase {evidence.phase}")
    if rule.codes:
        yield _code_sign(rule.codes, facts)
    if rule.signals:
        yield _code_sign(tuple(f"signal:{name}" for name in rule.signals), facts)
    if rule.exits:
        yield _code_sign(tuple(f"exit:{status}" for status in rule.exits), facts)
    if rule.exceptions:
        yield _type_sign(rule.exceptions, facts)
    if rule.text:
        yield _text_sign("|".join(rule.text), facts)


def _sign(holds: bool, words: str) -> _Sign | None:
    return _Sign(words=words) if holds else None


def _code_sign(patterns: tuple[str, ...], facts: Facts) -> _Sign | None:
    for code in facts.codes:
        if any(_code_fits(pattern, code) for pattern in patterns):
            return _Sign(words=code.replace(":", " ", 1))
    return None


def _code_fits(pattern: str, code: str) -> bool:
    if pattern.endswith("*"):
        return code.startswith(pattern[:-1])
    if pattern == code:
        return True
    family, _, wanted = pattern.partition(":")
    low, dash, high = wanted.partition("-")
    value = code.removeprefix(f"{family}:")
    if not dash or not all(part.isdecimal() for part in (low, high, value)):
        return False
    return int(low) <= int(value) <= int(high)


def _type_sign(patterns: tuple[str, ...], facts: Facts) -> _Sign | None:
    exact, fitting = _types(patterns)
    for place, names in enumerate(facts.types):
        for distance, name in enumerate(names):
            if name in exact:
                return _Sign(words=f"exception {names[0]}", place=place, distance=2 * distance)
            if fitting is not None and fitting.fullmatch(name):
                return _Sign(words=f"exception {names[0]}", place=place, distance=2 * distance + 1)
    return None


def _text_sign(pattern: str, facts: Facts) -> _Sign | None:
    search = _words(pattern).search
    for place, text in enumerate(facts.texts):
        if found := search(text):
            snippet = " ".join(found[0].split())[:SNIPPET_CHARS_MAX]
            return _Sign(words=f"text '{snippet}'", place=place)
    return None


@lru_cache(maxsize=1024)
def _types(patterns: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str] | None]:
    globs = [pattern for pattern in patterns if "*" in pattern]
    fitting = "|".join(".*".join(map(re.escape, glob.split("*"))) for glob in globs)
    return frozenset(patterns).difference(globs), re.compile(fitting) if globs else None


@lru_cache(maxsize=1024)
def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
