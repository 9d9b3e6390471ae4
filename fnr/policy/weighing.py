"""Weighs what a shipped rule reads in the words against all of the wording and other such rules.

Words and general signs are right six times of seven and two times of three; a text model that has
learnt from many errors is right nine times of ten, and together they are right more often still. A
code or a type that decides alone stands, and whatever an operator wrote; one that decides together
with words is weighed as they are, and so is a type that fits by a part of its name, which is read
as words are. Weights add up as logarithms of odds do. They were chosen on errors that neither rules
nor model had been taught with; see docs/decisions/0021, 0023 and 0024.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fnr.policy.facts import Facts
from fnr.policy.rule_set import Fit
from fnr.policy.rules import Category, Level
from fnr.policy.text_model import CATEGORIES, RETRIED, Guess, TextModel, softmax, wording_of

# For what the first rule says, by its level; for codes and types only where words are read too.
_FIRST = {Level.CODE: 2.0, Level.EXCEPTION: 2.0, Level.TEXT: 1.5, Level.GENERAL: 0.5}
_WITH_WORDS = (Level.CODE, Level.EXCEPTION)
# For what another of them says.
_OTHER = 0.5
# Against another attempt: a wrong one costs more than a wrong dead letter.
_RETRY = -0.5
_CHANCE_MIN = 1e-3


def outweighed(fits: Sequence[Fit], facts: Facts, model: TextModel) -> Guess | None:
    """What is likelier than what the first rule says; None when it stands."""
    rule = fits[0].rule
    if rule.operator or rule.level not in _FIRST:
        return None
    if rule.level in _WITH_WORDS and not any(sign.read for sign in fits[0].signs):
        return None
    wording = wording_of(facts)
    if not wording.slots:
        return None
    chances = model.probabilities(wording.slots)
    others = _dissenting(fits)
    sums = [
        math.log(max(chance, _CHANCE_MIN))
        + _FIRST[rule.level] * (category is rule.category)
        + _OTHER * (category in others)
        + _RETRY * (category in RETRIED)
        for category, chance in zip(CATEGORIES, chances, strict=True)
    ]
    best = max(range(len(sums)), key=sums.__getitem__)
    if CATEGORIES[best] is rule.category:
        return None
    return model.speaking_for(CATEGORIES[best], wording, confidence=softmax(sums)[best])


def _dissenting(fits: Sequence[Fit]) -> frozenset[Category]:
    """What else the rules of the first one's level say."""
    first = fits[0].rule
    peers = (fit.rule for fit in fits[1:] if fit.rule.level is first.level)
    return frozenset(rule.category for rule in peers) - {first.category}
