"""Patterns of a filter: Python's, as far as no text can make them slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.filter_regex import TEXT_CHARS_MAX, finder

FOUND = [
    ("out of memory", "CUDA Out Of Memory"),
    ("tried.*GiB", "tried to allocate\n2.00 GiB"),
    (".*memory.*", "memory"),
    (r"\d+ MiB", "used 512 MiB"),
    (r"HTTP [45]\d\d", "http 503"),
    (r"^a.*b$", "a and b"),
    (r"a.*x|b.*y", "b then y"),
    ("(?:oom|out of mem)", "OOM"),
    ("(ab){2,3}c", "ababc"),
    (r"\bcuda\b", "a cuda b"),
    (r"[)(|*.]", "a|b"),
    (r"\.\*", "glob .*"),
    ("[]a]", "]"),
    ("colou?r", "color"),
    ("", "anything"),
    # What repeats before a gap leaves to the part behind it what that needs.
    (r"\w+.*error", "cudaerror"),
    (r"CUDA\S+.*memory", "CUDA_out_of_memory"),
    (r"exit \d{1,3}.*1", "exit 11"),
    ("x|a?.*a", "a"),
]

ABSENT = [
    ("tried.*GiB", "GiB tried"),
    (r"^b", "a b"),
    (r"a.*b$", "a b c"),
    (r"a.*x|b.*y", "b x"),
    (r"a.b", "ab"),
]

REFUSED = [
    ("(a+)+$", "a repeat of something that repeats"),
    ("(a|a)*b", "a repeat of something that repeats"),
    ("(.*a){20}", "a repeat of something that repeats"),
    ("(a?){9}", "a repeat of something that repeats"),
    (r"\w+\s+\w+", "in too many ways"),
    ("a?" * 20, "in too many ways"),
    ("(a|b)" * 20, "in too many ways"),
    ("a{0,999}a{0,999}", "in too many ways"),
    ("(?=a)a", "not supported"),
    ("(?P<x>a)", "not supported"),
    ("(?i)a", "not supported"),
    ("a++", "not supported"),
    (r"(a)\1", "back references"),
    ("(" * 30 + "a" + ")" * 30, "nested more than 20 deep"),
    ("[a", "not a regular expression"),
    ("[[:alpha:]]", "a backslash before ["),
    ("[a--b]", "a doubled -"),
    ("*a", "not a regular expression"),
    ("a" * 501, "more than 500 characters"),
    ("a{9999999999999}", "not a regular expression"),
]


@pytest.mark.parametrize(("pattern", "text"), FOUND)
def test_a_pattern_is_found_anywhere_in_either_case(pattern: str, text: str) -> None:
    assert finder(pattern).found_in(text)


@pytest.mark.parametrize(("pattern", "text"), ABSENT)
def test_what_is_not_there_is_not_found(pattern: str, text: str) -> None:
    assert not finder(pattern).found_in(text)


@pytest.mark.parametrize(("pattern", "words"), REFUSED, ids=[p[:20] for p, _ in REFUSED])
def test_what_a_text_could_make_slow_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        finder(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"a*(b|a|aa)x", "a{0,100}a{0,100}x", "(ab)*c", "a+b.*a+b.*z", ".{0,90}x", "[ab]*$.*q"],
)
def test_what_is_accepted_is_quick_on_the_worst_text(pattern: str) -> None:
    """The pytest timeout is the clock: an engine that tries every way would outlive it."""
    for text in ("a" * 100_000, "ab" * 50_000, "aab" * 30_000):
        assert not finder(pattern).found_in(text)


PIECES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        ".",
        r"\w",
        "[ab]",
        "[^a]",
        "a?",
        "b{1,2}",
        ".*",
        "|",
        "(a|b)",
        "(ab)",
        "^",
        "$",
    ]
)
PATTERNS = st.lists(PIECES, max_size=7).map("".join)
TEXTS = st.text("ab c", max_size=12)


@given(pattern=PATTERNS, text=TEXTS)
def test_nothing_is_found_that_python_would_not_find(pattern: str, text: str) -> None:
    python = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    if finder(pattern).found_in(text):
        assert python.search(text)


@given(pattern=PATTERNS.filter(lambda pattern: ".*" not in pattern), text=TEXTS)
def test_without_gaps_everything_is_found_that_python_finds(pattern: str, text: str) -> None:
    python = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    assert finder(pattern).found_in(text) == bool(python.search(text))


@given(words=st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4), text=TEXTS)
def test_plain_words_around_gaps_are_found_as_python_finds_them(
    words: list[str], text: str
) -> None:
    pattern = ".*".join(words)
    assert finder(pattern).found_in(text) == bool(re.search(pattern, text))


@given(st.text("ab(|)[]*+?{},1^$.\\-&~", max_size=12))
def test_any_text_is_a_pattern_or_is_refused_in_words(pattern: str) -> None:
    try:
        found = finder(pattern).found_in("ab(1)")
    except ValueError as error:
        assert str(error)
    else:
        assert not found or re.search(pattern, "ab(1)", re.IGNORECASE | re.DOTALL)


def test_only_the_beginning_of_an_endless_text_is_searched() -> None:
    assert finder("b").found_in("a" * (TEXT_CHARS_MAX - 1) + "b")
    assert not finder("b").found_in("a" * TEXT_CHARS_MAX + "b")
