"""Errors whose category is known: how many of them the rules name rightly.

A record has the fields exception_type, message, traceback, exit_code, signal, http_status, input
and category; the tests inside rule files are of the same kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from signal import Signals
from typing import Any

from msgspec import Struct, field

from fnr.policy.evidence import (
    TAIL_BYTES_MAX,
    TRACEBACK_CHARS_MAX,
    Code,
    Evidence,
    ExceptionFact,
    KilledBy,
    Phase,
)
from fnr.policy.named_input import with_named_input
from fnr.policy.rules import Category, Classification, RuleTest

SCHEMA = "fnr.rules.eval/1"
KEYS = (
    "exception_type", "message", "traceback", "exit_code", "signal", "http_status", "input",
    "category",
)  # fmt: skip
# A record may say more, like its origin; so alike a name is of what it was meant to be.
_LIKENESS_MIN = 0.8
SIGNAL_MAX = 64
# What a status, a code or a signal can be: int() refuses thousands of digits in words of its own.
_NUMBER = re.compile(r"-?\d{1,20}")
DANGEROUS_TRUTHS = frozenset({Category.VALIDATION, Category.PERMANENT})
DANGEROUS_ANSWERS = frozenset({Category.TRANSIENT, Category.RESOURCE})


class Measure(Struct, frozen=True, kw_only=True):
    """Of one category: how many there are, were named so, and were named so rightly.

    precision, recall: None where there is nothing to divide by.
    """

    total: int
    named: int
    correct: int
    precision: float | None
    recall: float | None


class Mistake(Struct, frozen=True, kw_only=True):
    """A record that was named wrongly."""

    line: int
    id: str
    category: str
    got: str
    rule: str
    matched: str
    message: str


class EvalReport(Struct, frozen=True, kw_only=True):
    """The answer to `fnr rules eval`.

    confusion: how often the first category was named the second.
    dangerous: validation or permanent that was taken for transient or resource.
    """

    total: int
    correct: int
    accuracy: float
    unknown: int
    dangerous: int
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    categories: dict[str, Measure] = field(default_factory=dict)
    wrong: list[Mistake] = field(default_factory=list)


class BadRecordError(ValueError):
    """A record that cannot be used; says why."""


def evidence_of(record: Mapping[str, Any]) -> Evidence:
    """The evidence that a labelled record describes; raises BadRecordError."""
    message = _words(record, "message")
    kind = _words(record, "exception_type")
    log = _words(record, "traceback")
    status = _whole(record, "http_status")
    codes = (Code(family="http", value=str(status)),) if status is not None else ()
    link = ExceptionFact(type=kind, message=message)
    evidence = Evidence(
        message=message,
        exceptions=(link,) if kind else (),
        codes=codes,
        exit_code=_whole(record, "exit_code"),
        signal=signal_number(record.get("signal")),
        traceback=log[-TRACEBACK_CHARS_MAX:] if kind else "",
        stderr_tail="" if kind else log[-TAIL_BYTES_MAX:],
    )
    given = record.get("input")
    if given is not None and not isinstance(given, dict):
        raise BadRecordError("input must be an object or null")
    return with_named_input(evidence, given) if given else evidence


def evidence_of_test(test: RuleTest) -> Evidence:
    """The evidence that an example in a rule file describes."""
    named = [code.partition(":") for code in test.codes]
    codes = [Code(family=family, value=value) for family, _, value in named]
    if test.http is not None:
        codes.append(Code(family="http", value=str(test.http)))
    link = ExceptionFact(type=test.exception, message=test.message)
    log = test.stderr or ("" if test.exception else test.traceback)
    oom = True if test.killed_by == "oom" else test.oom_killed
    evidence = Evidence(
        message=test.message,
        exceptions=(link,) if test.exception else (),
        codes=tuple(codes),
        exit_code=test.exit,
        signal=signal_number(test.signal or None),
        traceback=test.traceback if test.exception else "",
        stderr_tail=log,
        killed_by=KilledBy(test.killed_by) if test.killed_by not in {"", "oom"} else None,
        oom_killed=oom,
        stop_proven=test.stop_proven,
        phase=Phase(test.phase) if test.phase else Phase.RUN,
    )
    return with_named_input(evidence, test.input) if test.input else evidence


def label_of(record: Mapping[str, Any]) -> Category:
    """The category that a record is known to have; raises BadRecordError."""
    try:
        return Category(str(record.get("category")))
    except ValueError:
        known = ", ".join(Category)
        raise BadRecordError(f"category must be one of {known}") from None


@lru_cache(maxsize=1_000)
def meant_by(key: str) -> str:
    """The key that a name which is none was likely meant to be; "" for no such."""
    return next(iter(get_close_matches(key, KEYS, n=1, cutoff=_LIKENESS_MIN)), "")


def evaluate(
    records: Iterable[tuple[int, Mapping[str, Any]]],
    classify: Callable[[Evidence], Classification],
) -> EvalReport:
    """Name every record, given with its line, and count; raises BadRecordError."""
    confusion: dict[str, dict[str, int]] = {}
    wrong = []
    for line, record in records:
        try:
            truth, found = label_of(record), classify(evidence_of(record))
        except BadRecordError as error:
            raise BadRecordError(f"line {line}: {error}") from error
        row = confusion.setdefault(truth, {})
        row[found.category] = row.get(found.category, 0) + 1
        if found.category is not truth:
            wrong.append(_mistake(line, record, truth, found))
    counts = [(truth, got, count) for truth, row in confusion.items() for got, count in row.items()]
    total = sum(count for _, _, count in counts)
    correct = total - len(wrong)
    return EvalReport(
        total=total,
        correct=correct,
        accuracy=round(correct / total, 4) if total else 0.0,
        unknown=sum(count for _, got, count in counts if got == Category.UNKNOWN),
        dangerous=sum(
            count
            for truth, got, count in counts
            if truth in DANGEROUS_TRUTHS and got in DANGEROUS_ANSWERS
        ),
        confusion={truth.value: _sorted(confusion.get(truth, {})) for truth in Category},
        categories={category.value: _measure(category, counts) for category in Category},
        wrong=wrong,
    )


def _measure(category: Category, counts: list[tuple[str, str, int]]) -> Measure:
    total = sum(count for truth, _, count in counts if truth == category)
    named = sum(count for _, got, count in counts if got == category)
    correct = sum(count for truth, got, count in counts if truth == got == category)
    return Measure(
        total=total,
        named=named,
        correct=correct,
        precision=round(correct / named, 4) if named else None,
        recall=round(correct / total, 4) if total else None,
    )


def _mistake(
    line: int, record: Mapping[str, Any], truth: Category, found: Classification
) -> Mistake:
    return Mistake(
        line=line,
        id=str(record.get("id", "")),
        category=truth.value,
        got=found.category.value,
        rule=found.rule,
        matched=found.matched,
        message=_words(record, "message")[:300],
    )


def _sorted(row: dict[str, int]) -> dict[str, int]:
    return {category.value: row[category] for category in Category if category in row}


def _words(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRecordError(f"{key} must be text or null")
    return value


def _whole(record: Mapping[str, Any], key: str) -> int | None:
    value = record.get(key)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise BadRecordError(f"{key} must be a whole number or null")
    return value


def signal_number(value: Any) -> int | None:
    """The number of a signal given by number or name; raises BadRecordError for no such signal."""
    if value is None:
        return None
    name = str(value).upper()
    if _NUMBER.fullmatch(name):
        number = int(name)
        # Those for real time have no names.
        if isinstance(value, bool) or not 1 <= number <= SIGNAL_MAX:
            raise BadRecordError(f"there is no signal {value!r}: they are 1 to {SIGNAL_MAX}")
        return number
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in Signals.__members__:
        raise BadRecordError(f"there is no signal {value!r}")
    return Signals[name].value
