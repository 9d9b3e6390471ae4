"""Evaluating a filter on a record: what passes, and what an absent value means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.filter import And, Expr, Not, Or, matches, parse
from fnr.policy.filter_match import may_match

NOW_MS = 1_700_000_000_000
H_MS = 3_600_000

RECORD = {
    "id": "01JXC7V1M0Q2W3E4R5T6Y7Z8A9",
    "function": "render-4k",
    "state": "open",
    "category": "resource",
    "message": "CUDA Out of Memory: tried 2 GiB\n(100% used) of *GPU*",
    "attempts": 4,
    "at": NOW_MS - 2 * H_MS,
    "tags": {"drill": "7", "team": "fx"},
    "exit": None,
    "signal": 9,
}

PASSES = [
    "",
    "memory",
    "MEMORY",
    '"out of memory"',
    '"(100% used) of *"',
    "out of",
    "category:resource",
    "category:RESOURCE,unknown",
    "function:render-*",
    "function:*4k",
    "function:*",
    "function:a,render-*",
    "function!=render",
    "-function:render",
    "attempts>3",
    "attempts>=4 attempts<=4",
    "attempts:1,4",
    "attempts!=3",
    'message~"out of memory"',
    "message~tried.*used",
    "tag:drill",
    "tag:7",
    "tag:dri*",
    "tag~^fx$",
    "tag.team:fx",
    "tag.team:f*",
    "tag.other!=fx",
    "age>1h",
    "age<=2h",
    "since:3h",
    "until:1h",
    "since:2023-11-14",
    "id:01jx",
    "id:01JXC7V1M0Q2W3E4R5T6Y7Z8A9",
    "signal:kill",
    "-exit:0",
    "exit!=0",
    "memory OR nothing",
    "-(nothing OR nobody)",
    "category:resource function:render-* attempts>2 message~memory -tag:chaos",
]

FAILS = [
    "nothing",
    '"memory  out"',
    "category:transient",
    "function:render",
    "function=render-*",
    "function:RENDER-*",
    "attempts>4",
    "attempts<4",
    "attempts:1,2",
    "message~^memory",
    "message:memory",
    "tag:team2",
    "tag.team:drill",
    "tag.other:*",
    "age<1h",
    "since:1h",
    "until:3h",
    "until:2023-11-14",
    "id:01jy",
    "exit:0",
    "exit>=0",
    "exit<0",
    "rule:*",
    "rule~.",
    "-memory",
    "memory nothing",
    "category:resource (nothing OR attempts>9)",
]


@pytest.mark.parametrize("text", PASSES)
def test_the_record_passes(text: str) -> None:
    assert matches(parse(text), RECORD, NOW_MS)


@pytest.mark.parametrize("text", FAILS)
def test_the_record_does_not_pass(text: str) -> None:
    assert not matches(parse(text), RECORD, NOW_MS)


def test_an_empty_record_has_no_values_at_all() -> None:
    for leaf in ("word", "function:*", "attempts>=0", "age>=0s", "tag:*", "message~.", "exit:0"):
        assert not matches(parse(leaf), {}, NOW_MS)
        assert matches(parse(f"-{leaf}"), {}, NOW_MS)
    assert matches(parse(""), {}, NOW_MS)


LEAVES = st.sampled_from([parse(text) for text in (PASSES + FAILS)])


@given(one=LEAVES, other=LEAVES)
def test_the_words_between_conditions_mean_what_they_say(one: Expr, other: Expr) -> None:
    first, second = (matches(part, RECORD, NOW_MS) for part in (one, other))
    assert matches(And((one, other)), RECORD, NOW_MS) == (first and second)
    assert matches(Or((one, other)), RECORD, NOW_MS) == (first or second)
    assert matches(Not(one), RECORD, NOW_MS) != first
    text = f"({one}) OR -({other})" if str(one) and str(other) else "a OR -b"
    wanted = (first or not second) if str(one) and str(other) else True
    assert matches(parse(text), RECORD, NOW_MS) == wanted


@given(age_ms=st.integers(0, 10**12), limit=st.sampled_from(["1s", "5m", "2h", "1d12h", "3w"]))
def test_since_and_until_split_time_in_two(age_ms: int, limit: str) -> None:
    """Every moment is within one of them, and only the border is in both."""
    record = {"at": NOW_MS - age_ms}
    since, until = (
        matches(parse(f"{word}:{limit}"), record, NOW_MS) for word in ("since", "until")
    )
    assert since or until
    assert (since and until) == matches(parse(f"age>={limit} age<={limit}"), record, NOW_MS)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("", True),
        ("function:render-*", True),
        ("function:other", False),
        ("-function:render-*", False),
        ("function:render-* attempts>99", True),
        ("function:other attempts>2", False),
        ("function:other OR attempts>99", True),
        ("function:other OR function:nobody", False),
        ("-(function:render-* OR attempts>99)", False),
        ("-(function:other attempts>2)", True),
        ("nothing", True),
    ],
)
def test_what_is_known_of_a_record_may_be_enough_to_rule_it_out(text: str, may: bool) -> None:
    assert may_match(parse(text), {"function": "render-4k"}, NOW_MS) is may


@given(one=LEAVES, other=LEAVES, known=st.sets(st.sampled_from(sorted(RECORD.keys() - {"at"}))))
def test_a_record_that_passes_is_never_ruled_out(one: Expr, other: Expr, known: set[str]) -> None:
    part = {name: value for name, value in RECORD.items() if name in known}
    for expr in (And((one, other)), Or((one, Not(other))), Not(And((one, other)))):
        if matches(expr, RECORD, NOW_MS):
            assert may_match(expr, part, NOW_MS)
