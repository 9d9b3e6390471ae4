"""A guess from the wording alone, for errors that no rule foresaw.

A linear model: every feature of the text has one weight per category, the weights are added, and
the sums become probabilities. Weights are data (tools/train_text_model.py makes them, text_learning
learns them); four of them share one 64-bit number, so that one addition adds all four.

A guess may be wrong, so it is only given when it is likely: and a guess that would spend another
attempt (transient, resource) must be more than likely, because a wrong retry burns GPU time, while
a wrong dead letter costs one replay. It needs words that weigh, too: `RuntimeError("failed")` says
nothing that would be right or wrong, so it stays unknown and is tried once more.
"""

from __future__ import annotations

import math
import zlib
from array import array
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, field

from fnr.policy.facts import Facts
from fnr.policy.rules import Category
from fnr.policy.text_features import FEATURE_BITS, features_with_slots, plain, telling

CATEGORIES = (Category.TRANSIENT, Category.RESOURCE, Category.VALIDATION, Category.PERMANENT)
RETRIED = frozenset({Category.TRANSIENT, Category.RESOURCE})
# Four lanes of 16 bits; a weight is -127..127 and stands there plus 128, so 256 of them fit.
FEATURES_MAX = 256
WORDS_MAX = 6
# Words that speak for the category; a guess that ends the task asks for more of them.
TELLING_MIN = 1
TELLING_MIN_FINAL = 2

_LANE_BITS = 16
_LANE = (1 << _LANE_BITS) - 1
_BIAS = 128
_NEUTRAL = sum(_BIAS << (_LANE_BITS * lane) for lane in range(len(CATEGORIES)))
_MAGIC = b"fnr text model 1\n"

Weights = tuple[int, int, int, int]


class ModelHeader(Struct, frozen=True, kw_only=True):
    """What belongs to a table of weights.

    offsets:       one number per category, before any feature is seen.
    step:          what one unit of a weight is worth.
    sharpness:     from sums to probabilities, chosen so that 0.8 means right four times of five.
    confident_min: below it there is no guess.
    retry_min:     the same for a guess that spends an attempt.
    trained_on:    number of errors.
    """

    offsets: tuple[float, float, float, float]
    step: float
    sharpness: float
    confident_min: float
    retry_min: float
    trained_on: int
    feature_bits: int = FEATURE_BITS


class Guess(Struct, frozen=True, kw_only=True):
    """What the wording suggests.

    confidence: 0 to 1, calibrated.
    words:      what weighed most for it, as people read it, each with its share of the sum.
    """

    category: Category
    confidence: float
    words: tuple[tuple[str, float], ...]


class Wording(Struct, frozen=True):
    """What the model sees of an error: its features, and where the weights of each stand."""

    features: tuple[str, ...]
    slots: tuple[int, ...]


def wording_of(facts: Facts) -> Wording:
    """The features of an error that count."""
    found = features_with_slots(facts)
    return Wording(tuple(found)[:FEATURES_MAX], tuple(found.values())[:FEATURES_MAX])


class DamagedModel(ValueError):
    """The bytes are not a text model of this version."""


class TextModel(Struct, frozen=True, kw_only=True):
    """Weights, and how to read them.

    table: four weights per slot, packed.
    local: what operators taught, by slot, in units of step; it is added to the table.
    """

    header: ModelHeader
    table: array[int]
    local: Mapping[int, Weights] = field(default_factory=dict)

    def guess(self, wording: Wording) -> Guess | None:
        """The likeliest category; None when no category is likely enough."""
        if not wording.slots:
            return None
        category, chance = self.likeliest(wording.slots)
        if chance < self._needed(category) or not self._is_told(wording, category):
            return None
        return self.speaking_for(category, wording, confidence=chance)

    def speaking_for(self, category: Category, wording: Wording, *, confidence: float) -> Guess:
        """A guess, whoever made it, with the words of the error that speak for it."""
        words = self._words(wording, CATEGORIES.index(category))
        return Guess(category=category, confidence=round(confidence, 2), words=words)

    def _is_told(self, wording: Wording, category: Category) -> bool:
        """Do enough words speak for the category that are not said of any failure?"""
        shares = self._shares(wording, CATEGORIES.index(category))
        may_tell = telling(wording.features)
        told = {
            feature[2:]
            for feature, share in zip(wording.features, shares, strict=True)
            if share > 0 and feature in may_tell
        }
        return len(told) >= (TELLING_MIN if category in RETRIED else TELLING_MIN_FINAL)

    def named(self, slots: Sequence[int]) -> Category:
        """The category of a guess for an error with these features; unknown without one."""
        category, chance = self.likeliest(slots)
        return category if slots and chance >= self._needed(category) else Category.UNKNOWN

    def likeliest(self, slots: Sequence[int]) -> tuple[Category, float]:
        """The likeliest category and how likely it is, be it ever so little."""
        chances = self.probabilities(slots)
        best = max(range(len(CATEGORIES)), key=chances.__getitem__)
        return CATEGORIES[best], chances[best]

    def _needed(self, category: Category) -> float:
        return self.header.retry_min if category in RETRIED else self.header.confident_min

    def probabilities(self, slots: Sequence[int]) -> tuple[float, ...]:
        """How likely each category is, in the order of CATEGORIES."""
        table = self.table
        total = sum([table[number] for number in slots])
        count = len(slots)
        sums = [
            ((total >> (_LANE_BITS * lane)) & _LANE) - _BIAS * count
            for lane in range(len(CATEGORIES))
        ]
        for number in self.local.keys() & slots if self.local else ():
            sums = [a + b for a, b in zip(sums, self.local[number], strict=True)]
        scale = self.header.step / math.sqrt(count or 1)
        return softmax(
            [
                (value * scale + offset) * self.header.sharpness
                for value, offset in zip(sums, self.header.offsets, strict=True)
            ]
        )

    def weights(self, number: int) -> Weights:
        """The weights of a slot, local ones included."""
        packed, local = self.table[number], self.local.get(number, (0, 0, 0, 0))
        one, two, three, four = (
            ((packed >> (_LANE_BITS * lane)) & _LANE) - _BIAS + local[lane]
            for lane in range(len(CATEGORIES))
        )
        return one, two, three, four

    def _words(self, wording: Wording, category: int) -> tuple[tuple[str, float], ...]:
        others = len(CATEGORIES) - 1
        scale = self.header.step / math.sqrt(len(wording.slots)) / others
        shares = self._shares(wording, category)
        # Only what rounds to as much as the last that is shown, and to more than nothing.
        highest = sorted(shares, reverse=True)[:WORDS_MAX]
        least = max(round(highest[-1] * scale, 2) - 0.01, 0.0) / scale if highest else 0.0
        words = [
            (plain(feature), round(share * scale, 2))
            for feature, share in zip(wording.features, shares, strict=True)
            if share > least
        ]
        words.sort(key=lambda word: (-word[1], word[0]))
        return tuple(word for word in words[:WORDS_MAX] if word[1] > 0)

    def _shares(self, wording: Wording, category: int) -> list[int]:
        """How much each feature speaks for the category: its weight against those of the others.

        Against their mean, times their number: a weight that all share decides nothing.
        """
        shift, count = _LANE_BITS * category, len(CATEGORIES)
        table, local = self.table, self.local
        shares = [
            # Four lanes added up are what is left of the number when it is divided by one less.
            count * ((packed >> shift) & _LANE) - packed % _LANE
            for packed in map(table.__getitem__, wording.slots)
        ]
        if local:
            for place, number in enumerate(wording.slots):
                if number in local:
                    four = local[number]
                    shares[place] += count * four[category] - sum(four)
        return shares


def softmax(values: Sequence[float]) -> tuple[float, ...]:
    """Numbers in the order of the values that add up to 1."""
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    total = sum(powers)
    return tuple(power / total for power in powers)


def packed(weights: Mapping[int, Weights]) -> array[int]:
    """A table of weights from those that are not zero."""
    table = array("Q", [_NEUTRAL]) * (1 << FEATURE_BITS)
    for number, four in weights.items():
        table[number] = sum(
            (min(max(weight, -127), 127) + _BIAS) << (_LANE_BITS * lane)
            for lane, weight in enumerate(four)
        )
    return table


def dump_model(model: TextModel) -> bytes:
    """The model as bytes, the same bytes for the same model; local weights are not in them."""
    table = array("Q", model.table)
    if _big_endian():
        table.byteswap()
    # Differences from neutral: nearly all zero, which compresses to almost nothing.
    flat = bytes(a ^ b for a, b in zip(table.tobytes(), _neutral_bytes(len(table)), strict=True))
    return _MAGIC + msgspec.json.encode(model.header) + b"\n" + zlib.compress(flat, 9)


def load_model(data: bytes) -> TextModel:
    """Read what dump_model wrote; raises DamagedModel."""
    if not data.startswith(_MAGIC):
        raise DamagedModel("it does not begin like a text model of version 1")
    head, _, body = data[len(_MAGIC) :].partition(b"\n")
    try:
        header = msgspec.json.decode(head, type=ModelHeader)
        flat = zlib.decompress(body)
    except (msgspec.MsgspecError, zlib.error) as error:
        raise DamagedModel(str(error)) from error
    slots = 1 << FEATURE_BITS
    if header.feature_bits != FEATURE_BITS or len(flat) != 8 * slots:
        raise DamagedModel(
            f"it has {len(flat)} bytes of weights for {header.feature_bits} bits of features;"
            f" wanted are {8 * slots} and {FEATURE_BITS}"
        )
    # One exclusive-or over the whole table as one number: a loop would take 100 ms.
    mixed = int.from_bytes(flat, "little") ^ int.from_bytes(_neutral_bytes(slots), "little")
    table = array("Q")
    table.frombytes(mixed.to_bytes(8 * slots, "little"))
    if _big_endian():
        table.byteswap()
    return TextModel(header=header, table=table)


def _neutral_bytes(slots: int) -> bytes:
    return _NEUTRAL.to_bytes(8, "little") * slots


def _big_endian() -> bool:
    return array("H", [1]).tobytes() != b"\1\0"
