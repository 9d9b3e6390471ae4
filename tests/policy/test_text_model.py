"""The text model: guesses where no rule decides, says why, and stays silent when it is not sure."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_values import EVIDENCE
from train_text_model import captured, examples

from fnr.config.rule_files import read_text_model
from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.facts import gather
from fnr.policy.rules import Category
from fnr.policy.text_features import FEATURE_BITS, features, plain, slot, words_of
from fnr.policy.text_learning import Lesson, learn, local_weights, model_of
from fnr.policy.text_model import (
    CATEGORIES,
    FEATURES_MAX,
    DamagedModel,
    TextModel,
    dump_model,
    load_model,
    packed,
    softmax,
    wording_of,
)

TEACHING = {
    Category.TRANSIENT: ("the peer hung up", "peer hung up early", "link to the peer was lost"),
    Category.RESOURCE: ("no seats left", "seats are all taken", "out of seats for now"),
    Category.VALIDATION: ("wide is no number", "height is no number", "width has no number"),
    Category.PERMANENT: ("the key was revoked", "revoked key given", "key of the host revoked"),
}


def lesson(text: str, category: Category) -> Lesson:
    found = features(gather(Evidence(message=text)))
    return Lesson(slots=tuple(map(slot, found)), category=CATEGORIES.index(category))


def taught(*, confident_min: float = 0.4, retry_min: float = 0.4) -> TextModel:
    lessons = [lesson(text, category) for category, texts in TEACHING.items() for text in texts]
    return model_of(
        learn(lessons),
        sharpness=2.0,
        confident_min=confident_min,
        retry_min=retry_min,
        trained_on=len(lessons),
    )


MODEL = taught()


def guess(text: str, model: TextModel = MODEL) -> Category | None:
    found = model.guess(wording_of(gather(Evidence(message=text))))
    return None if found is None else found.category


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("our peer hung up", Category.TRANSIENT),
        ("all seats taken", Category.RESOURCE),
        ("'tall' is no number", Category.VALIDATION),
        ("your key is revoked", Category.PERMANENT),
    ],
)
def test_wordings_never_seen_are_named_by_their_words(text: str, category: Category) -> None:
    assert guess(text) is category


def test_words_never_seen_are_no_ground_for_a_guess() -> None:
    assert guess("zebra umbrella") is None
    assert guess("") is None


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("RuntimeError", ""),
        ("RuntimeError", "failed"),
        ("Exception", "x"),
        ("OSError", ""),
        ("", "Error: failed"),
        ("", "fatal error"),
        ("RuntimeError", "flux capacitor"),
        ("RuntimeError", "the flux capacitor failed"),
    ],
)
def test_a_failure_that_says_nothing_stays_unknown(type_: str, message: str) -> None:
    """With the model that comes with fnr, which knows that such failures are often permanent."""
    links = (ExceptionFact(type=type_, message=message),) if type_ else ()
    model = read_text_model()
    assert model is not None
    assert model.guess(wording_of(gather(Evidence(message=message, exceptions=links)))) is None


def test_a_guess_that_ends_the_task_asks_for_more_words_than_one_that_spends_an_attempt() -> None:
    """Method: the sums are sure enough in all four cases; only the number of words differs."""
    sure = taught(confident_min=0.0, retry_min=0.0)
    assert guess("hung", sure) is Category.TRANSIENT
    assert guess("revoked", sure) is None
    assert guess("revoked key", sure) is Category.PERMANENT
    assert guess("error failed", sure) is None


def test_a_guess_that_spends_an_attempt_must_be_more_than_likely() -> None:
    careful = taught(retry_min=0.999)
    assert guess("our peer hung up", careful) is None
    assert guess("all seats taken", careful) is None
    assert guess("your key is revoked", careful) is Category.PERMANENT


def test_the_words_that_weighed_are_named_the_heaviest_first() -> None:
    found = MODEL.guess(wording_of(gather(Evidence(message="your key is revoked, zebra"))))
    assert found is not None
    assert found.words[0][0].partition(":")[2] in "your key is revoked"
    shares = [share for _, share in found.words]
    assert shares == sorted(shares, reverse=True)
    assert "w:zebra" not in dict(found.words)


def test_without_the_words_it_names_the_guess_changes() -> None:
    facts = gather(Evidence(message="your key is revoked"))
    found = MODEL.guess(wording_of(facts))
    assert found is not None
    named = {word for word, _ in found.words}
    rest = [slot(feature) for feature in features(facts) if plain(feature) not in named]
    before = MODEL.probabilities([slot(feature) for feature in features(facts)])
    after = MODEL.probabilities(rest) if rest else (0.25,) * 4
    place = CATEGORIES.index(found.category)
    assert after[place] < before[place]


def test_what_varies_between_two_occurrences_is_not_looked_at() -> None:
    one = "cannot reach https://a.example:8188/x at 0x7f3a for /data/job-17/in.png after 31.5 s"
    other = "cannot reach https://b.example/y?z=1 at 0xdead for /mnt/queue/4/out.png after 7.25 s"
    assert words_of(one) == words_of(other)


def test_names_are_taken_apart() -> None:
    assert words_of("FileNotFoundError model_name HTTPError") == [
        "file", "not", "found", "error", "model", "name", "http", "error",
    ]  # fmt: skip


def test_people_read_what_weighed_without_the_marks_of_its_kind() -> None:
    given = ("w:refused", "p:connection refused", "g:unti", "t:connection", "x:Oops", "c:http:503")
    assert [plain(feature) for feature in given] == [
        "refused", "connection refused", "…unti…", "type connection", "type Oops", "code http:503",
    ]  # fmt: skip


def test_types_and_codes_count_too() -> None:
    link = ExceptionFact(type="redis.exceptions.ConnectionError", message="HTTP 503")
    found = features(gather(Evidence(message="HTTP 503", exceptions=(link,))))
    assert {"x:ConnectionError", "t:connection", "c:http:503"} <= set(found)


@given(EVIDENCE)
def test_any_evidence_has_features_that_fit_the_table(evidence: Evidence) -> None:
    found = features(gather(evidence))
    assert len(found) == len(set(found))
    assert all(0 <= slot(feature) < 1 << FEATURE_BITS for feature in found)
    chances = MODEL.probabilities([slot(feature) for feature in found[:FEATURES_MAX]])
    assert sum(chances) == pytest.approx(1)


WEIGHT = st.integers(-127, 127)


@given(st.lists(st.tuples(WEIGHT, WEIGHT, WEIGHT, WEIGHT), min_size=1, max_size=FEATURES_MAX))
def test_four_sums_in_one_addition_are_the_four_sums(
    weights: list[tuple[int, int, int, int]],
) -> None:
    model = TextModel(header=MODEL.header, table=packed(dict(enumerate(weights))))
    assert [model.weights(number) for number in range(len(weights))] == weights
    scale = MODEL.header.step / math.sqrt(len(weights))
    expected = softmax(
        [
            (sum(lane) * scale + offset) * MODEL.header.sharpness
            for lane, offset in zip(zip(*weights, strict=True), MODEL.header.offsets, strict=True)
        ]
    )
    assert model.probabilities(range(len(weights))) == pytest.approx(expected)


@pytest.mark.unmeasured
def test_a_model_survives_its_file_and_the_file_is_always_the_same() -> None:
    data = dump_model(MODEL)
    again = load_model(data)
    assert again.header == MODEL.header
    assert again.table == MODEL.table
    assert dump_model(again) == data == dump_model(taught())


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-9], lambda data: data[5:]]
)
def test_a_damaged_file_is_refused(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(DamagedModel):
        load_model(damage(dump_model(MODEL)))


@pytest.mark.unmeasured
def test_the_file_has_learnt_from_as_many_errors_as_there_are() -> None:
    """Whether its weights are theirs, `train_text_model.py --check` says in half a minute."""
    learnt_from = read_text_model().header.trained_on
    assert learnt_from == len(examples()) + len(captured()), "run: python tools/train_text_model.py"


def test_what_operators_teach_is_followed_and_the_rest_stays() -> None:
    said = "our peer hung up"
    local = local_weights([lesson(said, Category.PERMANENT)], MODEL)
    model = TextModel(header=MODEL.header, table=MODEL.table, local=local)
    assert guess(said, model) is Category.PERMANENT
    assert guess("all seats taken", model) is Category.RESOURCE
    assert guess("'tall' is no number", model) is Category.VALIDATION


def test_what_was_hidden_in_it_says_nothing_of_an_error() -> None:
    hidden = gather(Evidence(message="disk [redacted] gone"))
    assert features(hidden) == features(gather(Evidence(message="disk gone")))
