"""Suggested rules: one per template, ready to paste, and matching what they were made from."""

from __future__ import annotations

import tomllib

import re2
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fnr.policy.parameterise import parameterise
from fnr.policy.rule_file import parse_rules
from fnr.policy.rules import Category
from fnr.policy.suggest import NamelessError, as_toml, expression, suggest


def error(number: int, message: str, **more: object) -> NamelessError:
    return NamelessError(error_id=f"E{number}", function="render", message=message, **more)


def looked(pattern: str, text: str) -> bool:
    options = re2.Options()
    options.case_sensitive = False
    return re2.compile(pattern, options).search(text) is not None


def test_errors_that_differ_in_numbers_and_paths_become_one_rule() -> None:
    messages = [
        f"scene /data/{number}/a.blend has {number} holes, refused by probe" for number in range(5)
    ]
    [found] = suggest(error(number, message) for number, message in enumerate(messages))
    assert found.hits == 5
    assert found.error_ids == ("E0", "E1", "E2", "E3", "E4")
    assert all(looked(found.text, message) for message in messages)
    assert looked(found.text, "SCENE /else/where.blend has 31 holes, refused by probe")
    assert not looked(found.text, "scene x has no holes")
    assert len(found.tests) == 3


def test_long_messages_of_one_cause_become_one_rule() -> None:
    """Wherever the paths in them push the rest."""
    words = "the render farm could not put the frame where it was asked for, which was {} with {} "
    words += "holes, and so it went {} and stayed there until somebody came to look after it at {}"
    words += "; of what is said behind that nobody has read a word in the last {} months or so {}"
    messages = [
        words.format("/data/" + "a1/" * (11 * number), number, "/b", "/c/d", number, "x " * 200)
        for number in range(1, 11)
    ]
    [found] = suggest(error(number, message) for number, message in enumerate(messages))
    assert found.hits == 10
    assert all(looked(found.text, message) for message in (*messages, *found.tests))


def test_what_happened_once_is_no_template_unless_a_person_named_it() -> None:
    assert suggest([error(1, "the widget fell over backwards")]) == []
    [found] = suggest([error(1, "the widget fell over backwards", category=Category.PERMANENT)])
    assert (found.category, found.decided, found.confidence) == (Category.PERMANENT, True, 1.0)


def test_a_person_outvotes_the_model_and_the_minority_is_named() -> None:
    said = [Category.PERMANENT, Category.PERMANENT, Category.TRANSIENT, None]
    [found] = suggest(
        error(n, f"widget {n} fell over", category=one, guess=Category.RESOURCE, confidence=0.9)
        for n, one in enumerate(said)
    )
    assert found.category is Category.PERMANENT
    assert found.disagree == (Category.TRANSIENT,)
    assert "some said transient" in as_toml(found)


def test_a_guess_says_that_it_is_one_and_no_guess_asks_for_a_choice() -> None:
    [guessed] = suggest(
        error(n, f"widget {n} fell over", guess=Category.RESOURCE, confidence=0.5) for n in (1, 2)
    )
    assert 'category = "resource"  # a guess from its wording (50% sure)' in as_toml(guessed)
    [bare] = suggest(error(n, f"widget {n} fell over") for n in (1, 2))
    assert "choose: transient, resource" in as_toml(bare)


def test_messages_that_say_nothing_make_no_rule() -> None:
    assert suggest(error(n, "17: /a/b") for n in range(9)) == []
    assert suggest(error(n, "") for n in range(9)) == []


def test_a_person_is_told_why_a_message_that_says_nothing_makes_no_rule() -> None:
    """A rule for what was hidden would name every error of the type that had a secret in it."""
    for message in ("[redacted]", "17: /a/b", ""):
        [found] = suggest([error(1, message, category=Category.TRANSIENT)])
        assert "says too little" in found.why_not
        assert suggest(error(n, message) for n in range(9)) == []
    [found] = suggest([error(1, "login of [redacted] was refused", category=Category.TRANSIENT)])
    assert (found.text, found.name) == (r"login\s+of\s+\S+\s+was\s+refused", "login-refused")


def test_a_bare_type_names_no_rule_for_all_errors_of_that_type() -> None:
    """Such a rule would stand above the packs, and CUDA's out of memory is a RuntimeError."""
    bare = [error(n, "RuntimeError", exception="RuntimeError") for n in range(3)]
    assert suggest(bare) == []
    [found] = suggest([replace(bare[0], category=Category.TRANSIENT), *bare])
    assert found.why_not == "its message is empty, so the rule would name every RuntimeError"
    own = [error(n, "studio.LicenceError", exception="studio.LicenceError") for n in range(3)]
    assert [one.why_not for one in suggest(own)] == [""]


def test_the_frequent_come_first_and_names_are_never_twice_the_same() -> None:
    many = [error(n, f"widget {n} fell over") for n in range(4)]
    few = [error(n, f"Widget {n} fell over!") for n in range(2)]
    first, second = suggest([*few, *many])
    assert (first.hits, second.hits) == (4, 2)
    assert first.name != second.name


def test_types_are_part_of_the_rule() -> None:
    [found] = suggest(error(n, f"widget {n} fell over", exception="lab.Fell") for n in (1, 2))
    [rule] = tomllib.loads(as_toml(found))["rule"]
    assert rule["exception"] == ["lab.Fell"]
    assert {test["exception"] for test in rule["test"]} == {"lab.Fell"}


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=80)


@given(TEXT, TEXT)
def test_any_message_gives_toml_that_reads_back_and_a_pattern_that_fits(
    one: str, other: str
) -> None:
    errors = [error(1, one), error(2, one), error(3, other), error(4, other)]
    for found in suggest(errors):
        [rule] = tomllib.loads(as_toml(found))["rule"]
        assert rule["text"] == [found.text]
        assert [test["message"] for test in rule["test"]] == list(found.tests)
        re2.compile(found.text)


def test_every_placeholder_stands_for_what_it_replaced() -> None:
    line = "at 12:31:05 https://a.example/x gave 'odd thing' for /data/in.png after 31.5 s, id 01J9"
    assert looked(expression(parameterise(line)), line)


def test_a_row_of_numbers_is_found_as_what_it_is() -> None:
    messages = [
        "mat1 and mat2 shapes [3, 224, 224] x [1, 3] cannot be used by head 7",
        "mat1 and mat2 shapes [1, 24] x [12, 8, 8, 16] cannot be used by head 9",
    ]
    [found] = suggest(error(number, message) for number, message in enumerate(messages))
    assert found.tests == tuple(messages)
    assert all(looked(found.text, message) for message in messages)
    assert not looked(
        found.text, "mat1 and mat2 shapes [3, two, 224] x [1] cannot be used by head 7"
    )


def test_a_name_is_no_longer_than_a_rules_may_be() -> None:
    words = [f"{letter * 20}ing" for letter in "abcdef"]
    [found] = suggest([error(1, " ".join(words), category=Category.PERMANENT)])
    parsed = parse_rules(as_toml(found), file="f", pack="p", operator=True)
    assert parsed.problems == ()
