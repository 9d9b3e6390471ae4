"""All rules, indexed so that an error is only compared with the few that could hold.

Each rule is found by its most telling condition: a word its text cannot do without, else one of its
codes, else the name of an exception; only rules with none of these are always tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.code_names import code_fits
from fnr.policy.comparison import Asked, Comparison, Sign
from fnr.policy.facts import Facts
from fnr.policy.patterns import Patterns
from fnr.policy.required_words import Required
from fnr.policy.rules import Level, Rule
from fnr.policy.type_names import NamePatterns

# The rule that decides, and the one that would without it.
_OTHERS_MIN = 2
_ORDER = {level: number for number, level in enumerate(Level)}


class Fit(Struct, frozen=True, kw_only=True):
    """A rule whose conditions all hold; standing: what of its rank does not depend on the error."""

    rule: Rule
    standing: tuple[int, ...]
    signs: tuple[Sign, ...]

    @property
    def rank(self) -> tuple[tuple[int, ...], int, int, str]:
        """The smallest decides."""
        places = sum(sign.place for sign in self.signs)
        return self.standing, places, sum(sign.distance for sign in self.signs), self.rule.name


def standing_of(rule: Rule) -> tuple[int, ...]:
    """The part of a rule's rank that is the same for every error."""
    return (
        rule.level is not Level.LEDGER,
        not rule.operator,
        _ORDER[rule.level],
        -conditions_of(rule),
        -rule.priority,
    )


def conditions_of(rule: Rule) -> int:
    """How many conditions are set; each expression of all_text is one."""
    lists = (
        rule.killed_by, rule.codes, rule.signals, rule.exits, rule.exceptions, rule.functions,
        rule.services, rule.phases, rule.text,
    )  # fmt: skip
    flags = (rule.oom_killed, rule.stop_proven)
    asked = sum(map(bool, lists)) + sum(flag is not None for flag in flags)
    return asked + len(rule.all_text)


class RuleSet:
    """Rules that are in force together."""

    def __init__(
        self, rules: Iterable[Rule], *, required: Mapping[str, Required] | None = None
    ) -> None:
        """Index the rules; required: what their expressions cannot do without, if known already."""
        # Their examples are not asked for here, and would stay in the daemon's memory.
        self.rules = tuple(replace(rule, tests=()) for rule in rules)
        self.by_name = {rule.name: rule for rule in self.rules}
        patterns = dict.fromkeys(pattern for rule in self.rules for pattern in _expressions(rule))
        numbers = {pattern: number for number, pattern in enumerate(patterns)}
        self.patterns = Patterns(patterns, required)
        self._asked = [Asked(rule, numbers) for rule in self.rules]
        self._unless = [
            Asked(rule.unless, numbers) if rule.unless is not None else None for rule in self.rules
        ]
        self._standing = [standing_of(rule) for rule in self.rules]
        order = sorted(
            range(len(self.rules)),
            key=lambda number: (self._standing[number], self.rules[number].name),
        )
        self._places = {number: place for place, number in enumerate(order)}
        self._by_pattern: list[list[int]] = [[] for _ in patterns]
        self._by_code: dict[str, list[int]] = {}
        self._by_range: dict[str, list[int]] = {}
        self._by_type: dict[str, list[int]] = {}
        self._always: list[int] = []
        for number, asked in enumerate(self._asked):
            self._file(number, asked)
        self._names = NamePatterns(
            name for asked in (*self._asked, *filter(None, self._unless)) for name in asked.globs
        )

    def _file(self, number: int, asked: Asked) -> None:
        if asked.text or asked.all_text:
            several = [tuple(asked.text), *((pattern,) for pattern in asked.all_text)]
            rarest = min(filter(None, several), key=self.patterns.commonness)
            for pattern in rarest:
                self._by_pattern[pattern].append(number)
        elif asked.codes:
            for code in asked.codes[0].singles:
                self._by_code.setdefault(code, []).append(number)
            for code in asked.codes[0].ranges:
                self._by_range.setdefault(code, []).append(number)
        elif asked.exceptions or asked.globs:
            for name in (*asked.exceptions, *asked.globs):
                self._by_type.setdefault(name, []).append(number)
        else:
            self._always.append(number)

    def fits(self, facts: Facts, *, count_max: int | None = None) -> list[Fit]:
        """Rules that hold, the one that decides first.

        All of them, or with count_max: that many if so many do, without those that know only
        general signs where two others are known already.
        """
        look = Comparison(facts, self.patterns, self._names)
        found: list[Fit] = []
        for number in sorted(self._candidates(look), key=self._places.__getitem__):
            standing = self._standing[number]
            if count_max is not None and len(found) >= _OTHERS_MIN:
                if len(found) >= count_max and _decided(found, standing):
                    break
                if self.rules[number].level is Level.GENERAL:
                    continue
            signs = look.signs(self._asked[number])
            unless = self._unless[number]
            if signs and not (unless is not None and look.any_holds(unless)):
                found.append(Fit(rule=self.rules[number], standing=standing, signs=signs))
        return sorted(found, key=lambda fit: fit.rank)

    def _candidates(self, look: Comparison) -> set[int]:
        numbers = set(self._always)
        for expression in look.possible:
            numbers.update(self._by_pattern[expression])
        for code in look.facts.codes:
            numbers.update(self._by_code.get(code, ()))
            for codes, several in self._by_range.items():
                if code_fits(codes, code):
                    numbers.update(several)
        for name in {name for names in look.facts.types for name in names}:
            numbers.update(self._by_type.get(name, ()))
            for pattern in self._names.fitting(name):
                numbers.update(self._by_type.get(pattern, ()))
        return numbers


def _decided(found: list[Fit], standing: tuple[int, ...]) -> bool:
    """Can no rule of this standing, or of a lesser, be better than the best found?

    Rules are tried by standing and name, so an equal one would have to match nearer.
    """
    best = min(found, key=lambda fit: fit.rank)
    return best.standing != standing or not any(sign.place or sign.distance for sign in best.signs)


def _expressions(rule: Rule) -> Iterator[str]:
    for conditions in (rule, rule.unless):
        if conditions is not None:
            yield from conditions.text
            yield from conditions.all_text
