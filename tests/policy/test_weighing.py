"""Rules in doubt: what the wording outweighs, what stands whatever it says, and what is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.facts import gather
from fnr.policy.nameless import nameless
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Level, Rule, Strategy
from fnr.policy.text_features import features, slot
from fnr.policy.text_learning import Lesson, learn, model_of
from fnr.policy.text_model import CATEGORIES, ModelHeader, TextModel, packed

T, R, V, P = Category.TRANSIENT, Category.RESOURCE, Category.VALIDATION, Category.PERMANENT

TEACHING = {
    T: ("the peer hung up", "peer hung up early", "link to the peer was lost"),
    R: ("no seats left", "seats are all taken", "out of seats for now"),
    V: ("wide is no number", "height is no number", "width has no number"),
    P: ("the key was revoked", "revoked key given", "key of the host revoked"),
}
LESSONS = [
    Lesson(
        slots=tuple(map(slot, features(gather(Evidence(message=text))))),
        category=CATEGORIES.index(category),
    )
    for category, texts in TEACHING.items()
    for text in texts
]
MODEL = model_of(
    learn(LESSONS), sharpness=6.0, confident_min=0.4, retry_min=0.4, trained_on=len(LESSONS)
)
REVOKED = Evidence(message="the key of the peer was revoked")


def by_words(category: Category, text: str, *, level: Level = Level.TEXT, name: str = "a") -> Rule:
    return Rule(name=f"{name}/{category}", category=category, level=level, text=(text,))


def named(*rules: Rule, evidence: Evidence = REVOKED) -> Category:
    return classify(evidence, RuleSet(rules), MODEL).category


def test_a_general_sign_is_outweighed_by_a_wording_that_is_known() -> None:
    found = classify(REVOKED, RuleSet([by_words(T, "peer", level=Level.GENERAL)]), MODEL)
    assert (found.category, found.level) == (P, Level.MODEL)
    assert found.strategy is Strategy.DEAD_LETTER
    assert [(one.rule, one.category) for one in found.runners_up] == [("a/transient", T)]
    assert {word for word, _ in found.words} & {"revoked", "key", "was revoked"}


def test_a_general_sign_stands_where_the_wording_is_not_known() -> None:
    rule = by_words(T, "umbrella", level=Level.GENERAL)
    assert named(rule, evidence=Evidence(message="zebra umbrella")) is T


def leaning(towards: int, *, by: float) -> TextModel:
    """A model that knows no words, and one category likelier than the others."""
    offsets = [0.0] * len(CATEGORIES)
    offsets[towards] = by
    one, two, three, four = offsets
    header = ModelHeader(
        offsets=(one, two, three, four),
        step=1.0,
        sharpness=1.0,
        confident_min=0.4,
        retry_min=0.4,
        trained_on=1,
    )
    return TextModel(header=header, table=packed({}))


def test_what_the_words_of_a_rule_say_weighs_more_than_a_general_sign() -> None:
    likelier = leaning(CATEGORIES.index(P), by=1.5)
    for level, category in ((Level.TEXT, V), (Level.GENERAL, P)):
        rules = RuleSet([by_words(V, "peer", level=level)])
        assert classify(REVOKED, rules, likelier).category is category


def test_the_words_of_a_rule_are_outweighed_only_by_a_wording_that_is_sure() -> None:
    rules = RuleSet([by_words(V, "peer")])
    found = {
        by: classify(REVOKED, rules, leaning(CATEGORIES.index(P), by=by)).category
        for by in (0.0, 0.8, 3.0)
    }
    assert found == {0.0: V, 0.8: V, 3.0: P}


def test_the_words_of_another_rule_weigh_too() -> None:
    likelier = leaning(CATEGORIES.index(P), by=1.5)
    first, other = by_words(V, "peer"), by_words(P, "key", name="b")
    assert classify(REVOKED, RuleSet([first, other]), likelier).category is P
    of_less = by_words(P, "key", name="b", level=Level.GENERAL)
    assert classify(REVOKED, RuleSet([first, of_less]), likelier).category is V


@pytest.mark.parametrize("level", [Level.TEXT, Level.GENERAL])
def test_what_an_operator_wrote_stands(level: Level) -> None:
    own = replace(by_words(T, "peer", level=level), operator=True)
    assert named(own, by_words(P, "key", level=level, name="b")) is T


def test_our_own_ledger_stands() -> None:
    ours = by_words(T, "peer", level=Level.LEDGER)
    assert named(ours, by_words(P, "key", level=Level.LEDGER, name="b")) is T


KEY_GONE = Evidence(
    message="the key of the peer was revoked",
    exit_code=75,
    exceptions=(ExceptionFact(type="PeerError", message="the key of the peer was revoked"),),
)
ALONE = [
    Rule(name="a/code", category=T, level=Level.CODE, codes=("exit:75",)),
    Rule(name="a/type", category=T, level=Level.EXCEPTION, exceptions=("PeerError",)),
]


@pytest.mark.parametrize("rule", ALONE, ids=["code", "type"])
def test_a_code_or_type_stands_alone_and_is_weighed_where_words_decide_too(rule: Rule) -> None:
    sure = leaning(CATEGORIES.index(P), by=5.0)
    assert classify(KEY_GONE, RuleSet([rule]), sure).category is T
    with_words = replace(rule, text=("peer",))
    assert classify(KEY_GONE, RuleSet([with_words]), sure).category is P
    likelier = leaning(CATEGORIES.index(P), by=1.2)
    assert classify(KEY_GONE, RuleSet([with_words]), likelier).category is T


def test_a_type_that_fits_by_a_part_of_its_name_is_weighed_as_words_are() -> None:
    by_name = RuleSet([Rule(name="a", category=T, level=Level.EXCEPTION, exceptions=("Peer*",))])
    for by, category in ((1.2, T), (5.0, P)):
        likelier = leaning(CATEGORIES.index(P), by=by)
        assert classify(KEY_GONE, by_name, likelier).category is category


def test_whether_it_is_waited_for_or_tried_again_the_wording_may_tell_too() -> None:
    peer_lost = Evidence(message="link to the peer was lost")
    assert named(by_words(R, "peer", level=Level.GENERAL), evidence=peer_lost) is T


def test_a_worker_that_a_rule_does_not_trust_any_more_is_recycled_whatever_the_wording_says() -> (
    None
):
    rule = replace(by_words(T, "peer"), recycle_worker=True)
    found = classify(REVOKED, RuleSet([rule]), MODEL)
    assert (found.category, found.recycle_worker) == (P, True)


def test_of_equal_chances_the_one_that_spends_no_attempt_is_taken() -> None:
    even = replace(
        MODEL,
        table=packed({}),
        local={},
        header=replace(MODEL.header, offsets=(2.0, 0.0, 0.0, 2.0)),
    )
    assert even.probabilities([1])[0] == even.probabilities([1])[3]
    rules = RuleSet([by_words(V, "peer", level=Level.GENERAL)])
    assert classify(REVOKED, rules, even).category is P


def test_without_a_model_the_rule_decides() -> None:
    rule = by_words(T, "peer", level=Level.GENERAL)
    assert classify(REVOKED, RuleSet([rule])).category is T


def test_a_right_rule_that_was_outweighed_asks_for_a_rule_of_ones_own() -> None:
    def asked(said: Category, rule: Rule) -> bool:
        rules = RuleSet([rule])
        found = nameless("E1", "render", REVOKED, said=said, rules=rules, model=MODEL)
        return found is not None

    general = by_words(T, "peer", level=Level.GENERAL)
    assert asked(T, general)
    assert asked(P, general)
    assert not asked(T, by_words(T, "peer", level=Level.LEDGER))


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(message="the worker ended with exit code 5", exit_code=5, worker_died=True),
        Evidence(message="exit code 5", exit_code=5),
    ],
)
def test_what_fnr_says_of_an_end_is_no_wording_for_a_rule(evidence: Evidence) -> None:
    found = nameless("E1", "render", evidence, said=None, rules=RuleSet(()), model=None)
    assert found is not None
    assert (found.message, found.exit_code) == ("", 5)
