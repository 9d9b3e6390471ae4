"""What the filter language can ask about tasks and letters, and how each kind of value is written.

The table is data: the parser, the store's compiler, help and completion all read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from signal import Signals

from msgspec import Struct

from fnr.policy.dead_letter import DeathCause, LetterState
from fnr.policy.incident import IncidentState
from fnr.policy.rules import Category
from fnr.policy.task import TaskState
from fnr.policy.undo import StepState


class Kind(StrEnum):
    """What a field's values are, and with that which operators make sense."""

    TEXT = "text"
    ID = "id"  # a ULID; a shorter value is a prefix
    INCIDENT = "incident"  # an incident's id; a shorter value is a prefix
    CHOICE = "choice"  # one of a few words
    NUMBER = "number"
    SIGNAL = "signal"  # a number that may be written by name: SIGSEGV, KILL
    AGE = "age"  # how long ago: age>2h
    MOMENT = "moment"  # when: at>=2026-01-31
    SINCE = "since"  # a duration back from now, or a moment; nothing older
    UNTIL = "until"  # likewise; nothing newer
    TAG = "tag"  # any tag: its name or its value


class Field(Struct, frozen=True, kw_only=True):
    """One field: its name, its kind, what it means; choices only where kind is CHOICE."""

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()


_SHARED = (
    Field(name="id", kind=Kind.ID, help="the task's id, or any beginning of it"),
    Field(name="function", kind=Kind.TEXT, help="name of the function"),
    Field(
        name="category",
        kind=Kind.CHOICE,
        help="of the last error",
        choices=tuple(map(str, Category)),
    ),
    Field(
        name="cause",
        kind=Kind.CHOICE,
        help="why the task was buried",
        choices=tuple(map(str, DeathCause)),
    ),
    Field(name="rule", kind=Kind.TEXT, help="rule that classified the last error"),
    Field(name="reason", kind=Kind.TEXT, help="why it is in its state"),
    Field(name="message", kind=Kind.TEXT, help="of the last error"),
    Field(name="priority", kind=Kind.NUMBER, help="1 to 10"),
    Field(name="attempts", kind=Kind.NUMBER, help="attempts claimed so far"),
    Field(name="retries", kind=Kind.NUMBER, help="attempts spent on transient failures"),
    Field(name="replays", kind=Kind.NUMBER, help="how often it came back from the dead letters"),
    Field(
        name="age", kind=Kind.AGE, help="time since it was submitted; of a letter, since it died"
    ),
    Field(name="at", kind=Kind.MOMENT, help="when it was submitted; of a letter, when it died"),
    Field(name="since", kind=Kind.SINCE, help="nothing older: since:2h, since:2026-01-31"),
    Field(name="until", kind=Kind.UNTIL, help="nothing newer: until:2h, until:2026-01-31"),
    Field(name="tag", kind=Kind.TAG, help="any tag of that name or value; tag.NAME asks one tag"),
    Field(name="submitter", kind=Kind.TEXT, help="who submitted it"),
    Field(name="unique", kind=Kind.TEXT, help="its unique key"),
    Field(name="exit", kind=Kind.NUMBER, help="exit code of the last error"),
    Field(name="signal", kind=Kind.SIGNAL, help="signal of the last error: 9, KILL or SIGKILL"),
)


def _table(*states: str) -> Mapping[str, Field]:
    state = Field(name="state", kind=Kind.CHOICE, help="where it is", choices=states)
    return {field.name: field for field in (*_SHARED, state)}


_INCIDENT = Field(
    name="incident", kind=Kind.INCIDENT, help="its incident's id, or any beginning of it"
)

TASK_FIELDS = _table(*TaskState)
LETTER_FIELDS = {**_table(*LetterState), "incident": _INCIDENT}
ANY_FIELDS = {**_table(*TaskState, *LetterState), "incident": _INCIDENT}

_OF_ALL = {field.name: field for field in _SHARED}
_CATEGORIES = tuple(map(str, Category))

ERROR_FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field(name="id", kind=Kind.ID, help="the error's id, or any beginning of it"),
        Field(name="task", kind=Kind.ID, help="the id of its task, or any beginning of it"),
        _INCIDENT,
        _OF_ALL["function"],
        Field(name="category", kind=Kind.CHOICE, help="as corrected by hand", choices=_CATEGORIES),
        Field(name="was", kind=Kind.CHOICE, help="as classified by fnr", choices=_CATEGORIES),
        Field(name="rule", kind=Kind.TEXT, help="rule that classified it"),
        Field(name="strategy", kind=Kind.TEXT, help="what the rule asked for"),
        Field(name="message", kind=Kind.TEXT, help="what it said"),
        Field(name="exit", kind=Kind.NUMBER, help="exit code"),
        Field(name="signal", kind=Kind.SIGNAL, help="signal: 9, KILL or SIGKILL"),
        Field(name="killed", kind=Kind.TEXT, help="why fnr ended it: timeout, hang, …"),
        Field(name="age", kind=Kind.AGE, help="time since it happened"),
        Field(name="at", kind=Kind.MOMENT, help="when it happened"),
        _OF_ALL["since"],
        _OF_ALL["until"],
    )
}
INCIDENT_FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field(name="id", kind=Kind.INCIDENT, help="the incident's id, or any beginning of it"),
        Field(
            name="state",
            kind=Kind.CHOICE,
            help="where it is",
            choices=tuple(map(str, IncidentState)),
        ),
        Field(name="function", kind=Kind.TEXT, help="of its latest error"),
        Field(name="category", kind=Kind.CHOICE, help="of its latest error", choices=_CATEGORIES),
        Field(name="rule", kind=Kind.TEXT, help="rule that classified its latest error"),
        Field(name="message", kind=Kind.TEXT, help="its title"),
        Field(name="reason", kind=Kind.TEXT, help="why it is in its state"),
        Field(name="count", kind=Kind.NUMBER, help="errors it has had"),
        Field(name="regressions", kind=Kind.NUMBER, help="how often it came back"),
        Field(name="acked", kind=Kind.TEXT, help="who has seen it"),
        Field(name="age", kind=Kind.AGE, help="time since its latest error"),
        Field(name="at", kind=Kind.MOMENT, help="when its latest error happened"),
        _OF_ALL["since"],
        _OF_ALL["until"],
    )
}
UNDO_FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field(name="id", kind=Kind.TEXT, help="the step's id; id:01JD* finds a beginning"),
        Field(name="task", kind=Kind.ID, help="the id of its task, or any beginning of it"),
        Field(
            name="state", kind=Kind.CHOICE, help="where it is", choices=tuple(map(str, StepState))
        ),
        _OF_ALL["function"],
        Field(name="kind", kind=Kind.TEXT, help="what it does: remove_file, command, …"),
        Field(name="reason", kind=Kind.TEXT, help="what came of its last try"),
        Field(name="tries", kind=Kind.NUMBER, help="how often it was tried"),
        Field(name="age", kind=Kind.AGE, help="time since it was recorded"),
        Field(name="at", kind=Kind.MOMENT, help="when it was recorded"),
        _OF_ALL["since"],
        _OF_ALL["until"],
    )
}

AGE_MS_MAX = 1_000 * 365 * 86_400_000

_UNITS_MS = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:ms|[wdhms]))+")
_DURATION_PART = re.compile(r"([0-9]+)(ms|[wdhms])")
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_number(text: str) -> int:
    """Read "3" or "-1". Raises ValueError in words for people."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a whole number")
    return int(text)


def read_signal(text: str) -> int:
    """Read a signal by number or name, with or without SIG."""
    name = text.upper()
    for signal in Signals:
        if signal.name in {name, f"SIG{name}"}:
            return int(signal)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a signal: 9, KILL or SIGKILL")
    return int(text)


def read_duration_ms(text: str) -> int:
    """Read "90s", "2h" or "1h30m"; a bare number is refused."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"'{text}' is not a duration: 90s, 5m, 2h, 1d12h")
    total_ms = sum(int(count) * _UNITS_MS[unit] for count, unit in _DURATION_PART.findall(text))
    if total_ms > AGE_MS_MAX:
        raise ValueError(f"'{text[:20]}' is longer than a thousand years")
    return total_ms


def read_moment_ms(text: str) -> int:
    """Read an ISO date or time as Unix ms; UTC unless it names an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"'{text}' is not a time: 2026-01-31, 2026-01-31T18:30 or with an offset, +02:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < _EPOCH:
        raise ValueError(f"'{text}' is before 1970")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def show_duration(duration_ms: int) -> str:
    """Write a duration so that read_duration_ms reads it back exactly."""
    parts = []
    for unit, unit_ms in _UNITS_MS.items():
        count, duration_ms = divmod(duration_ms, unit_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def show_moment(at_ms: int) -> str:
    """Write Unix ms so that read_moment_ms reads it back exactly."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
