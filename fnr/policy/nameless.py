"""Which past errors ask for a rule of their own, and the words that such a rule would look for."""

from __future__ import annotations

from fnr.policy.classify import classify_facts
from fnr.policy.evidence import OUR_WORDS, Evidence
from fnr.policy.facts import Facts, gather
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Category, Level
from fnr.policy.suggest import NamelessError
from fnr.policy.text_features import features, slot
from fnr.policy.text_model import FEATURES_MAX, TextModel


def nameless(
    error_id: str,
    function: str,
    evidence: Evidence,
    *,
    said: Category | None,
    rules: RuleSet,
    model: TextModel | None,
    service: str = "",
) -> NamelessError | None:
    """The error as `suggest` wants it; None when the rules of today name it, and rightly.

    Where the wording outweighs a rule that is right, a rule of one's own is what helps.
    """
    facts = gather(evidence, function=function, service=service)
    found = classify_facts(facts, rules)
    if said is None:
        if found.level is not Level.NOTHING:
            return None
    elif {found.category, classify_facts(facts, rules, model).category} == {said}:
        return None
    guess, confidence = _guess(facts, model)
    exception, message = _told(evidence)
    return NamelessError(
        error_id=error_id,
        function=function,
        message=message,
        exception=exception,
        exit_code=evidence.exit_code,
        category=said,
        guess=guess,
        confidence=confidence,
    )


def _guess(facts: Facts, model: TextModel | None) -> tuple[Category | None, float]:
    """What the wording resembles most, be it ever so little: a person looks at it."""
    slots = [slot(feature) for feature in features(facts)[:FEATURES_MAX]]
    if model is None or not slots:
        return None, 0.0
    category, chance = model.likeliest(slots)
    return category, round(chance, 2)


def _told(evidence: Evidence) -> tuple[str, str]:
    """The outermost exception that says something, else the program's own last words."""
    for link in evidence.exceptions:
        if link.message.strip():
            return link.type, link.message
    if evidence.exceptions:
        return evidence.exceptions[0].type, evidence.message
    # Of a worker that died the whole message is fnr's own.
    return "", "" if evidence.worker_died else OUR_WORDS.sub("", evidence.message, count=1)
