"""Errors whose right category is known, and how many of them are named right.

One record is one JSON object: exception_type, message, traceback (or the end of stderr), exit_code,
signal (number or name), http_status, category; other fields are ignored. Unknown counts as wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from signal import Signals

import msgspec
from msgspec import Struct, field

from fnr.policy.evidence import Code, Evidence, ExceptionFact
from fnr.policy.rules import Category, Classification

SCHEMA = "fnr.rules.eval/1"
MESSAGE_CHARS_MAX = 300
RETRIED = frozenset({Category.TRANSIENT, Category.RESOURCE})
HOPELESS = frozenset({Category.VALIDATION, Category.PERMANENT})


class LabelledError(Struct, frozen=True, kw_only=True):
    """One error and what it is; project says whose error it is, for leaving projects out."""

    category: Category
    exception_type: str | None = None
    message: str | None = None
    traceback: str | None = None
    exit_code: int | None = None
    signal: int | str | None = None
    http_status: int | str | None = None
    id: str = ""
    project: str = ""
    provenance: str = ""


class BadRecord(ValueError):
    """A line is not a labelled error; the message says why."""


class Rates(Struct, frozen=True, kw_only=True):
    """How one category fared; None where nothing was counted."""

    total: int
    precision: float | None
    recall: float | None


class Wrong(Struct, frozen=True, kw_only=True):
    """One error that was named wrong."""

    line: int
    id: str
    category: Category
    answer: Category
    rule: str
    matched: str
    exception_type: str | None
    message: str


class EvalReport(Struct, frozen=True, kw_only=True):
    """How a set of labelled errors was named.

    confusion:  right category -> answer -> how often.
    dangerous:  validation or permanent taken for transient or resource: retried in vain.
    groups:     the same for parts of the set, by provenance ("wild", "captured"), where given.
    """

    schema: str = SCHEMA
    total: int = 0
    correct: int = 0
    accuracy: float = 0.0
    unknown: int = 0
    dangerous: int = 0
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    categories: dict[str, Rates] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)


_decoder = msgspec.json.Decoder(LabelledError)


def read_record(line: bytes | str) -> LabelledError:
    """One line of a file of labelled errors; raises BadRecord."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRecord(str(error)) from error


def evidence_of(record: LabelledError) -> Evidence:
    """The record as an attempt would have left it behind; raises BadRecord for no such signal."""
    message = record.message or ""
    said = record.traceback or ""
    raised = record.exception_type
    status = record.http_status
    return Evidence(
        message=message,
        exceptions=(ExceptionFact(type=raised, message=message),) if raised else (),
        codes=(Code(family="http", value=str(status)),) if status else (),
        exit_code=record.exit_code,
        signal=_signal(record.signal),
        traceback=said if raised else "",
        stderr_tail="" if raised else said,
    )


def evaluate(
    records: Sequence[LabelledError], classify: Callable[[Evidence], Classification]
) -> EvalReport:
    """Name every record and compare; line numbers count from 1."""
    answers = [classify(evidence_of(record)) for record in records]
    pairs = [
        (record.category, answer.category) for record, answer in zip(records, answers, strict=True)
    ]
    correct = sum(right is answer for right, answer in pairs)
    return EvalReport(
        total=len(records),
        correct=correct,
        accuracy=_share(correct, len(records)) or 0.0,
        unknown=sum(answer is Category.UNKNOWN for _, answer in pairs),
        dangerous=sum(right in HOPELESS and answer in RETRIED for right, answer in pairs),
        confusion=_confusion(pairs),
        categories={category.value: _rates(category, pairs) for category in Category},
        groups=_groups(records, pairs),
        wrong=[
            _wrong(line, record, answer)
            for line, (record, answer) in enumerate(zip(records, answers, strict=True), start=1)
            if record.category is not answer.category
        ],
    )


def _signal(signal: int | str | None) -> int | None:
    if signal is None or isinstance(signal, int):
        return signal
    if signal.isdecimal():
        return int(signal)
    name = signal.upper()
    try:
        return Signals[name if name.startswith("SIG") else f"SIG{name}"].value
    except KeyError:
        raise BadRecord(f"no such signal: {signal!r}") from None


def _confusion(pairs: Sequence[tuple[Category, Category]]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for right in Category:
        row = [answer for wanted, answer in pairs if wanted is right]
        if row:
            table[right.value] = {
                answer.value: row.count(answer) for answer in Category if answer in row
            }
    return table


def _rates(category: Category, pairs: Sequence[tuple[Category, Category]]) -> Rates:
    wanted = sum(right is category for right, _ in pairs)
    given = sum(answer is category for _, answer in pairs)
    both = sum(right is category and answer is category for right, answer in pairs)
    return Rates(total=wanted, precision=_share(both, given), recall=_share(both, wanted))


def _groups(
    records: Sequence[LabelledError], pairs: Sequence[tuple[Category, Category]]
) -> dict[str, float]:
    right: dict[str, list[bool]] = {}
    for record, (wanted, answer) in zip(records, pairs, strict=True):
        if record.provenance:
            group = record.provenance.partition("-")[0]
            right.setdefault(group, []).append(wanted is answer)
    return {group: round(sum(held) / len(held), 4) for group, held in sorted(right.items())}


def _wrong(line: int, record: LabelledError, answer: Classification) -> Wrong:
    return Wrong(
        line=line,
        id=record.id,
        category=record.category,
        answer=answer.category,
        rule=answer.rule,
        matched=answer.matched,
        exception_type=record.exception_type,
        message=(record.message or "")[:MESSAGE_CHARS_MAX],
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
