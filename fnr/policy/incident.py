"""An incident: all errors with one fingerprint, and the moves of its state.

Errors move an incident by arriving, time moves it by passing, people move it by hand. Every move
is made here, on values; LEGAL_INCIDENT_MOVES is compared with docs/states.md by a test.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from fnr.policy.rules import Category

# After a day of errors nobody calls it new any more.
NEW_MS = 24 * 3_600_000
FUNCTIONS_MAX = 100


class IncidentState(StrEnum):
    """Where an incident is."""

    NEW = "new"
    ONGOING = "ongoing"
    REGRESSED = "regressed"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


# What asks for somebody's attention.
OPEN_STATES = (IncidentState.NEW, IncidentState.REGRESSED, IncidentState.ONGOING)

# (from, to) -> what makes the move. The first error of a fingerprint makes an incident NEW.
LEGAL_INCIDENT_MOVES: dict[tuple[IncidentState, IncidentState], str] = {
    (IncidentState.NEW, IncidentState.ONGOING): "acknowledged, or still failing after a day",
    (IncidentState.NEW, IncidentState.SNOOZED): "snoozed",
    (IncidentState.NEW, IncidentState.RESOLVED): "recovered and quiet, or by hand",
    (IncidentState.ONGOING, IncidentState.SNOOZED): "snoozed",
    (IncidentState.ONGOING, IncidentState.RESOLVED): "recovered and quiet, or by hand",
    (IncidentState.SNOOZED, IncidentState.ONGOING): "the snooze is over, or acknowledged",
    (IncidentState.SNOOZED, IncidentState.RESOLVED): "recovered and quiet, or by hand",
    (IncidentState.RESOLVED, IncidentState.REGRESSED): "failed again",
    (IncidentState.REGRESSED, IncidentState.ONGOING): "acknowledged, or still failing after a day",
    (IncidentState.REGRESSED, IncidentState.SNOOZED): "snoozed",
    (IncidentState.REGRESSED, IncidentState.RESOLVED): "recovered and quiet, or by hand",
}


Part = tuple[str, str]


class Fingerprint(Struct, frozen=True, kw_only=True):
    """The key of an incident, a title for people, and the parts that make the key, in order."""

    key: str
    title: str
    parts: tuple[Part, ...]


class Incident(Struct, frozen=True, kw_only=True):
    """One incident.

    incident_id: the fingerprint's key. parts: what the key is made of.
    category, rule, function: of the latest error. functions: how many errors each has had.
    count:       errors ever, those that retention has removed included.
    state_by, reason: who made the last move, and why; fnr's own moves are by "fnr".
    acked_by:    who has seen it; cleared when it regresses.
    """

    incident_id: str
    title: str
    category: Category
    rule: str
    function: str
    first_at_ms: int
    last_at_ms: int
    last_error_id: str
    parts: tuple[Part, ...] = ()
    state: IncidentState = IncidentState.NEW
    count: int = 1
    functions: dict[str, int] = field(default_factory=dict)
    state_at_ms: int = 0
    state_by: str = "fnr"
    reason: str = ""
    acked_by: str = ""
    snoozed_until_ms: int | None = None
    regressions: int = 0


class Move(Struct, frozen=True, kw_only=True):
    """One move of an incident, as it is remembered."""

    at_ms: int
    before: IncidentState
    after: IncidentState
    by: str
    why: str


class Seen(Struct, frozen=True, kw_only=True):
    """What an incident has to know of an error.

    live: it has happened just now; one from an imported file may be older than what is known.
    """

    error_id: str
    at_ms: int
    function: str
    category: Category
    rule: str
    live: bool = False


def opened(found: Fingerprint, seen: Seen) -> Incident:
    """The first error of a fingerprint."""
    return Incident(
        incident_id=found.key,
        title=found.title,
        parts=found.parts,
        category=seen.category,
        rule=seen.rule,
        function=seen.function,
        first_at_ms=seen.at_ms,
        last_at_ms=seen.at_ms,
        last_error_id=seen.error_id,
        functions={seen.function: 1},
        state_at_ms=seen.at_ms,
    )


def joined(incident: Incident, seen: Seen) -> Incident:
    """One more error; an incident that was resolved before it is open again."""
    functions = incident.functions
    if seen.function in functions or len(functions) < FUNCTIONS_MAX:
        functions = functions | {seen.function: functions.get(seen.function, 0) + 1}
    # What is live comes last whatever the clock says, which somebody may have set back.
    latest = seen.live or seen.at_ms >= incident.last_at_ms
    after = replace(
        incident,
        count=incident.count + 1,
        functions=functions,
        first_at_ms=min(incident.first_at_ms, seen.at_ms),
        last_at_ms=max(incident.last_at_ms, seen.at_ms),
        last_error_id=seen.error_id if latest else incident.last_error_id,
        category=seen.category if latest else incident.category,
        rule=seen.rule if latest else incident.rule,
        function=seen.function if latest else incident.function,
    )
    again = seen.live or seen.at_ms > after.state_at_ms
    if after.state is IncidentState.RESOLVED and again:
        why = f"failed again: error {seen.error_id}"
        return _moved(after, IncidentState.REGRESSED, by="fnr", why=why, now_ms=seen.at_ms)
    if is_awake(after, now_ms=seen.at_ms):
        return aged(after, now_ms=seen.at_ms)
    return after


def is_awake(incident: Incident, *, now_ms: int) -> bool:
    """Its snooze is over, or it is new no longer."""
    if incident.state is IncidentState.SNOOZED:
        return incident.snoozed_until_ms is not None and now_ms >= incident.snoozed_until_ms
    if incident.state in {IncidentState.NEW, IncidentState.REGRESSED}:
        return incident.last_at_ms - incident.state_at_ms >= NEW_MS
    return False


def aged(incident: Incident, *, now_ms: int) -> Incident:
    """What follows when `is_awake`."""
    snoozed = incident.state is IncidentState.SNOOZED
    why = "the snooze is over" if snoozed else "still failing after a day"
    return _moved(incident, IncidentState.ONGOING, by="fnr", why=why, now_ms=now_ms)


def rested(incident: Incident, *, quiet_ms: int, now_ms: int) -> Incident:
    """What follows when nothing new has come for long and its tasks have recovered."""
    hours = quiet_ms / 3_600_000
    why = f"its tasks recovered, and nothing new for {hours:.3g} h"
    return _moved(incident, IncidentState.RESOLVED, by="fnr", why=why, now_ms=now_ms)


# ── by hand: the incident after the move, or in words why not ────────────────


def acked(incident: Incident, *, by: str, reason: str, now_ms: int) -> Incident | str:
    """Somebody has seen it; ends a snooze."""
    if incident.state is IncidentState.RESOLVED:
        return "it is resolved"
    seen = replace(incident, acked_by=by)
    why = reason or f"acknowledged by {by}"
    if incident.state is IncidentState.ONGOING:
        return replace(seen, state_by=by, reason=why, state_at_ms=now_ms)
    return _moved(seen, IncidentState.ONGOING, by=by, why=why, now_ms=now_ms)


def snoozed(
    incident: Incident, *, until_ms: int, by: str, reason: str, now_ms: int
) -> Incident | str:
    """Leave it alone until then; errors go on being counted. Again: a new moment."""
    if incident.state is IncidentState.RESOLVED:
        return "it is resolved: there is nothing to leave alone"
    why = reason or f"snoozed by {by}"
    known = replace(incident, snoozed_until_ms=until_ms)
    if incident.state is IncidentState.SNOOZED:
        return replace(known, state_by=by, reason=why, state_at_ms=now_ms)
    return _moved(known, IncidentState.SNOOZED, by=by, why=why, now_ms=now_ms)


def resolved(incident: Incident, *, by: str, reason: str, now_ms: int) -> Incident | str:
    """Somebody says that it is over; the next error proves them wrong."""
    if incident.state is IncidentState.RESOLVED:
        return "it is resolved already"
    why = reason or f"resolved by {by}"
    return _moved(incident, IncidentState.RESOLVED, by=by, why=why, now_ms=now_ms)


def _moved(incident: Incident, state: IncidentState, *, by: str, why: str, now_ms: int) -> Incident:
    assert (incident.state, state) in LEGAL_INCIDENT_MOVES, (incident.state, state)
    regressed = state is IncidentState.REGRESSED
    return replace(
        incident,
        state=state,
        state_at_ms=now_ms,
        state_by=by,
        reason=why,
        acked_by="" if regressed else incident.acked_by,
        snoozed_until_ms=incident.snoozed_until_ms if state is IncidentState.SNOOZED else None,
        regressions=incident.regressions + regressed,
    )


# ── likeness ─────────────────────────────────────────────────────────────────

# What two incidents share says so much about a common cause.
_WEIGHTS: dict[str, float] = {
    "line": 4,
    "more": 3,
    "exceptions": 3,
    "codes": 3,
    "frames": 2,
    "ended": 1,
    "function": 0.5,
}


def likeness(one: tuple[Part, ...], other: tuple[Part, ...]) -> float:
    """0 to 1: which share of their parts two incidents have in common, by words within a part."""
    ours, theirs = _words(one), _words(other)
    every = ours.keys() | theirs.keys()
    total = sum(max(ours.get(word, 0), theirs.get(word, 0)) for word in every)
    shared = sum(min(ours.get(word, 0), theirs.get(word, 0)) for word in every)
    return round(shared / total, 3) if total else 0.0


def _words(parts: tuple[Part, ...]) -> dict[tuple[str, str], float]:
    """The words of each part; together they weigh what the part does."""
    found: dict[tuple[str, str], float] = {}
    for name, value in parts:
        words = set(value.split())
        for word in words:
            # What one program prints another raises: a line is a line.
            place = "line" if name == "more" else name
            found[place, word] = _WEIGHTS.get(name, 1) / len(words)
    return found


def shared_parts(one: tuple[Part, ...], other: tuple[Part, ...]) -> list[str]:
    """Names of the parts that are equal."""
    known = set(other)
    return [name for name, value in one if (name, value) in known]
