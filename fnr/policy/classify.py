"""Name what went wrong, from what the dead attempt left behind.

Classification answers one question only: would the same attempt pass if it ran again, and what
would have to change first? How often to try and how long to wait are verdict's questions.

Our own kills and kernel facts come first, whoever wrote the rule; then the operator's rules, then
the packs: machine codes, exception types, words, and last the signs that many causes share. Within
a level the rule with more conditions wins, then the higher priority, then the nearer match, then
the name, so that the order of files and rules does not matter. A shipped rule that decides by words
or general signs, alone or beside a code or a type, may be outweighed by all of the wording (see
weighing). Where no rule holds, the wording may resemble what is known; where it does not, the
failure is unknown.

Exception chains are read from the outside in: who writes `raise BadOrder() from error` has said
what the error means here, and a wrapper that says nothing (RuntimeError) matches no rule, so that
the next link speaks.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from fnr.policy.comparison import Sign, span_of
from fnr.policy.evidence import OUR_WORDS, UNREAD_MESSAGE, Evidence, Phase, only_exited
from fnr.policy.facts import FAR, Facts, gather
from fnr.policy.rule_set import Fit, RuleSet
from fnr.policy.rules import STRATEGY_OF, Category, Classification, Level, Rule, RunnerUp
from fnr.policy.text_model import Guess, TextModel, wording_of
from fnr.policy.weighing import outweighed

RUNNERS_UP_MAX = 5
UNMATCHED = "unmatched"

# How often a decision of this level was right on labelled errors, roughly.
_CONFIDENCE = {
    Level.LEDGER: 1.0,
    Level.CODE: 0.9,
    Level.EXCEPTION: 0.9,
    Level.TEXT: 0.8,
    Level.GENERAL: 0.5,
}
# Words further back in a log may belong to something else.
_FAR_DISCOUNT = 0.2


def classify(
    evidence: Evidence,
    rules: RuleSet,
    model: TextModel | None = None,
    *,
    function: str = "",
    service: str = "",
) -> Classification:
    """Name the failure. Total: any evidence, even none, gets a category and says why."""
    return classify_facts(gather(evidence, function=function, service=service), rules, model)


def classify_facts(facts: Facts, rules: RuleSet, model: TextModel | None = None) -> Classification:
    """The same for evidence that is in the form that rules ask about."""
    importing = facts.evidence.phase is Phase.IMPORT
    fits = rules.fits(facts, count_max=None if importing else RUNNERS_UP_MAX + 1)
    if importing:
        # Nobody has looked at the task's input yet, whatever the words resemble.
        fits = [fit for fit in fits if fit.rule.operator or not _blames_input(fit.rule)]
    guess = None
    if model is not None and somebody_spoke(facts.evidence):
        guess = outweighed(fits, facts, model) if fits else model.guess(wording_of(facts))
    if guess is not None and not (importing and _blames_input(guess)):
        return _guessed(guess, fits, facts)
    if fits:
        return _named(fits, facts)
    missing = facts.evidence.missing
    return Classification(
        category=Category.UNKNOWN,
        strategy=STRATEGY_OF[Category.UNKNOWN],
        rule=UNMATCHED,
        level=Level.NOTHING,
        matched="no rule fits",
        confidence=0.0,
        missing=missing,
        hint=f"Not known: {'; '.join(missing)}." if missing else "",
    )


def _blames_input(named: Rule | Guess) -> bool:
    return named.category is Category.VALIDATION


def _guessed(guess: Guess, fits: Sequence[Fit], facts: Facts) -> Classification:
    return Classification(
        category=guess.category,
        strategy=STRATEGY_OF[guess.category],
        rule="text-model",
        level=Level.MODEL,
        matched="wording: " + ", ".join(word for word, _ in guess.words),
        confidence=guess.confidence,
        runners_up=tuple(map(_runner_up, fits[:RUNNERS_UP_MAX])),
        missing=facts.evidence.missing,
        words=guess.words,
        # What the rule knows of the state of the process holds whatever the error is called.
        recycle_worker=bool(fits) and fits[0].rule.recycle_worker,
    )


def somebody_spoke(evidence: Evidence) -> bool:
    """Of a worker or a command that ended without a word all words are fnr's own, and resemble
    nothing; of an exception whose message could not be read only its name is known. A worker that
    was killed by SIGKILL knew nothing of it: what it had printed was of other things."""
    if evidence.worker_died and evidence.signal == signal.SIGKILL:
        return False
    if any(what.startswith(UNREAD_MESSAGE) for what in evidence.missing):
        return any(link.message for link in evidence.exceptions)
    if evidence.stderr_tail.strip() or evidence.stdout_tail.strip():
        return True
    if evidence.exceptions:
        return not only_exited(evidence)
    return not evidence.worker_died and OUR_WORDS.fullmatch(evidence.message) is None


def _named(fits: Sequence[Fit], facts: Facts) -> Classification:
    best = fits[0]
    rule = best.rule
    far = any(sign.place == FAR for sign in best.signs)
    captures: dict[str, str] = {}
    for sign in reversed(best.signs):
        captures |= sign.captures
    return Classification(
        category=rule.category,
        strategy=rule.strategy or STRATEGY_OF[rule.category],
        rule=rule.name,
        level=rule.level,
        matched=_matched(best.signs),
        confidence=round(_CONFIDENCE[rule.level] - far * _FAR_DISCOUNT, 2),
        where=rule.where,
        spans=tuple(span for sign in best.signs if (span := span_of(sign, facts)) is not None),
        captures=captures,
        runners_up=tuple(map(_runner_up, fits[1 : RUNNERS_UP_MAX + 1])),
        missing=facts.evidence.missing,
        max_retries=rule.max_retries,
        wait_for=rule.wait_for,
        delay_ms=rule.delay_ms,
        wait_ms=rule.wait_ms,
        severity=rule.severity,
        trip=rule.trip,
        recycle_worker=rule.recycle_worker,
        hint=rule.hint,
        runbook=rule.runbook,
        fingerprint=rule.fingerprint,
    )


def _runner_up(fit: Fit) -> RunnerUp:
    rule = fit.rule
    return RunnerUp(
        rule=rule.name, category=rule.category, level=rule.level, matched=_matched(fit.signs)
    )


def _matched(signs: Sequence[Sign]) -> str:
    return " and ".join(sign.words for sign in signs)
