"""Rules ready to be looked up: the file is of today, and where a rule is filed decides nothing."""

from __future__ import annotations

from typing import Any

import pytest
from make_rule_index import index_bytes
from policy_values import packs, whole_packs

from fnr.config.rule_files import INDEX_FILE, PACKS_DIR
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence, ExceptionFact, KilledBy
from fnr.policy.facts import gather
from fnr.policy.labelled import evidence_of_test
from fnr.policy.rule_filing import build_index
from fnr.policy.rule_index import DamagedIndex, dump_index, load_index
from fnr.policy.rule_set import RuleSet
from fnr.policy.rule_table import RuleTable
from fnr.policy.rules import Category, Level, Rule


def rule(name: str, *text: str, **fields: Any) -> Rule:
    return Rule(
        **{"name": name, "category": Category.TRANSIENT, "level": Level.TEXT, "text": text} | fields
    )


@pytest.mark.unmeasured
def test_the_file_is_made_of_the_packs_of_today() -> None:
    same = (PACKS_DIR / INDEX_FILE).read_bytes() == index_bytes()
    assert same, "run: python tools/make_rule_index.py"


@pytest.mark.unmeasured
def test_what_is_looked_up_in_the_file_are_the_rules_that_the_packs_say() -> None:
    """Method: for one example in five all fits, from the file and from rules just read."""
    rules = whole_packs().values()
    read = RuleSet(rules)
    tests = [test for one in rules for test in one.tests][::5]
    for test in tests:
        facts = gather(evidence_of_test(test), function=test.function, service=test.service)
        fits = [(fit.rule.name, fit.signs) for fit in packs().fits(facts)]
        assert fits == [(fit.rule.name, fit.signs) for fit in read.fits(facts)]
    assert len(tests) > 500


def test_a_rule_comes_back_as_it_was_but_for_its_expressions() -> None:
    """An expression is kept apart, in pieces."""
    rules = whole_packs()
    test = rules["cuda/gpu-memory"].tests[0]
    fit = packs().fits(gather(evidence_of_test(test)))[0]
    whole = rules[fit.rule.name]
    for name in Rule.__struct_fields__:
        if name not in {"text", "all_text", "tests", "unless"}:
            assert getattr(fit.rule, name) == getattr(whole, name), name


@pytest.mark.parametrize("cut", [0, 5, -4])
def test_a_damaged_index_is_noticed(cut: int) -> None:
    whole = dump_index(build_index([rule("a/lens", "no lens")]))
    assert load_index(whole) == build_index([rule("a/lens", "no lens")])
    with pytest.raises(DamagedIndex):
        load_index(whole[:cut])


def test_what_is_common_is_not_what_a_rule_is_filed_under() -> None:
    """Method: with every text about cameras, the rule is asked for where "no lens" stands."""
    one = rule("a/lens", all_text=("camera", "no lens"))
    seen = ["camera read", "camera wrote", "camera step"]
    table = RuleTable(build_index([one], seen))
    assert table.sought(*table.filed).piece.words == (b"no lens",)
    rules = RuleSet(shipped=table)
    assert rules.fits(gather(Evidence(message="camera 1 read"))) == []
    assert rules.fits(gather(Evidence(message="camera 1 has no lens"))) != []


@pytest.mark.parametrize("text", ["device d{}x .{{0,9}}went away", "device d{}x went away"])
def test_of_many_rules_alike_an_error_meets_its_own(text: str) -> None:
    """No text has shown which words are common: the rules do. Each met all the others' errors."""
    many = [rule(f"a/r{number}", text.format(number)) for number in range(100, 300)]
    table = RuleTable(build_index(many))
    folded = b"device d123x went away"
    assert len(table.able(table.hits(folded), folded)) == 1
    [fit] = RuleSet(many).fits(gather(Evidence(message=folded.decode())))
    assert fit.rule.name == "a/r123"


@pytest.mark.parametrize(
    "asked",
    [
        {"exits": (7,), "level": Level.CODE},
        {"exceptions": ("RuntimeError",), "level": Level.EXCEPTION},
        {"text": ("went wrong",)},
        {"phases": ("run",)},
    ],
)
def test_of_many_rules_for_functions_an_error_meets_those_of_its_own(asked: dict[str, Any]) -> None:
    """Each met the errors of all functions."""
    many = [rule(f"a/r{n}", **{"text": (), **asked}, functions=(f"f{n}",)) for n in range(50)]
    many += [rule("a/star", **{"text": (), **asked}, functions=("f1*",))]
    many += [rule("a/all", **{"text": (), **asked}, functions=("g", "h"))]
    evidence = Evidence(
        message="it went wrong", exit_code=7,
        exceptions=(ExceptionFact(type="RuntimeError", message="x"),),
    )  # fmt: skip
    facts = gather(evidence, function="f17")
    table = RuleTable(build_index(many))
    able = table.able(table.hits(b"it went wrong"), b"it went wrong")
    assert len(table.places(able & table.filed, facts)) <= 2
    fits = [fit.rule.name for fit in RuleSet(many).fits(facts)]
    assert sorted(fits) == ["a/r17", "a/star"]
    for name in "gh":
        fits = RuleSet(many).fits(gather(evidence, function=name))
        assert [fit.rule.name for fit in fits] == ["a/all"]


def test_rules_of_ones_own_stand_beside_the_shipped_and_are_tried_in_one_order() -> None:
    shipped = RuleTable(
        build_index([rule("p/killed", level=Level.LEDGER, killed_by=("timeout",)),
                     rule("p/lens", "no lens"), rule("p/off", "no l", priority=9)])
    )  # fmt: skip
    rules = RuleSet([rule("mine/lens", "lens", operator=True)], shipped=shipped)
    killed = Evidence(message="no lens", killed_by=KilledBy.TIMEOUT)
    assert [fit.rule.name for fit in rules.fits(gather(killed))] == [
        "p/killed", "mine/lens", "p/off", "p/lens",
    ]  # fmt: skip
    without = RuleSet(shipped=shipped, without=frozenset({"p/off", "p/killed"}))
    assert [fit.rule.name for fit in without.fits(gather(killed))] == ["p/lens"]
    assert list(without.named) == ["p/lens"]


def test_an_error_without_words_meets_only_rules_that_ask_for_none() -> None:
    assert classify(Evidence(exit_code=0), packs()).category is not Category.TRANSIENT
