"""Table rows as values: the columns in the order of the value's fields, and back.

Rows are read by position, because a dict per row would cost more than the statement.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fnr.policy.dead_letter import DeadLetter, DeathCause, LetterState
from fnr.policy.degrade import Degradation
from fnr.policy.evidence import Evidence
from fnr.policy.incident import Incident, IncidentState, Part
from fnr.policy.record import Correction, ErrorLine, ErrorRecord, LedgerRow
from fnr.policy.rules import Category, Classification, Strategy
from fnr.policy.task import Attempt, AttemptOutcome, Task, TaskState
from fnr.policy.verdict import Action, Decision
from fnr.store.transaction import Row

TASK_NAMES = (
    "task_id", "function", "state", "priority", "due_at_ms", "created_at_ms", "state_at_ms",
    "attempts", "retries", "unknowns", "waits", "deaths", "interruptions", "replays",
    "retries_max", "timeout_ms", "expires_at_ms", "unique_key", "tags", "submitter",
    "idempotency_key", "parent_id", "owner", "waiting_for", "reason", "cancel_asked",
    "degraded",
)  # fmt: skip
TASK_WIDTH = len(TASK_NAMES)
TASK_COLUMNS = ", ".join(f"t.{name}" for name in TASK_NAMES)

ATTEMPT_NAMES = (
    "token", "task_id", "number", "worker_id", "boot_id", "pid", "pid_start", "started_at_ms",
    "outcome", "ended_at_ms", "cpu_ms", "peak_mib", "log_path", "log_from", "log_to",
)  # fmt: skip
ATTEMPT_COLUMNS = ", ".join(f"a.{name}" for name in ATTEMPT_NAMES)

# Of an error `e` and, joined from the left, its correction `c`.
ERROR_COLUMNS = (
    "e.error_id, e.task_id, e.token, e.function, e.at_ms, e.evidence, e.classification, "
    "e.incident_id, c.category, c.at_ms, c.author, c.why"
)
ERRORS_JOINED = "error e LEFT JOIN correction c ON c.error_id = e.error_id"
LINE_CHARS_MAX = 500
ERROR_LINE_COLUMNS = (
    "e.error_id, e.task_id, e.function, e.at_ms, e.category, e.rule, e.message, e.incident_id, "
    "c.category, e.exit_code, e.signal"
)

INCIDENT_NAMES = (
    "incident_id", "state", "state_at_ms", "state_by", "reason", "title", "parts", "category",
    "rule", "function", "functions", "count", "first_at_ms", "last_at_ms", "last_error_id",
    "acked_by", "snoozed_until_ms", "regressions",
)  # fmt: skip
INCIDENT_COLUMNS = ", ".join(f"n.{name}" for name in INCIDENT_NAMES)

LEDGER_NAMES = (
    "seq", "at_ms", "task_id", "token", "action", "why", "category", "strategy", "rule",
    "delay_ms", "decided_by", "error_id", "numbers",
)  # fmt: skip
LEDGER_COLUMNS = ", ".join(LEDGER_NAMES)

LETTER_NAMES = (
    "task_id", "function", "cause", "category", "reason", "died_at_ms", "state", "error_id",
    "message", "attempts", "replays", "resolved_at_ms", "resolution",
)  # fmt: skip
LETTER_COLUMNS = ", ".join(f"d.{name}" for name in LETTER_NAMES)

_TASK_STATES = {str(state): state for state in TaskState}
_INCIDENT_STATES = {str(state): state for state in IncidentState}
_parts = msgspec.json.Decoder(tuple[Part, ...])
_counts = msgspec.json.Decoder(dict[str, int])
_degraded = msgspec.json.Decoder(tuple[Degradation, ...])
_tags = msgspec.json.Decoder(dict[str, str])
_evidence = msgspec.json.Decoder(Evidence)
_classification = msgspec.json.Decoder(Classification)
_encoder = msgspec.json.Encoder()


def json_text(value: Any) -> str:
    """A value as the JSON text of a column."""
    return _encoder.encode(value).decode()


def tags_text(tags: dict[str, str]) -> str:
    """Tags as their column; most tasks have none."""
    return json_text(tags) if tags else "{}"


def degraded_text(taken: tuple[Degradation, ...]) -> str:
    """Steps down as their column; most tasks took none."""
    return json_text(taken) if taken else ""


def task_of(row: Row) -> Task:
    """A task from TASK_COLUMNS at the start of a row."""
    return Task(
        task_id=row[0],
        function=row[1],
        state=_TASK_STATES[row[2]],
        priority=row[3],
        due_at_ms=row[4],
        created_at_ms=row[5],
        state_at_ms=row[6],
        attempts=row[7],
        retries=row[8],
        unknowns=row[9],
        waits=row[10],
        deaths=row[11],
        interruptions=row[12],
        replays=row[13],
        retries_max=row[14],
        timeout_ms=row[15],
        expires_at_ms=row[16],
        unique_key=row[17],
        tags={} if row[18] == "{}" else _tags.decode(row[18]),
        submitter=row[19],
        idempotency_key=row[20],
        parent_id=row[21],
        owner=row[22],
        waiting_for=row[23],
        reason=row[24],
        cancel_asked=bool(row[25]),
        degraded=_degraded.decode(row[26]) if row[26] else (),
    )


def task_row(task: Task) -> Row:
    """A task as the values of TASK_NAMES."""
    return (
        task.task_id, task.function, task.state, task.priority, task.due_at_ms,
        task.created_at_ms, task.state_at_ms, task.attempts, task.retries, task.unknowns,
        task.waits, task.deaths, task.interruptions, task.replays, task.retries_max,
        task.timeout_ms, task.expires_at_ms, task.unique_key, tags_text(task.tags),
        task.submitter, task.idempotency_key, task.parent_id, task.owner, task.waiting_for,
        task.reason, task.cancel_asked, degraded_text(task.degraded),
    )  # fmt: skip


def attempt_of(row: Row) -> Attempt:
    """An attempt from ATTEMPT_COLUMNS."""
    fields = dict(zip(ATTEMPT_NAMES, row, strict=True))
    fields["outcome"] = AttemptOutcome(fields["outcome"])
    return Attempt(**fields)


def error_of(row: Row) -> ErrorRecord:
    """An error from ERROR_COLUMNS."""
    return ErrorRecord(
        error_id=row[0],
        task_id=row[1],
        token=row[2],
        function=row[3],
        at_ms=row[4],
        evidence=_evidence.decode(row[5]),
        classification=_classification.decode(row[6]),
        incident_id=row[7],
        correction=None if row[8] is None else correction_of(row[8:12]),
    )


def correction_of(row: Row) -> Correction:
    """A correction from category, at_ms, author and why."""
    return Correction(category=Category(row[0]), at_ms=row[1], author=row[2], why=row[3])


def error_line_of(row: Row) -> ErrorLine:
    """A line of a list from ERROR_LINE_COLUMNS."""
    named, corrected = Category(row[4]), row[8]
    category = named if corrected is None else Category(corrected)
    return ErrorLine(
        error_id=row[0],
        task_id=row[1],
        function=row[2],
        at_ms=row[3],
        category=category,
        was=None if category is named else named,
        rule=row[5],
        message=row[6][:LINE_CHARS_MAX],
        incident_id=row[7],
        exit_code=row[9],
        signal=row[10],
    )


def evidence_of(text: str) -> Evidence:
    """Evidence from its column."""
    return _evidence.decode(text)


def classification_of(text: str) -> Classification:
    """A classification from its column."""
    return _classification.decode(text)


def incident_of(row: Row) -> Incident:
    """An incident from INCIDENT_COLUMNS."""
    return Incident(
        incident_id=row[0],
        state=_INCIDENT_STATES[row[1]],
        state_at_ms=row[2],
        state_by=row[3],
        reason=row[4],
        title=row[5],
        parts=_parts.decode(row[6]),
        category=Category(row[7]),
        rule=row[8],
        function=row[9],
        functions=_counts.decode(row[10]),
        count=row[11],
        first_at_ms=row[12],
        last_at_ms=row[13],
        last_error_id=row[14],
        acked_by=row[15],
        snoozed_until_ms=row[16],
        regressions=row[17],
    )


def ledger_of(row: Row) -> LedgerRow:
    """A ledger row from LEDGER_COLUMNS."""
    return LedgerRow(
        seq=row[0],
        at_ms=row[1],
        task_id=row[2],
        token=row[3],
        decision=Decision(
            action=Action(row[4]),
            why=row[5],
            category=None if row[6] is None else Category(row[6]),
            strategy=None if row[7] is None else Strategy(row[7]),
            rule=row[8],
            delay_ms=row[9],
            decided_by=row[10],
            numbers={} if row[12] == "{}" else _counts.decode(row[12]),
        ),
        error_id=row[11],
    )


def letter_of(row: Row) -> DeadLetter:
    """A dead letter from LETTER_COLUMNS."""
    return DeadLetter(
        task_id=row[0],
        function=row[1],
        cause=DeathCause(row[2]),
        category=Category(row[3]),
        reason=row[4],
        died_at_ms=row[5],
        state=LetterState(row[6]),
        error_id=row[7],
        message=row[8],
        attempts=row[9],
        replays=row[10],
        resolved_at_ms=row[11],
        resolution=row[12],
    )


def letter_row(letter: DeadLetter) -> Row:
    """A dead letter as the values of LETTER_NAMES."""
    return tuple(getattr(letter, name) for name in LETTER_NAMES)


def letter_kind(letter: DeadLetter) -> str:
    """Under which name the tally counts a letter."""
    return f"{letter.state}/{letter.category}/{letter.cause}"


def marks(names: tuple[str, ...]) -> str:
    """One question mark per column."""
    return ", ".join("?" * len(names))
