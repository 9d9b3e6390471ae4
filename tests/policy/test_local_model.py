"""What operators teach stays beside the model, and unlearns nothing that it knew."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fnr.policy.evidence import Evidence
from fnr.policy.local_model import dump_local, examples_of, lesson_of, teach, with_local
from fnr.policy.rules import Category, Level, Rule, RuleTest
from fnr.policy.text_features import slot
from fnr.policy.text_learning import Lesson, learn, model_of
from fnr.policy.text_model import CATEGORIES, DamagedModel, TextModel

KNOWN = {
    "connection refused by the upstream": Category.TRANSIENT,
    "connection reset by the peer": Category.TRANSIENT,
    "no space left on the device": Category.RESOURCE,
    "out of memory on the device": Category.RESOURCE,
    "invalid value for the field width": Category.VALIDATION,
    "missing field height in the request": Category.VALIDATION,
    "module not found in the image": Category.PERMANENT,
    "permission denied for the folder": Category.PERMANENT,
}


def lesson(message: str, category: Category) -> Lesson:
    """An error with these words, and what it is."""
    found = lesson_of(Evidence(message=message), category)
    assert found is not None
    return found


EXAMPLES = [lesson(message, category) for message, category in KNOWN.items()]


@pytest.fixture(scope="module")
def model() -> TextModel:
    """A model that knows the examples and nothing else."""
    return model_of(
        learn(EXAMPLES * 5), sharpness=1.0, confident_min=0.5, retry_min=0.5, trained_on=8
    )


def named(model: TextModel, one: Lesson) -> Category:
    """What the model says."""
    return model.named(one.slots)


def test_a_lesson_is_learnt_and_no_example_is_lost(model: TextModel) -> None:
    new = lesson("frobnicator drum wobbles", Category.RESOURCE)
    taught = teach([new], EXAMPLES, model)
    assert named(taught.model, new) is Category.RESOURCE
    assert (taught.examples, taught.lost, taught.layer.learnt_from) == (8, 0, 1)
    assert all(named(taught.model, one) is CATEGORIES[one.category] for one in EXAMPLES)


def test_a_lesson_near_an_example_leaves_the_example_what_it_was(model: TextModel) -> None:
    near = lesson("connection refused by the licence office", Category.PERMANENT)
    taught = teach([near], EXAMPLES, model)
    assert named(taught.model, near) is Category.PERMANENT
    assert taught.lost == 0


def test_the_same_lessons_make_the_same_file(model: TextModel) -> None:
    lessons = [lesson("drum wobbles", Category.RESOURCE), lesson("needle", Category.PERMANENT)]
    one, other = (dump_local(teach(lessons, EXAMPLES, model).layer) for _ in range(2))
    assert one == other
    assert with_local(model, one).local == teach(lessons, EXAMPLES, model).model.local


def test_teaching_starts_from_the_package_and_not_from_what_was_taught_before(
    model: TextModel,
) -> None:
    new = lesson("frobnicator drum wobbles", Category.RESOURCE)
    before = teach([lesson("needle sleeps", Category.PERMANENT)], EXAMPLES, model).model
    assert teach([new], EXAMPLES, before).layer == teach([new], EXAMPLES, model).layer


def test_a_layer_means_the_same_above_a_model_with_another_unit(model: TextModel) -> None:
    data = dump_local(teach([lesson("drum wobbles", Category.RESOURCE)], EXAMPLES, model).layer)
    halved = replace(model, header=replace(model.header, step=model.header.step / 2))
    here, there = with_local(model, data).local, with_local(halved, data).local
    assert here
    assert {slot: tuple(2 * w for w in four) for slot, four in here.items()} == there


def test_a_layer_above_a_smaller_table_means_the_same_above_a_larger_one(model: TextModel) -> None:
    data = b'{"version":1,"feature_bits":18,"step":%f,"learnt_from":1,"weights":{"%d":[9,0,0,0]}}'
    place = slot("w:drum") & ((1 << 18) - 1)
    taught = with_local(model, data % (model.header.step, place))
    assert taught.weights(slot("w:drum"))[0] == model.weights(slot("w:drum"))[0] + 9
    assert set(taught.local) == {place, place + (1 << 18)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[" * 5_000,
        b"{}",
        b'{"version":2,"feature_bits":17,"step":1.0,"learnt_from":1,"weights":{}}',
        b'{"version":1,"feature_bits":9,"step":1.0,"learnt_from":1,"weights":{}}',
        b'{"version":1,"feature_bits":17,"step":0.0,"learnt_from":1,"weights":{}}',
        b'{"version":1,"feature_bits":17,"step":1e300,"learnt_from":1,"weights":{}}',
        b'{"version":1,"feature_bits":17,"step":1.0,"learnt_from":1,"weights":{"1":[1,2]}}',
    ],
)
def test_a_damaged_layer_is_refused(model: TextModel, data: bytes) -> None:
    with pytest.raises(DamagedModel):
        with_local(model, data)


def test_what_says_nothing_teaches_nothing() -> None:
    assert lesson_of(Evidence(), Category.TRANSIENT) is None
    assert lesson_of(Evidence(message="drum wobbles"), Category.UNKNOWN) is None


def test_examples_are_the_tests_that_must_match() -> None:
    rule = Rule(
        name="p/r",
        category=Category.RESOURCE,
        level=Level.TEXT,
        text=("drum",),
        tests=(RuleTest(message="drum wobbles"), RuleTest(message="needle", matches=False)),
    )
    assert examples_of([rule]) == [lesson("drum wobbles", Category.RESOURCE)]
