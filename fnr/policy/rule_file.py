"""Read a rule file: all its rules, and everything that is wrong with it, each with file and line.

Here a file is read by itself; whether rules get in each other's way, and whether their examples
hold, is rule_check's question, because that needs all files.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from fnr.policy.rule_keys import CONDITION_KEYS, RULE_KEYS, TEST_KEYS, TRUSTED, RuleKey, own_level
from fnr.policy.rules import Conditions, Level, Rule, RuleTest
from fnr.policy.toml_lines import KeyPath, Lines

VERSION = 1
RULES_MAX = 20_000
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_TRUSTED_KEYS = RULE_KEYS | TRUSTED
_TRUSTED_CONDITIONS = CONDITION_KEYS | TRUSTED


class RuleProblem(Struct, frozen=True, kw_only=True):
    """Something wrong with a rule file; where: "FILE:LINE"."""

    where: str
    message: str


class ParsedRules(Struct, frozen=True, kw_only=True):
    """What a file says, as far as it could be read; disabled: names of rules it switches off."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[RuleProblem, ...] = ()
    disabled: tuple[tuple[str, str], ...] = ()


def parse_rules(text: str, *, file: str, pack: str, operator: bool = False) -> ParsedRules:
    """Read the text of a rule file.

    file: how the file is named in problems and in `where`. pack: goes before each rule's name.
    operator: the file is the operator's, so every expression is compiled; those of the packs have
    been by their tests.
    """
    # Editors of Windows put a mark before the text.
    text = text.removeprefix("\ufeff")
    try:
        data = tomllib.loads(text)
    # ValueError: of a number with more digits than Python reads, tomllib lets it through.
    except (ValueError, RecursionError) as error:
        words = str(error).partition("; use sys.")[0]
        return ParsedRules(problems=(_not_toml(words, text, file),))
    return _Reader(text, file=file, pack=pack, operator=operator).read(data)


def _not_toml(words: str, text: str, file: str) -> RuleProblem:
    place = _PLACE.search(words)
    # Without a place it is the end of the file that was not expected.
    line = place[1] if place else str(text.count("\n") + 1)
    return RuleProblem(where=f"{file}:{line}", message=f"not TOML: {_PLACE.sub('', words)}")


class _Reader:
    def __init__(self, text: str, *, file: str, pack: str, operator: bool) -> None:
        self._lines = Lines(text)
        self._file = file
        self._pack = pack
        self._operator = operator
        self._rule_keys = RULE_KEYS if operator else _TRUSTED_KEYS
        self._condition_keys = CONDITION_KEYS if operator else _TRUSTED_CONDITIONS
        self._problems: list[RuleProblem] = []

    def read(self, data: Mapping[str, Any]) -> ParsedRules:
        for name in data:
            if name not in {"version", "rule", "disable"}:
                self._problem((name,), f"{name}: {nearest(name, ('version', 'rule', 'disable'))}")
        version = data.get("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            self._problem(("version",), f"this fnr reads version {VERSION}, not {version!r}")
        tables = data.get("rule", [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self._problem(("rule",), "rules are written as [[rule]]")
            tables = []
        if len(tables) > RULES_MAX:
            self._problem(("rule",), f"{len(tables)} rules; at most {RULES_MAX} in a file")
            tables = []
        rules = self._unique(
            rule
            for number, table in enumerate(tables)
            if (rule := self._rule(("rule", str(number)), table)) is not None
        )
        disabled = self._disabled(data.get("disable", []))
        return ParsedRules(rules=rules, problems=tuple(self._problems), disabled=disabled)

    def _disabled(self, names: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self._problem(("disable",), 'disable: must be a list of names like "pack/name"')
            return ()
        return tuple((name, self._where(("disable",))) for name in names)

    def _rule(self, path: KeyPath, table: Mapping[str, Any]) -> Rule | None:
        known = len(self._problems)
        fields = self._fields(path, table, self._rule_keys, but=("not", "test"))
        for key in ("name", "category"):
            if key not in table:
                self._problem(path, f"{key}: every rule needs one")
        unless = table.get("not")
        if unless is not None:
            fields["unless"] = self._unless((*path, "not"), unless)
        fields["tests"] = self._tests(path, table.get("test", []))
        conditions = Conditions(
            **{key: fields[key] for key in Conditions.__struct_fields__ if key in fields}
        )
        if conditions == Conditions() and len(self._problems) == known:
            self._problem(path, "a rule needs a condition: code, exception, text, exit, …")
        own = own_level(conditions)
        wanted = fields.setdefault("level", own)
        if list(Level).index(wanted) < list(Level).index(own):
            why = f"level: can only be lowered; by its conditions it is {own}"
            self._problem((*path, "level"), why)
        if len(self._problems) == known:
            self._fingerprint((*path, "fingerprint"), fields.get("fingerprint", ""), conditions)
        if len(self._problems) > known:
            return None
        fields["name"] = f"{self._pack}/{fields['name']}"
        return Rule(**fields, where=self._where(path), operator=self._operator)

    def _fingerprint(self, path: KeyPath, text: str, conditions: Conditions) -> None:
        expressions = (*conditions.text, *conditions.all_text)
        caught = {name for one in expressions for name in _GROUP.findall(one)}
        known = caught | {"function", "rule"}
        for word in _FILLED.findall(text):
            if word not in known:
                there_are = ", ".join(f"{{{name}}}" for name in sorted(known))
                why = f"no expression of the rule catches {{{word}}}; there are {there_are}"
                self._problem(path, f"fingerprint: {why}")

    def _unless(self, path: KeyPath, table: Any) -> Conditions:
        if not isinstance(table, dict) or not table:
            self._problem(path, "not: must be a table [rule.not] with conditions")
            return Conditions()
        return Conditions(**self._fields(path, table, self._condition_keys))

    def _tests(self, path: KeyPath, tables: Any) -> tuple[RuleTest, ...]:
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self._problem((*path, "test"), "test: examples are written as [[rule.test]]")
            return ()
        tests = []
        for number, table in enumerate(tables):
            place = (*path, "test", str(number))
            fields = self._fields(place, table, TEST_KEYS)
            tests.append(RuleTest(**fields, where=self._where(place)))
        return tuple(tests)

    def _fields(
        self,
        path: KeyPath,
        table: Mapping[str, Any],
        keys: Mapping[str, RuleKey],
        but: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in table.items():
            if name in but:
                continue
            key = keys.get(name)
            if key is None:
                self._problem((*path, name), f"{name}: {nearest(name, (*keys, *but))}")
                continue
            try:
                fields[key.field] = key.read(value)
            except ValueError as error:
                for words in error.args:
                    self._problem((*path, name), f"{name} {words}")
        return fields

    def _unique(self, rules: Any) -> tuple[Rule, ...]:
        first: dict[str, Rule] = {}
        for rule in rules:
            other = first.setdefault(rule.name, rule)
            if other is not rule:
                where = other.where.rpartition(":")[2]
                problem = f"name {rule.name!r} is taken by the rule in line {where}"
                self._problems.append(RuleProblem(where=rule.where, message=problem))
        return tuple(first.values())

    def _problem(self, path: KeyPath, message: str) -> None:
        self._problems.append(RuleProblem(where=self._where(path), message=message))

    def _where(self, path: KeyPath) -> str:
        return f"{self._file}:{self._lines.of(path)}"


_FILLED = re.compile(r"\{(\w+)\}")
_GROUP = re.compile(r"\(\?P?<(\w+)>")


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Words for a key that does not exist, with the nearest that does."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return "unknown key" + (f", did you mean {found[0]!r}?" if found else "")
