"""Rules that are in force together, each error compared with the few that could hold."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.asked import Contender
from fnr.policy.comparison import Comparison, Sign, Texts
from fnr.policy.facts import Facts
from fnr.policy.rule_filing import build_index
from fnr.policy.rule_table import RuleTable
from fnr.policy.rules import Level, Rule
from fnr.policy.standing import Standing

# The rule that decides, and the one that would without it.
_OTHERS_MIN = 2


class Fit(Struct, frozen=True, kw_only=True):
    """A rule whose conditions all hold.

    rule:     without its expressions, which are kept apart from it, and its examples.
    standing: what of its rank does not depend on the error.
    """

    rule: Rule
    standing: Standing
    signs: tuple[Sign, ...]

    @property
    def rank(self) -> tuple[Standing, int, int, str]:
        """The smallest decides."""
        places = sum(sign.place for sign in self.signs)
        return self.standing, places, sum(sign.distance for sign in self.signs), self.rule.name


class RuleSet:
    """Rules of one's own, and below them a table of others that others may share.

    Both are looked through side by side, so that rules of one's own cost what they are themselves.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        shipped: RuleTable | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """without: names of rules that are switched off.

        Of a name that is there twice, the one below yields.
        """
        # Their examples are not asked for here, and would stay in the daemon's memory.
        own = [replace(rule, tests=()) for rule in rules if rule.name not in without]
        tables = [RuleTable(build_index(own))] if own or shipped is None else []
        self._tables = [*tables, shipped] if shipped is not None else tables
        self._off = [set[int]() for _ in tables]
        if shipped is not None:
            taken = without.union(rule.name for rule in own)
            off = {place for place, (name, _) in enumerate(shipped.named) if name in taken}
            self._off.append(off)

    @property
    def named(self) -> dict[str, str]:
        """The name of each rule, and its category."""
        tables = zip(self._tables, self._off, strict=True)
        return {
            name: category
            for table, off in tables
            for place, (name, category) in enumerate(table.named)
            if place not in off
        }

    def fits(self, facts: Facts, *, count_max: int | None = None) -> list[Fit]:
        """Rules that hold, the one that decides first.

        All of them, or with count_max: that many if so many do, without those that know only
        general signs where two others are known already.
        """
        found: list[Fit] = []
        second: Fit | None = None
        for look, contender in self._contenders(facts):
            standing = contender.standing
            if second is not None and _settled(second, standing):
                if count_max is not None and len(found) >= count_max:
                    break
                if contender.rule.level is Level.GENERAL:
                    continue
            signs = look.signs(contender.asked)
            if signs and not (contender.unless and look.any_holds(contender.unless)):
                found.append(Fit(rule=contender.rule, standing=standing, signs=signs))
                if count_max is not None and len(found) >= _OTHERS_MIN:
                    second = heapq.nsmallest(_OTHERS_MIN, found, key=lambda fit: fit.rank)[-1]
        return sorted(found, key=lambda fit: fit.rank)

    def _contenders(self, facts: Facts) -> Iterator[tuple[Comparison, Contender]]:
        """Rules that could hold, the best standing first, those of equal standing by name."""
        texts = Texts(facts.texts)
        each = [
            self._of_one(Comparison(facts, texts, table), table, off)
            for table, off in zip(self._tables, self._off, strict=True)
        ]
        if len(each) == 1:
            return each[0]
        return heapq.merge(*each, key=lambda pair: (pair[1].standing, pair[1].rule.name))

    @staticmethod
    def _of_one(
        look: Comparison, table: RuleTable, off: set[int]
    ) -> Iterator[tuple[Comparison, Contender]]:
        for place in sorted(look.places - off):
            yield look, table.contender(place)


def _settled(second: Fit, standing: Standing) -> bool:
    """Can no rule of this standing, or of a lesser, outrank the two best found?

    Rules are tried by standing and name, so an equal one would have to match nearer.
    """
    return second.standing != standing or not any(
        sign.place or sign.distance for sign in second.signs
    )
