"""Learn the weights of the text model from errors whose category is known.

Logistic regression with AdaGrad steps, in plain Python: a few thousand errors take a minute when
the package's model is made, and the few dozen that an operator reclassified take milliseconds.
The order in which errors are shown is shuffled by a checksum, so the same errors always give the
same weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from msgspec import Struct

from fnr.policy.text_model import (
    CATEGORIES,
    FEATURES_MAX,
    ModelHeader,
    TextModel,
    Weights,
    packed,
    softmax,
)

ROUNDS = 8
STEP_SIZE = 0.5
# Weights are kept small unless several errors agree on them.
DECAY = 1e-5
_OFFSET_STEP = 0.02
_FIRST_GRADIENT = 1e-2
_WEIGHT_MAX = 127

# How sure the model must be of what operators taught before it contradicts its own table.
_LOCAL_ROUNDS = 30
# Hundreds of lessons need fewer: nobody waits ten seconds longer for the last bit.
_LOCAL_STEPS = 3_000
_LOCAL_ROUNDS_MIN = 8

Four = list[float]


class Lesson(Struct, frozen=True, kw_only=True):
    """One error with its right category: the slots of its features, its place in CATEGORIES."""

    slots: tuple[int, ...]
    category: int
    weight: float = 1.0


class Learnt(Struct, frozen=True, kw_only=True):
    """Weights as learnt, before they are rounded to units."""

    weights: Mapping[int, Four]
    offsets: Four


def learn(
    lessons: Sequence[Lesson], *, known: TextModel | None = None, rounds: int = ROUNDS
) -> Learnt:
    """Weights that name the lessons right; with a known model, what must be added to it."""
    weights: dict[int, Four] = {}
    gradients: dict[int, float] = {}
    offsets = [0.0] * len(CATEGORIES) if known is None else list(known.header.offsets)
    order = range(len(lessons))
    said = [_said(known, lesson.slots[:FEATURES_MAX]) for lesson in lessons]
    for turn in range(rounds):
        for place in sorted(order, key=lambda number: crc32(f"{turn} {number}".encode())):
            lesson = lessons[place]
            slots = lesson.slots[:FEATURES_MAX]
            if not slots:
                continue
            scale = 1 / math.sqrt(len(slots))
            sums = _sums(slots, weights, said[place])
            chances = softmax([a * scale + b for a, b in zip(sums, offsets, strict=True)])
            wrong = [lesson.weight * chance for chance in chances]
            wrong[lesson.category] -= lesson.weight
            if known is None:
                offsets = [a - _OFFSET_STEP * b for a, b in zip(offsets, wrong, strict=True)]
            _step(slots, [scale * value for value in wrong], weights, gradients)
    return Learnt(weights=weights, offsets=offsets)


def model_of(
    learnt: Learnt,
    *,
    sharpness: float,
    confident_min: float,
    retry_min: float,
    trained_on: int,
) -> TextModel:
    """Round learnt weights to units and pack them."""
    highest = max((abs(value) for four in learnt.weights.values() for value in four), default=1.0)
    step = highest / _WEIGHT_MAX or 1.0
    one, two, three, four = learnt.offsets
    header = ModelHeader(
        offsets=(one, two, three, four),
        step=step,
        sharpness=sharpness,
        confident_min=confident_min,
        retry_min=retry_min,
        trained_on=trained_on,
    )
    return TextModel(header=header, table=packed(in_units(learnt, step)))


def local_weights(lessons: Sequence[Lesson], known: TextModel) -> dict[int, Weights]:
    """What must be added to a model so that it follows the lessons."""
    rounds = min(_LOCAL_ROUNDS, _LOCAL_STEPS // max(1, len(lessons)))
    learnt = learn(lessons, known=known, rounds=max(_LOCAL_ROUNDS_MIN, rounds))
    return in_units(learnt, known.header.step)


def in_units(learnt: Learnt, step: float) -> dict[int, Weights]:
    """Whole multiples of step, those that are not zero."""
    found = {}
    for number, values in learnt.weights.items():
        one, two, three, four = (round(value / step) for value in values)
        if one or two or three or four:
            found[number] = (one, two, three, four)
    return found


def _said(known: TextModel | None, slots: Iterable[int]) -> Four:
    """What a known model adds up to."""
    sums = [0.0] * len(CATEGORIES)
    if known is not None:
        for number in slots:
            four = known.weights(number)
            sums = [a + known.header.step * b for a, b in zip(sums, four, strict=True)]
    return sums


def _sums(slots: Iterable[int], weights: Mapping[int, Four], said: Four) -> Four:
    one, two, three, four = said
    for number in slots:
        if (found := weights.get(number)) is not None:
            one += found[0]
            two += found[1]
            three += found[2]
            four += found[3]
    return [one, two, three, four]


def _step(
    slots: Iterable[int],
    wrong: Sequence[float],
    weights: dict[int, Four],
    gradients: dict[int, float],
) -> None:
    size = sum(value * value for value in wrong)
    one, two, three, four = wrong
    for number in slots:
        found = weights.get(number)
        if found is None:
            found = weights[number] = [0.0] * len(CATEGORIES)
            gradients[number] = _FIRST_GRADIENT
        gradients[number] += size
        rate = STEP_SIZE / math.sqrt(gradients[number])
        found[0] -= rate * (one + DECAY * found[0])
        found[1] -= rate * (two + DECAY * found[1])
        found[2] -= rate * (three + DECAY * found[2])
        found[3] -= rate * (four + DECAY * found[3])
