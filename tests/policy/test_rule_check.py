"""Rules keep their promises: examples are decided as they say, and every rule can decide."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.rule_check import broken_examples, never_deciding, self_excluding
from fnr.policy.rule_file import parse_rules
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Conditions, Level, Rule, RuleTest


def rule(name: str, level: Level = Level.TEXT, **more: object) -> Rule:
    fields = {"category": Category.PERMANENT, "operator": True, "where": f"{name}.toml:1"}
    return Rule(name=name, level=level, **{**fields, **more})


def broken(*rules: Rule) -> list[str]:
    return [problem.message for problem in broken_examples(rules, RuleSet(rules))]


def test_an_example_that_its_rule_does_not_match_is_told() -> None:
    mine = rule("mine", text=("lens",), tests=(RuleTest(message="no camera"),))
    assert broken(mine) == [
        "rule mine: it does not match this example, which is decided by no rule"
    ]


def test_an_operators_example_must_be_decided_by_its_own_rule() -> None:
    mine = rule("mine", text=("lens",), tests=(RuleTest(message="no lens, exit", exit=3),))
    other = rule("other", Level.CODE, exits=(3,))
    assert broken(mine, other) == ["rule mine: this example is decided by other (permanent)"]


def test_of_a_packs_example_the_same_answer_is_enough() -> None:
    test = RuleTest(message="no lens", exit=3)
    mine = rule("mine", text=("lens",), tests=(test,), operator=False)
    assert broken(mine, rule("other", Level.CODE, exits=(3,), operator=False)) == []
    differs = rule("other", Level.CODE, exits=(3,), operator=False, category=Category.TRANSIENT)
    assert broken(mine, differs) == ["rule mine: this example is decided by other (transient)"]


def test_a_near_miss_must_not_be_decided_by_the_rule() -> None:
    miss = RuleTest(message="no lens", matches=False)
    assert broken(rule("mine", text=("lens",), tests=(miss,))) == [
        "rule mine: this example must not match, but does"
    ]
    assert (
        broken(rule("mine", text=("lens",), tests=(miss,), unless=Conditions(text=("no",)))) == []
    )


EXAMPLES = [
    (RuleTest(exception="a.B", message="x"), {"exceptions": ("a.*",)}),
    (RuleTest(exit=3), {"exits": (3,)}),
    (RuleTest(signal="SIGKILL"), {"signals": ("SIGKILL",)}),
    (RuleTest(http=503), {"codes": ("http:503",)}),
    (RuleTest(codes=("grpc:UNKNOWN",)), {"codes": ("grpc:UNKNOWN",)}),
    (RuleTest(stderr="a\nno lens\n"), {"text": ("lens",)}),
    (RuleTest(exception="A", traceback="B: no lens\n"), {"text": ("lens",)}),
    (RuleTest(killed_by="oom"), {"killed_by": ("oom",)}),
    (RuleTest(killed_by="hang"), {"killed_by": ("hang",)}),
    (RuleTest(phase="import"), {"phases": ("import",)}),
    (RuleTest(oom_killed=False), {"oom_killed": False}),
    (RuleTest(stop_proven=False), {"stop_proven": False}),
    (RuleTest(function="render"), {"functions": ("ren*",)}),
    (RuleTest(service="comfyui"), {"services": ("comfyui",)}),
]


@pytest.mark.parametrize(("test", "conditions"), EXAMPLES)
def test_an_example_can_say_whatever_a_rule_can_ask(
    test: RuleTest, conditions: dict[str, object]
) -> None:
    assert broken(rule("mine", tests=(test,), **conditions)) == []


SHADOWED = [
    ("the same", {"text": ("a b",)}, {"text": ("a b",)}, True),
    ("fewer texts", {"text": ("a b", "c d")}, {"text": ("a b",)}, True),
    ("another text", {"text": ("a b",)}, {"text": ("a b", "c d")}, False),
    ("more conditions", {"text": ("a b",)}, {"text": ("a b",), "exits": (3,)}, False),
    ("a range", {"codes": ("http:500-599",)}, {"codes": ("http:503",)}, True),
    ("a star", {"codes": ("sqlstate:5*",)}, {"codes": ("sqlstate:53*",)}, True),
    ("beyond the range", {"codes": ("http:500-599",)}, {"codes": ("http:503", "http:404")}, False),
    ("a glob", {"exceptions": ("*Error",)}, {"exceptions": ("*.ReadError", "MyError")}, True),
    ("a wider glob", {"exceptions": ("*ReadError",)}, {"exceptions": ("*Error",)}, False),
    ("input", {"names_input": ("*",)}, {"names_input": ("clip",)}, True),
    ("other input", {"names_input": ("clip",)}, {"names_input": ("*",)}, False),
    ("a flag", {"oom_killed": True}, {"oom_killed": True}, True),
    ("another flag", {"oom_killed": True}, {"oom_killed": False}, False),
    ("excludes", {"text": ("a",), "unless": Conditions(exits=(1,))}, {"text": ("a",)}, False),
    (
        "both exclude",
        {"text": ("a b",), "unless": Conditions(exits=(1,))},
        {"text": ("a b",), "unless": Conditions(exits=(1, 2))},
        True,
    ),
    (
        "excludes less, both of two",
        {"text": ("a b",), "unless": Conditions(all_text=("c d", "e f"))},
        {"text": ("a b",), "unless": Conditions(all_text=("c d",))},
        True,
    ),
    (
        "excludes more, one of two",
        {"text": ("a b",), "unless": Conditions(all_text=("c d",))},
        {"text": ("a b",), "unless": Conditions(all_text=("c d", "e f"))},
        False,
    ),
    ("all of them", {"all_text": ("a b",)}, {"all_text": ("a b",)}, True),
]  # fmt: skip


@pytest.mark.parametrize(("above", "below", "shadowed"), [case[1:] for case in SHADOWED])
def test_a_rule_that_another_always_decides_before_is_told(
    above: dict[str, object], below: dict[str, object], shadowed: bool
) -> None:
    level = Level.LEDGER if "oom_killed" in above else Level.TEXT
    rules = [rule("above", level, priority=1, **above), rule("below", level, **below)]
    for order in (rules, rules[::-1]):
        found = [problem.message for problem in never_deciding(order)]
        assert bool(found) is shadowed
        assert all("below can never decide: above (above.toml:1)" in words for words in found)


EXCLUDING = [
    ({"text": ("a", "b")}, {"text": ("b", "a", "c")}, "text"),
    ({"text": ("a", "b")}, {"text": ("a",)}, ""),
    ({"text": ("a",)}, {"exceptions": ("*",)}, ""),
    ({"exceptions": ("ValueError", "x.Y")}, {"exceptions": ("*",)}, "exception"),
    ({"codes": ("http:503",)}, {"codes": ("http:500-599",)}, "code"),
    ({"codes": ("http:500-599",)}, {"codes": ("http:503",)}, ""),
    ({"oom_killed": True}, {"oom_killed": True}, "oom_killed"),
    ({"oom_killed": True}, {"oom_killed": False}, ""),
    ({"all_text": ("a", "b")}, {"all_text": ("a",)}, "all_text"),
    ({"all_text": ("a",)}, {"all_text": ("a", "b")}, ""),
]


@pytest.mark.parametrize(("asked", "unless", "key"), EXCLUDING)
def test_a_rule_that_excludes_all_it_asks_for_is_told(
    asked: dict[str, object], unless: dict[str, object], key: str
) -> None:
    told = [
        one.message for one in self_excluding([rule("x", **asked, unless=Conditions(**unless))])
    ]
    assert told == [f"rule x can never hold: its [rule.not] excludes every {key} it names"] * bool(
        key
    )


def test_an_operators_rule_may_stand_above_a_packs() -> None:
    packs = rule("pack", text=("a b",), operator=False)
    assert list(never_deciding([rule("mine", text=("a b",)), packs])) == []


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.lists(st.sampled_from(("a b", "c d", "e f")), min_size=1, unique=True),
        "all_text": st.lists(st.sampled_from(("a b", "g h")), min_size=1, unique=True),
        "exits": st.lists(st.sampled_from((1, 2)), min_size=1, unique=True),
        "codes": st.lists(
            st.sampled_from(("http:500-599", "http:503", "http:5*", "errno:EIO")),
            min_size=1,
            unique=True,
        ),
        "exceptions": st.lists(
            st.sampled_from(("*Error", "a.ReadError", "a.*", "*a*Read*", "B")),
            min_size=1,
            unique=True,
        ),
        "functions": st.lists(st.sampled_from(("f", "f*")), min_size=1, unique=True),
        "stop_proven": st.booleans(),
    },
)


@given(several=st.lists(CONDITIONS, min_size=2, max_size=8))
def test_whatever_another_covers_is_found_however_many_there_are(
    several: list[dict[str, Any]],
) -> None:
    """Method: ask about two at a time."""
    rules = [
        rule(f"r{number}", **{k: tuple(v) if isinstance(v, list) else v for k, v in one.items()})
        for number, one in enumerate(several)
    ]
    pairs = (never_deciding(pair) for pair in itertools.combinations(rules, 2))
    alone = {problem.where for found in pairs for problem in found}
    assert {problem.where for problem in never_deciding(rules)} == alone


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "conditions",
    [
        lambda n: {"exceptions": (f"pkg.Error{n}",)},
        lambda n: {"exceptions": (f"pkg{n}.*",), "exits": (3,)},
        lambda n: {"functions": (f"f{n}",), "codes": ("http:503",)},
        lambda n: {"text": ("no free seat",), "services": (f"s{n}",)},
        lambda n: {"all_text": ("no free seat", f"in row {n}")},
    ],
)
def test_ten_thousand_rules_of_every_kind_are_compared(
    conditions: Callable[[int], dict[str, Any]],
) -> None:
    """The pytest timeout is the clock."""
    rules = [rule(f"r{n}", **conditions(n)) for n in range(10_000)]
    assert list(never_deciding(rules)) == []
    [told] = never_deciding([*rules, rule("again", priority=-1, **conditions(7_777))])
    assert told.message.startswith("rule again can never decide: r7777 ")


@pytest.mark.unmeasured
def test_ten_thousand_rules_are_checked_and_asked() -> None:
    """The pytest timeout is the clock."""
    text = "".join(
        f'[[rule]]\nname = "r{n}"\ncategory = "transient"\ntext = "lens {n} of .{{0,9}} broke"\n'
        for n in range(10_000)
    )
    parsed = parse_rules(text, file="many.toml", pack="many", operator=True)
    assert (len(parsed.rules), parsed.problems) == (10_000, ())
    assert list(never_deciding(parsed.rules)) == []
    test = RuleTest(message="lens 7777 of camera broke")
    mine = [one for one in parsed.rules if one.name == "many/r7777"]
    asked = rule("many/r7777", text=mine[0].text, tests=(test,))
    assert list(broken_examples([asked], RuleSet(parsed.rules))) == []
