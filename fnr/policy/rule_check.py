"""Do rules keep their promises: is every example decided as it says, can every rule ever decide?

A rule can never decide when a better one holds whenever it does. That is certain, and reported,
when the better rule stands above it for every error and each of its conditions is at least as wide:
the same values or more, and nothing excluded that the other does not exclude as well. Overlap that
depends on what expressions mean is not judged here; a rule's own examples show it.
An operator's rule may stand above a shipped one: that is what it is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from fnr.policy.code_names import code_fits, is_single
from fnr.policy.facts import gather
from fnr.policy.labelled import evidence_of_test
from fnr.policy.rule_file import RuleProblem
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import STRATEGY_OF, Conditions, Rule, RuleTest, Strategy
from fnr.policy.standing import standing_of
from fnr.policy.type_names import NamePatterns, fits_name

_EQUALS = ("killed_by", "signals", "exits", "phases", "text")
_NAMES = ("exceptions", "functions", "services", "names_input")
_FLAGS = ("oom_killed", "stop_proven")
_ENDS = frozenset({Strategy.FAIL_FAST, Strategy.DEAD_LETTER})
_BACKOFF = Strategy.RETRY_WITH_BACKOFF


def broken_examples(rules: Iterable[Rule], in_force: RuleSet) -> Iterator[RuleProblem]:
    """Every example that is not decided as it says, with all rules in force.

    Of a pack's example it is enough that its rule holds and the answer is the same.
    """
    for rule in rules:
        for test in rule.tests:
            if words := _broken(test, rule, in_force):
                yield RuleProblem(where=test.where, message=f"rule {rule.name}: {words}")


def hidden_examples(
    rules: Iterable[Rule], in_force: RuleSet, hide: Callable[[str], str]
) -> Iterator[RuleProblem]:
    """Every example that does not hold any more once secrets are hidden, as in all real errors."""
    for rule in rules:
        told = ((test, _hidden(test, hide)) for test in rule.tests)
        tests = tuple(hidden for test, hidden in told if hidden != test)
        for problem in broken_examples([replace(rule, tests=tests)], in_force):
            why = "with what is hidden as a secret before rules see an error"
            yield RuleProblem(where=problem.where, message=f"{problem.message}, {why}")


def _hidden(test: RuleTest, hide: Callable[[str], str]) -> RuleTest:
    return replace(
        test,
        message=hide(test.message),
        stderr=hide(test.stderr),
        traceback=hide(test.traceback),
    )


def _broken(test: RuleTest, rule: Rule, in_force: RuleSet) -> str:
    """What is wrong with an example, in words; nothing when it holds."""
    facts = gather(evidence_of_test(test), function=test.function, service=test.service)
    first = next((fit.rule for fit in in_force.fits(facts, count_max=1)), None)
    decides = first is not None and first.name == rule.name
    if not test.matches:
        return "this example must not match, but does" if decides else ""
    if decides:
        return ""
    by = f"{first.name} ({first.category})" if first is not None else "no rule"
    if not any(fit.rule.name == rule.name for fit in in_force.fits(facts)):
        return f"it does not match this example, which is decided by {by}"
    # Packs know much in common: whichever of their rules is asked first, the answer is the same.
    alike = first is not None and _outcome(first) == _outcome(rule)
    return "" if alike and not rule.operator else f"this example is decided by {by}"


def _outcome(rule: Rule) -> tuple[object, ...]:
    return rule.category, rule.strategy or STRATEGY_OF[rule.category]


def idle_keys(rules: Iterable[Rule]) -> Iterator[RuleProblem]:
    """Every key of a rule that asks for what its strategy never does."""
    for rule in rules:
        strategy = rule.strategy or STRATEGY_OF[rule.category]
        if rule.max_retries is not None and strategy in _ENDS:
            yield _idle(rule, "max_retries", strategy, "tries nothing again", _BACKOFF)
        if rule.wait_for is not None and strategy is not Strategy.QUEUE_AND_WAIT:
            yield _idle(rule, "wait_for", strategy, "waits for nothing", Strategy.QUEUE_AND_WAIT)


def _idle(rule: Rule, key: str, strategy: Strategy, why: str, instead: Strategy) -> RuleProblem:
    message = (
        f"rule {rule.name}: {key} has no effect, because {strategy} {why} ({rule.category});"
        f' leave it out, or set strategy = "{instead}"'
    )
    return RuleProblem(where=rule.where, message=message)


def self_excluding(rules: Iterable[Rule]) -> Iterator[RuleProblem]:
    """Every rule whose [rule.not] takes out whatever it could hold for."""
    for rule in rules:
        if rule.unless is not None and (key := _excluded(rule, rule.unless)):
            message = (
                f"rule {rule.name} can never hold: its [rule.not] excludes every {key} it names"
            )
            yield RuleProblem(where=rule.where, message=message)


def _excluded(rule: Rule, unless: Conditions) -> str:
    """The key all of whose values are excluded; nothing when each leaves something."""
    for kinds, within in ((_EQUALS, _same), (_NAMES, _name_within), (("codes",), _code_within)):
        for kind in kinds:
            if getattr(unless, kind) and _within(rule, unless, kind, within):
                return kind.removesuffix("s")
    for flag in _FLAGS:
        if getattr(rule, flag) is not None and getattr(rule, flag) is getattr(unless, flag):
            return flag
    return "all_text" if set() < set(unless.all_text) <= set(rule.all_text) else ""


def never_deciding(rules: Sequence[Rule]) -> Iterator[RuleProblem]:
    """Every rule that can never decide, because another of its kind always does before it."""
    for operator in (True, False):
        yield from _shadowed([rule for rule in rules if rule.operator is operator])


def _shadowed(rules: Sequence[Rule]) -> Iterator[RuleProblem]:
    above = _ByValue(rules)
    for rule in sorted(rules, key=lambda one: (standing_of(one), one.name)):
        for better in above.sharing(rule):
            if _covers(better, rule):
                message = (
                    f"rule {rule.name} can never decide: {better.name} ({better.where})"
                    " holds whenever it does, and comes first"
                )
                yield RuleProblem(where=rule.where, message=message)
                break
        above.add(rule)


Value = tuple[str, object]


class _ByValue:
    """Rules by values of which whatever they cover must have one, so that not all pairs are
    compared: of its conditions, a rule is filed under the one whose values are the rarest."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._stars = {
            kind: NamePatterns(
                name for rule in rules for name in getattr(rule, kind) if "*" in name
            )
            for kind in _NAMES
        }
        self._looked_for = Counter(value for rule in rules for value in self._values(rule))
        self._by_value: dict[Value, list[Rule]] = {}
        self._wide: list[Rule] = []

    def add(self, rule: Rule) -> None:
        found = min(_conditions(rule), key=self._commonness, default=None)
        if found is None:
            self._wide.append(rule)
        for value in found or ():
            self._by_value.setdefault(value, []).append(rule)

    def sharing(self, rule: Rule) -> Iterator[Rule]:
        for value in self._values(rule):
            yield from self._by_value.get(value, ())
        yield from self._wide

    def _commonness(self, values: Sequence[Value]) -> int:
        return sum(self._looked_for[value] for value in values)

    def _values(self, rule: Rule) -> Iterator[Value]:
        """Of each condition one value is enough: all of them must be in the wider one."""
        for kind in _EQUALS:
            yield from ((kind, value) for value in getattr(rule, kind)[:1])
        yield from (("all_text", pattern) for pattern in rule.all_text)
        for code in rule.codes[:1]:
            yield from (("codes", code), _family(code))
        for kind in _NAMES:
            for name in getattr(rule, kind)[:1]:
                yield from ((kind, fitting) for fitting in {name, *self._stars[kind].fitting(name)})


def _conditions(rule: Rule) -> Iterator[Sequence[Value]]:
    """Each condition as the values by which it is looked for."""
    for kind in (*_EQUALS, *_NAMES):
        if values := getattr(rule, kind):
            yield [(kind, value) for value in values]
    yield from ([("all_text", pattern)] for pattern in rule.all_text)
    if rule.codes:
        yield [("codes", code) if is_single(code) else _family(code) for code in rule.codes]


def _family(code: str) -> Value:
    return "family", code.partition(":")[0]


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Does the one hold whenever the other does?"""
    return _as_wide(wide, narrow) and (
        wide.unless is None or (narrow.unless is not None and _less_out(wide.unless, narrow.unless))
    )


def _as_wide(wide: Conditions, narrow: Conditions) -> bool:
    """Is each condition that the one sets set in the other too, and no wider there?"""
    return (
        all(_within(narrow, wide, name, _same) for name in _EQUALS)
        and all(_within(narrow, wide, name, _name_within) for name in _NAMES)
        and _within(narrow, wide, "codes", _code_within)
        and all(getattr(wide, name) in {None, getattr(narrow, name)} for name in _FLAGS)
        and set(wide.all_text) <= set(narrow.all_text)
    )


def _less_out(wide: Conditions, narrow: Conditions) -> bool:
    """Is everything that the one excludes excluded by the other as well?"""
    lists = (*_EQUALS, *_NAMES, "codes")
    return (
        all(set(getattr(wide, name)) <= set(getattr(narrow, name)) for name in lists)
        and all(getattr(wide, name) in {None, getattr(narrow, name)} for name in _FLAGS)
        # Of all_text every one is needed, so that fewer of them exclude more.
        and (not wide.all_text or set() < set(narrow.all_text) <= set(wide.all_text))
    )


def _within(
    narrow: Conditions, wide: Conditions, name: str, within: Callable[[str, str], bool]
) -> bool:
    outer, inner = getattr(wide, name), getattr(narrow, name)
    if not outer:
        return True
    return bool(inner) and all(any(within(out, one) for out in outer) for one in inner)


def _same(wide: object, narrow: object) -> bool:
    return wide == narrow


def _name_within(wide: str, narrow: str) -> bool:
    # A star in the narrow one is only met by a star in the wide one, which takes whatever it is.
    return fits_name(wide, narrow)


def _code_within(wide: str, narrow: str) -> bool:
    return wide == narrow or code_fits(wide, narrow)
