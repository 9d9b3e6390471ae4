"""Only expressions whose words stand in a text are run, and none that matches is left out."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from fnr.policy.comparison import Sign
from fnr.policy.evidence import Evidence
from fnr.policy.facts import Facts, gather
from fnr.policy.required_words import alternatives, required_words
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Level, Rule
from fnr.policy.type_names import NamePatterns, fits_name
from fnr.policy.word_table import WordTable

OPTIONS = re2.Options()
OPTIONS.case_sensitive = False
OPTIONS.dot_nl = True
OPTIONS.log_errors = False


def rules_of(*patterns: str) -> RuleSet:
    """A rule for each expression."""
    return RuleSet(
        Rule(name=f"t/{n}", category=Category.TRANSIENT, level=Level.TEXT, text=(pattern,))
        for n, pattern in enumerate(patterns)
    )


def facts_of(text: str) -> Facts:
    return Facts(evidence=Evidence(message=text), codes=(), types=(), texts=(text, ""))


def matched(pattern: str, text: str) -> str | None:
    """What the expression matched, as a rule says it; None where it does not."""
    fits = rules_of(pattern).fits(facts_of(text))
    return fits[0].signs[0].words if fits else None


def words_of(found: str) -> str:
    """How a sign shows a match."""
    return f"text '{' '.join(found.split())[:80]}'"


BYTES = re2.Options()
BYTES.case_sensitive = False
BYTES.dot_nl = True
BYTES.log_errors = False
BYTES.encoding = re2.Options.Encoding.LATIN1

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
    if expected is not None and expected[0] == "":
        return  # nothing that a rule may ask for; fnr rules check says so
    found = matched(pattern, text)
    assert (found is not None) == (expected is not None), required_words(pattern)
    if expected is not None and len(alternatives(pattern)) == 1:
        assert found == words_of(expected[0])


GAPS = st.sampled_from(
    [
        "",
        " ",
        ".{0,9}",
        ".{3,30}",
        "[^\\n]*",
        r"\w*",
        r"\d+",
        r"\s?",
        r"\b",
        ".?",
        "[a-z ]{1,5}",
        "x*",
    ]
)
LONG = st.lists(
    st.sampled_from([*WORDS, "no", "lens", "loss", " ", "a b c", "\n", "12", "x" * 20, "é"]),
    min_size=20,
    max_size=60,
).map("".join)


@given(
    parts=st.lists(
        st.sampled_from(["lens", "no", "(lens|loss)", "timed? ?out", "503"]), max_size=3
    ),
    gaps=st.lists(GAPS, min_size=4, max_size=4),
    ends=st.sampled_from(
        [("", ""), ("^", ""), ("", "$"), (r"\b", r"\b"), ("(?m)^", ""), ("", r"\z")]
    ),
    text=LONG,
)
@example(["lens", "no"], [".{0,9}", ".{0,9}", "", ""], ("", ""), "lens " + "x" * 40 + "lens no")
@example(["lens"], ["", "[^\\n]*", "", ""], ("", ""), "\n" * 30 + "a lens b\nc" + " " * 60)
@example(["lens"], [r"\b", r"\b", "", ""], ("", ""), "xlens" + " " * 60 + "a lens")
@example(["lens"], ["", "", "", ""], ("^", ""), " " * 60 + "lens")
@example(["lens"], ["", "", "", ""], ("", "$"), "lens" + " " * 60)
def test_looking_only_around_its_words_finds_the_first_match_of_the_whole_text(
    parts: list[str], gaps: list[str], ends: tuple[str, str], text: str
) -> None:
    inside = "".join(gap + part for gap, part in zip(gaps, [*parts, ""], strict=False))
    pattern = f"{ends[0]}{inside}{ends[1]}"
    expected = re2.search(pattern.encode(), text.encode(), BYTES)
    if expected is not None and expected[0] == b"":
        return
    found = matched(pattern, text)
    shown = expected and words_of(expected[0].decode(errors="replace"))
    assert found == shown, required_words(pattern)


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
    assert matched(pattern, text)


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


@pytest.mark.parametrize(
    ("pattern", "reach", "one_line"),
    [
        ("no lens", 7, True),
        ("a.{0,40}b|c", 42, False),
        (r"(ab|c{3}){2}\d?", 7, True),
        (r"lens \w+", 0, True),
        (r"lens[^\n]*", 0, True),
        (r"lens[^\\n]*", 0, False),
        (r"lens\s+", 0, False),
        (r"lens[a-z\s]+", 0, False),
        ("lens[\t-z]+", 0, False),
        ("lens.*", 0, False),
        (r"lens\D{2}", 6, False),
        (r"\blens$", 4, True),
    ],
)
def test_how_far_a_match_reaches(pattern: str, reach: int, *, one_line: bool) -> None:
    found = required_words(pattern)
    assert (found.reach, found.one_line) == (reach, one_line)


def test_groups_are_caught_and_places_counted_in_characters() -> None:
    rules = rules_of("allocate (?P<amount>[0-9]+) .iB")
    text = "é allocate 20 GiB"
    [fit] = rules.fits(gather(Evidence(message=text)))
    [sign] = fit.signs
    assert isinstance(sign, Sign)
    assert sign.captures == {"amount": "20"}
    assert sign.span is not None
    assert text[sign.span.start : sign.span.end] == "allocate 20 GiB"


def test_an_expression_that_re2_refuses_matches_nothing() -> None:
    fits = rules_of("lens (", "no lens").fits(facts_of("no lens ("))
    assert [fit.rule.name for fit in fits] == ["t/1"]


@given(words=st.lists(st.text("abc ", min_size=3, max_size=15), max_size=30), text=st.text("abc "))
def test_words_are_found_where_they_stand(words: list[str], text: str) -> None:
    known = [word.encode() for word in dict.fromkeys(words)]
    table = WordTable(known)
    places = {
        number: sum(text.startswith(word.decode(), at) for at in range(len(text)))
        for number, word in enumerate(known)
    }
    assert table.hits(text.encode()) == {number for number, n in places.items() if n}


@given(pattern=st.text("ab*", max_size=8), name=st.text("abc", max_size=12))
def test_stars_stand_for_anything(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
    assert fits_name(pattern, name) is expected
    assert (pattern in NamePatterns([pattern]).fitting(name)) is expected


def test_many_stars_and_a_long_name_are_not_slow() -> None:
    """The pytest timeout is the clock: tried one way after the other it would take years."""
    assert not fits_name("*a" * 40 + "*b", "a" * 10_000)
