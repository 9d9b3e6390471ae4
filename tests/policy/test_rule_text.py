"""What is written as TOML is read back as it was, whatever stands in it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.nameless import nameless
from fnr.policy.rule_file import parse_rules
from fnr.policy.rule_set import RuleSet
from fnr.policy.rule_text import rule_text, switched
from fnr.policy.rules import Category
from fnr.policy.toml_text import assigned, quoted

# Surrogates are no text that a file could hold.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_any_text_survives_its_quotes(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}


@given(st.dictionaries(st.sampled_from("abc"), st.lists(TEXTS, min_size=1)))
def test_any_list_survives_its_lines(values: dict[str, list[str]]) -> None:
    assert tomllib.loads("\n".join(assigned(values))) == values


def off_in(text: str) -> list[str]:
    read = parse_rules(text, file="disabled.toml", pack="disabled", operator=True)
    assert read.problems == ()
    return [name for name, _ in read.disabled]


@given(st.lists(TEXTS, max_size=5, unique=True), st.data())
def test_switched_off_names_are_read_back(names: list[str], data: st.DataObject) -> None:
    text = switched("", off=names, on=())
    assert off_in(text) == names
    gone = data.draw(st.sets(st.sampled_from(names))) if names else set()
    assert off_in(switched(text, off=(), on=gone)) == [one for one in names if one not in gone]


BY_HAND = """\
# Ours since the move.
disable = ["a/one", 'b/two',  # both: ticket 17
    # "a/one" is not worth it
    "c/three"  # until spring
]

[[rule]]
name = "x"
category = "transient"
text = "disable = ['a/one']"
"""


@pytest.mark.parametrize(
    ("off", "on", "changed"),
    [
        (("d/four",), (), ('"c/three"  #', '"c/three",  #', "spring\n", 'spring\n    "d/four",\n')),
        ((), ("c/three",), ('    "c/three"  # until spring\n', "")),
        ((), ("a/one",), ('["a/one", ', "[")),
        ((), ("b/two",), ("'b/two',  #", "#")),
    ],
)
def test_what_people_wrote_beside_stays(
    off: tuple[str, ...], on: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    text = BY_HAND
    for before, after in zip(changed[::2], changed[1::2], strict=True):
        text = text.replace(before, after, 1)
    assert switched(BY_HAND, off=off, on=on) == text
    assert off_in(text) == [one for one in ("a/one", "b/two", "c/three", *off) if one not in on]


def test_a_file_with_rules_and_no_list_gets_one_before_them() -> None:
    rule = BY_HAND.partition("]\n\n")[2]
    assert off_in(switched(f"version = 1\n\n{rule}", off=["a/one"], on=())) == ["a/one"]


@pytest.mark.parametrize(
    ("fields", "test"),
    [
        ({"exception": ["*.FarmError"]}, {"exception": "some.FarmError"}),
        ({"exception": ["*TimeoutError"]}, {"exception": "TimeoutError"}),
        ({"exception": ["a.B", "c.D"]}, {"exception": "a.B"}),
        ({"exit": [3]}, {"exit": 3}),
        ({"signal": ["SIGKILL"]}, {"signal": "SIGKILL"}),
        ({"code": ["http:500-599"]}, {"codes": ("http:500",)}),
        ({"code": ["sqlstate:53*"]}, {"codes": ("sqlstate:53",)}),
        ({"code": ["boto:slow-down"]}, {"codes": ("boto:slow-down",)}),
    ],
)
def test_a_test_meets_the_other_conditions_too(
    fields: dict[str, list[str]], test: dict[str, object]
) -> None:
    text = rule_text({"name": "x", "category": "permanent", **fields, "text": ["frob"]}, ["frob"])
    read = parse_rules(text, file="x.toml", pack="x", operator=True)
    assert read.problems == ()
    [found] = read.rules[0].tests
    assert {name: getattr(found, name) for name in test} == test


RULES = RuleSet(
    parse_rules(
        "[[rule]]\nname = 'drum'\ncategory = 'resource'\ntext = ['drum wobbles']\n",
        file="x.toml",
        pack="x",
        operator=True,
    ).rules
)


@pytest.mark.parametrize(
    ("message", "said", "wanted"),
    [
        ("drum wobbles", None, False),
        ("drum wobbles", Category.RESOURCE, False),
        ("drum wobbles", Category.PERMANENT, True),
        ("needle sleeps", None, True),
        ("needle sleeps", Category.PERMANENT, True),
    ],
)
def test_only_what_the_rules_of_today_do_not_name_asks_for_one(
    message: str, said: Category | None, wanted: bool
) -> None:
    found = nameless("e", "f", Evidence(message=message), said=said, rules=RULES, model=None)
    assert (found is not None) is wanted


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (Evidence(message="exit code 3: needle sleeps"), ("", "needle sleeps")),
        (Evidence(message="killed by SIGSEGV (core dumped): needle"), ("", "needle")),
        (Evidence(message="exit code 3"), ("", "")),
        (
            Evidence(
                message="a.B: needle",
                exceptions=(
                    ExceptionFact(type="a.Wrapper"),
                    ExceptionFact(type="a.B", message="needle"),
                ),
            ),
            ("a.B", "needle"),
        ),
    ],
)
def test_the_words_of_the_program_make_the_rule_not_ours(
    evidence: Evidence, told: tuple[str, str]
) -> None:
    found = nameless("e", "f", evidence, said=None, rules=RULES, model=None)
    assert found is not None
    assert (found.exception, found.message) == told
