"""The filter language: what it reads, what it refuses and where, and that text and tree agree."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.filter import (
    ANY_FIELDS,
    ERROR_FIELDS,
    EVERYTHING,
    INCIDENT_FIELDS,
    LETTER_FIELDS,
    TASK_FIELDS,
    UNDO_FIELDS,
    And,
    AnyOf,
    Compare,
    Expr,
    FilterError,
    Like,
    Not,
    Or,
    Regex,
    Word,
    narrowed,
    parse,
)
from fnr.policy.filter_fields import Field, Kind

H_MS = 3_600_000

READ = [
    ("", EVERYTHING),
    ("   ", EVERYTHING),
    ("oom", Word("oom")),
    ("out of", And((Word("out"), Word("of")))),
    ('"out of memory"', Word("out of memory")),
    ("can't", Word("can't")),
    ("not found", And((Word("not"), Word("found")))),
    ("category:resource", AnyOf("category", ("resource",))),
    ("category:RESOURCE,unknown", AnyOf("category", ("resource", "unknown"))),
    ("function:render-*", Like("function", "render-*")),
    ("function:a,b,c-*", Or((AnyOf("function", ("a", "b")), Like("function", "c-*")))),
    ('function:"my *"', Like("function", "my *")),
    ("function=render-*", AnyOf("function", ("render-*",))),
    ("function!=a", Not(AnyOf("function", ("a",)))),
    ("attempts>2", Compare("attempts", ">", 2)),
    ("attempts:1,2", AnyOf("attempts", (1, 2))),
    ("exit:-1", AnyOf("exit", (-1,))),
    ("signal:SIGSEGV,kill,6", AnyOf("signal", (11, 9, 6))),
    ('message~"out of memory"', Regex("message", "out of memory")),
    ("message~'out of'", Regex("message", "out of")),
    (r"message~a\d+", Regex("message", r"a\d+")),
    (r'message~"a\d \"b\" \\."', Regex("message", r'a\d "b" \.')),
    ("message~(oom|(out)of)x", Regex("message", "(oom|(out)of)x")),
    ("(message~oom)", Regex("message", "oom")),
    ("-tag:drill", Not(AnyOf("tag", ("drill",)))),
    ("tag.gpu:a100", AnyOf("tag.gpu", ("a100",))),
    ('tag."my key":x*', Like("tag.my key", "x*")),
    ('tag:"batch=7"', AnyOf("tag", ("batch=7",))),
    ("tag.query:a=b", AnyOf("tag.query", ("a=b",))),
    ("age>2h", Compare("age", ">", 2 * H_MS)),
    ("age<=1d12h", Compare("age", "<=", 36 * H_MS)),
    ("since:2h", Compare("age", "<=", 2 * H_MS)),
    ("until:2h", Compare("age", ">=", 2 * H_MS)),
    ("since:1970-01-02", Compare("at", ">=", 24 * H_MS)),
    ("until:1970-01-01T03:00+02:00", Compare("at", "<=", H_MS)),
    ("at>1970-01-01T01:00", Compare("at", ">", H_MS)),
    ("id:01jx", Like("id", "01JX*")),
    ("id:01jxc7v1m0q2w3e4r5t6y7z8a9", AnyOf("id", ("01JXC7V1M0Q2W3E4R5T6Y7Z8A9",))),
    ("incident:1:3F9C", Like("incident", "1:3f9c*")),
    ("incident:1:9007ce3c92e3b457dcea", AnyOf("incident", ("1:9007ce3c92e3b457dcea",))),
    ("a OR b c", Or((Word("a"), And((Word("b"), Word("c")))))),
    ("(a OR b) c", And((Or((Word("a"), Word("b"))), Word("c")))),
    ("a AND b AND c", And((Word("a"), Word("b"), Word("c")))),
    ("(a b) c", And((Word("a"), Word("b"), Word("c")))),
    ("NOT a", Not(Word("a"))),
    ("NOT -a", Word("a")),
    ("-function!=a", AnyOf("function", ("a",))),
    ("-(a OR b)", Not(Or((Word("a"), Word("b"))))),
    ('"AND"', Word("AND")),
    ('"or"', Word("or")),
    ("order not found", And((Word("order"), Word("not"), Word("found")))),
    ("ANDROID", Word("ANDROID")),
]

REFUSED = [
    ("functoin:a", 1, "unknown field 'functoin', did you mean 'function'?"),
    ("a categori:x", 3, "did you mean 'category'?"),
    ("https://host", 1, "in quotes to search the message"),
    ("state:runing", 7, "did you mean 'running'?"),
    ("category:a,permanent", 10, "category is one of transient, resource"),
    ("attempts>many", 10, "'many' is not a whole number"),
    ("attempts:1*", 10, "'1*' is not a whole number"),
    ("signal:SIGNONE", 8, "'SIGNONE' is not a signal"),
    ("age>2", 5, "'2' is not a duration: 90s"),
    ("age>999999999w", 5, "longer than a thousand years"),
    ("age:2h", 1, "age needs < or >"),
    ("at=2026-01-31", 1, "at needs < or >"),
    ("at>yesterday", 4, "'yesterday' is not a time"),
    ("at>1969-12-31", 4, "before 1970"),
    ("since>2h", 1, "since takes one value"),
    ("since:2h,3h", 1, "since takes one value"),
    ("function>a", 1, "function has no order"),
    ("tag.x>1", 1, "tag.x has no order"),
    ("tag:drill,batch=7", 11, "'batch=7' is asked as tag.batch:7;"),
    ("tag!=batch=", 6, "'batch=' is asked as tag.batch:*;"),
    ("attempts~1", 1, "attempts is no text"),
    ("message~[a", 9, "not a regular expression"),
    ("function:", 10, "a value is missing here"),
    ("function:a,", 12, "a value is missing here"),
    ('message~"oom', 9, "a quote that is not closed"),
    ('"a"b', 4, "directly behind a closing quote"),
    ("(a b", 1, "'(' without ')'"),
    ("a b)", 4, "')' without '('"),
    ("()", 2, "a condition is missing here"),
    ("a OR", 5, "a condition is missing here"),
    ("a or b", 3, "'or' as an operator is written OR, as a word in quotes"),
    ("(function:a And b)", 13, "'And' as an operator is written AND"),
    ("AND a", 1, "a condition is missing here"),
    ("a -", 4, "a condition is missing here"),
    ("(" * 60 + "a", 52, "more than 50 parentheses deep"),
    ("a" * 4_001, 4_001, "4001 characters, 4000 at most"),
]


@pytest.mark.parametrize(("text", "tree"), READ, ids=[text for text, _ in READ])
def test_an_expression_means(text: str, tree: Expr) -> None:
    assert parse(text) == tree
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "column", "words"), REFUSED, ids=[text[:30] for text, _, _ in REFUSED]
)
def test_nonsense_is_refused_where_it_stands(text: str, column: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert caught.value.column == column
    assert words in str(caught.value)


@given(st.text(alphabet="()ab :state,dead\"'|&-OR ", max_size=20))
def test_what_must_hold_besides_holds_or_the_filter_is_refused(text: str) -> None:
    """Also of "a) OR (b": brackets around it make a filter of it, and another one."""
    more = narrowed(text, "state:queued", fields=TASK_FIELDS)
    try:
        found = parse(more, fields=TASK_FIELDS)
    except FilterError:
        with pytest.raises(FilterError):
            parse(text, fields=TASK_FIELDS)
        return
    parts = found.parts if isinstance(found, And) else (found,)
    assert parse("state:queued", fields=TASK_FIELDS) in parts


def test_brackets_that_would_let_others_in_stay_a_mistake() -> None:
    for text in ("state:queued) OR (state:done", "a) (b", ")", "("):
        assert narrowed(text, "state:queued", fields=TASK_FIELDS) == text
    assert narrowed("", "state:queued", fields=TASK_FIELDS) == "state:queued"
    assert narrowed("a OR b", "state:queued", fields=TASK_FIELDS) == "(a OR b) state:queued"


def test_each_noun_has_its_own_states() -> None:
    assert parse("state:open", fields=LETTER_FIELDS) == AnyOf("state", ("open",))
    assert parse("state:queued", fields=TASK_FIELDS) == AnyOf("state", ("queued",))
    with pytest.raises(FilterError):
        parse("state:open", fields=TASK_FIELDS)
    with pytest.raises(FilterError):
        parse("state:queued", fields=LETTER_FIELDS)


@pytest.mark.parametrize("text", ["tag.batch:7", "tag.batch~7", "-tag.batch:7*", "tag:batch"])
@pytest.mark.parametrize("fields", [ERROR_FIELDS, INCIDENT_FIELDS, UNDO_FIELDS])
def test_what_has_no_tags_is_not_asked_for_one(text: str, fields: Mapping[str, Field]) -> None:
    """The store found no such column, and the daemon could not answer."""
    with pytest.raises(FilterError, match="unknown field 'tag"):
        parse(text, fields=fields)


def test_what_has_no_message_is_not_searched_for_a_word() -> None:
    for text in ("exit", '"exit code"', "state:undone OR -exit"):
        with pytest.raises(FilterError, match="there is no message to search here; ask one of age"):
            parse(text, fields=UNDO_FIELDS)
    with pytest.raises(FilterError) as caught:
        parse("https://host", fields=UNDO_FIELDS)
    assert "to search the message" not in str(caught.value)


# ── the tree and its text ────────────────────────────────────────────────────

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
TEXT_FIELDS = [name for name, field in ANY_FIELDS.items() if field.kind is Kind.TEXT]
NUMBER_FIELDS = ["attempts", "retries", "priority", "exit", "signal"]
NAMES = st.one_of(
    st.sampled_from([*TEXT_FIELDS, "tag"]),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).map("tag.{}".format),
)
NUMBERS = st.integers(-(10**15) + 1, 10**15 - 1)

LEAVES: st.SearchStrategy[Expr] = st.one_of(
    st.builds(Word, TEXTS),
    st.builds(AnyOf, NAMES, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
    st.builds(
        AnyOf, st.sampled_from(NUMBER_FIELDS), st.lists(NUMBERS, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(Like, NAMES, st.builds("{}*{}".format, TEXTS, TEXTS)),
    st.builds(Regex, NAMES, st.sampled_from([r"a\d+ b", "(a|b)c", '"', r"\\", "", "x'y"])),
    st.builds(
        Compare,
        st.sampled_from(NUMBER_FIELDS),
        st.sampled_from(["<", "<=", ">", ">="]),
        NUMBERS,
    ),
    st.builds(
        Compare,
        st.sampled_from(["age", "at"]),
        st.sampled_from(["<", "<=", ">", ">="]),
        st.integers(0, 10**13),
    ),
)


def _grown(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    parts = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(
        parts.filter(lambda ps: not any(isinstance(p, And) for p in ps)).map(
            lambda ps: And(tuple(ps))
        ),
        parts.filter(lambda ps: not any(isinstance(p, Or) for p in ps)).map(
            lambda ps: Or(tuple(ps))
        ),
        inner.filter(lambda part: not isinstance(part, Not)).map(Not),
    )


TREES = st.recursive(LEAVES, _grown, max_leaves=12)


@given(TREES)
def test_a_tree_prints_as_text_that_parses_to_an_equal_tree(tree: Expr) -> None:
    assert parse(str(tree)) == tree


@given(st.text(st.sampled_from("abo*:=!<>~()\"' \\,-ANDORtag.age:2h"), max_size=40))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    """What parses also survives being printed; nothing else than FilterError comes out."""
    try:
        tree = parse(text)
    except FilterError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        assert parse(str(tree)) == tree
