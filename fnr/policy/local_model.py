"""What operators taught the text model: a layer of weights of its own, above those of the package.

The model that comes with fnr stays as it is; removing the layer forgets everything at once. The
layer says in which unit its weights are, so that it still means the same above a newer model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from fnr.policy.evidence import Evidence
from fnr.policy.facts import gather
from fnr.policy.labelled import evidence_of_test
from fnr.policy.rules import Category, Rule
from fnr.policy.text_features import FEATURE_BITS, features, slot
from fnr.policy.text_learning import Lesson, local_weights
from fnr.policy.text_model import CATEGORIES, FEATURES_MAX, DamagedModel, TextModel, Weights

VERSION = 1
# Each round teaches once more what the round before has unlearnt.
ROUNDS_MAX = 10
STRENGTHS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
_WEIGHT_MAX = 1_000_000
# Layers of tables as much smaller still count.
_MORE_BITS_MAX = 2


class LocalModel(Struct, frozen=True, kw_only=True):
    """The layer; weights by slot, in units of step. learnt_from: how many errors."""

    version: int
    feature_bits: int
    step: float
    learnt_from: int
    weights: dict[int, Weights]


class Taught(Struct, frozen=True, kw_only=True):
    """What a layer does to known examples: how many were named rightly before, and are not now."""

    model: TextModel
    layer: LocalModel
    examples: int
    lost: int
    gained: int


def lesson_of(evidence: Evidence, category: Category) -> Lesson | None:
    """An error as the model sees it; None when there is nothing to see or to learn."""
    if category not in CATEGORIES:
        return None
    found = features(gather(evidence))[:FEATURES_MAX]
    if not found:
        return None
    return Lesson(slots=tuple(map(slot, found)), category=CATEGORIES.index(category))


def examples_of(rules: Sequence[Rule]) -> list[Lesson]:
    """What the rules' own tests say about wordings: the model has learnt from them."""
    found = (
        lesson_of(evidence_of_test(test), rule.category)
        for rule in rules
        for test in rule.tests
        if test.matches
    )
    return [lesson for lesson in found if lesson is not None]


def teach(lessons: Sequence[Lesson], examples: Sequence[Lesson], known: TextModel) -> Taught:
    """Learn the lessons, and as far as they allow it unlearn no example.

    Few lessons are learnt in large steps, which reach further than they must: of each attempt also
    weaker forms are tried, and the strongest that unlearns least is kept. What is still unlearnt is
    taught once more beside the lessons.
    """
    known = replace(known, local={})
    right = [example for example in examples if _is_right(known, example)]
    kept: dict[Lesson, float] = {}
    best: tuple[tuple[int, int, float], TextModel] | None = None
    for _ in range(ROUNDS_MAX):
        again = [replace(example, weight=weight) for example, weight in kept.items()]
        weights = local_weights([*lessons, *again], known) if lessons else {}
        # The others have none of these words, so that the layer changes nothing for them.
        touched = [example for example in right if not weights.keys().isdisjoint(example.slots)]
        for strength in STRENGTHS:
            model = _with_weights(known, weights, strength)
            learnt = sum(_is_right(model, lesson) for lesson in lessons)
            if best is not None and learnt < best[0][0]:
                continue
            lost_max = len(touched)
            if best is not None and learnt == best[0][0]:
                lost_max = -best[0][1]
            lost = _lost(model, touched, count_max=lost_max + 1)
            best = max(best or ((-1, 0, 0.0), known), ((learnt, -lost, strength), model), key=_rank)
        assert best is not None
        if best[0][:2] == (len(lessons), 0):
            break
        strongest = _with_weights(known, weights, 1.0)
        unlearnt = [example for example in touched if not _is_right(strongest, example)]
        kept |= {example: 2 * kept.get(example, 0.5) for example in unlearnt}
    assert best is not None
    (_, minus_lost, _), model = best
    layer = LocalModel(
        version=VERSION,
        feature_bits=FEATURE_BITS,
        step=known.header.step,
        learnt_from=len(lessons),
        weights=dict(model.local),
    )
    now_right = sum(_is_right(model, example) for example in examples)
    return Taught(
        model=model,
        layer=layer,
        examples=len(examples),
        lost=-minus_lost,
        gained=now_right - (len(right) + minus_lost),
    )


def _lost(model: TextModel, examples: Iterable[Lesson], *, count_max: int) -> int:
    """How many of them it names wrong; no more are counted than that."""
    wrong = (example for example in examples if not _is_right(model, example))
    return sum(1 for _ in islice(wrong, count_max))


def _rank(attempt: tuple[tuple[int, int, float], TextModel]) -> tuple[int, int, float]:
    return attempt[0]


def _with_weights(known: TextModel, weights: dict[int, Weights], strength: float) -> TextModel:
    return replace(
        known, local={number: _scaled(four, strength) for number, four in weights.items()}
    )


def dump_local(layer: LocalModel) -> bytes:
    """The layer as its file has it, the same bytes for the same layer."""
    weights = dict(sorted(layer.weights.items()))
    return msgspec.json.encode(replace(layer, weights=weights)) + b"\n"


def with_local(model: TextModel, data: bytes) -> TextModel:
    """The model with a layer that dump_local wrote; raises DamagedModel."""
    try:
        layer = msgspec.json.decode(data, type=LocalModel)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedModel(str(error)) from error
    more_bits = FEATURE_BITS - layer.feature_bits
    if layer.version != VERSION or not 0 <= more_bits <= _MORE_BITS_MAX:
        raise DamagedModel(
            f"version {layer.version} with {layer.feature_bits} bits of features;"
            f" wanted are {VERSION} and {FEATURE_BITS}"
        )
    # Above a newer model the same weight is another number of its units.
    scale = layer.step / model.header.step
    if not 0 < scale < _WEIGHT_MAX:
        raise DamagedModel(f"one unit of a weight cannot be worth {layer.step}")
    # In a larger table a feature stands in one of the places that end as its place of before did.
    local = {
        number | above << layer.feature_bits: _scaled(four, scale)
        for number, four in layer.weights.items()
        for above in range(1 << more_bits)
    }
    return replace(model, local=local)


def _scaled(weights: Weights, scale: float) -> Weights:
    one, two, three, four = (
        max(-_WEIGHT_MAX, min(round(weight * scale), _WEIGHT_MAX)) for weight in weights
    )
    return one, two, three, four


def _is_right(model: TextModel, lesson: Lesson) -> bool:
    return model.named(lesson.slots) is CATEGORIES[lesson.category]
