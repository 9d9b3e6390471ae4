"""Templates of commands: what is a placeholder, and what a value becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.worker.command_template import (
    InputError,
    TemplateError,
    fill,
    fill_all,
    parse,
    value_text,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(text=TEXT)
def test_text_with_doubled_braces_stands_for_itself(text: str) -> None:
    template = parse(text.replace("{", "{{").replace("}", "}}"))
    assert template.names == ()
    assert template.fill({}) == text


@given(before=TEXT, value=TEXT, after=TEXT)
def test_a_value_is_taken_as_it_is(before: str, value: str, after: str) -> None:
    def escaped(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    template = parse(f"{escaped(before)}{{name}}{escaped(after)}")
    assert template.fill({"name": value}) == before + value + after
    assert len(fill_all([template], {"name": value})) == 1


@pytest.mark.parametrize(
    "text", ["{", "}", "{}", "{a b}", "{1}", "{a", "a}", "{print $1}", "{a{b}"]
)
def test_a_lonely_brace_is_a_mistake(text: str) -> None:
    with pytest.raises(TemplateError, match=r"write \{\{ and \}\} for braces"):
        parse(text)


def test_a_missing_name_is_named_with_all_that_are_needed() -> None:
    with pytest.raises(InputError, match="missing input 'b'; the command needs a, b, c"):
        fill_all([parse("{a}"), parse("{b}{c}")], {"a": 1})
    with pytest.raises(InputError, match="needs a, b"):
        fill(parse("{b}"), {}, among=[parse("{a}")])


def test_a_nul_byte_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match=r"argument 1 \(b\) holds a NUL byte"):
        fill_all([parse("{a}"), parse("x{b}")], {"a": 1, "b": "\0"})
    with pytest.raises(InputError, match=r"argument 0 \(the command itself\)"):
        fill_all([parse("\0")], {})


@pytest.mark.parametrize(
    ("value", "text"), [("é", "é"), (0.1, "0.1"), (False, "false"), ({"a": ["é"]}, '{"a":["é"]}')]
)
def test_everything_but_text_is_json(value: object, text: str) -> None:
    assert value_text(value) == text
