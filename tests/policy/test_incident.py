"""An incident moves as the table says, whoever moves it, and never loses count."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from fnr.policy.incident import (
    LEGAL_INCIDENT_MOVES,
    NEW_MS,
    Fingerprint,
    Incident,
    IncidentState,
    Seen,
    acked,
    aged,
    is_awake,
    joined,
    likeness,
    opened,
    resolved,
    rested,
    shared_parts,
    snoozed,
)
from fnr.policy.rules import Category

NOW_MS = 1_700_000_000_000
FOUND = Fingerprint(key="1:ab", title="E: boom", parts=(("function", "render"), ("line", "boom")))


def seen(at_ms: int = NOW_MS, **fields: object) -> Seen:
    return Seen(
        **{
            "error_id": f"01E{at_ms}",
            "at_ms": at_ms,
            "function": "render",
            "category": Category.UNKNOWN,
            "rule": "unmatched",
            **fields,
        }
    )


def first() -> Incident:
    return opened(FOUND, seen())


def moved(found: Incident | str) -> Incident:
    assert isinstance(found, Incident), found
    return found


def test_the_first_error_opens_a_new_incident() -> None:
    incident = first()
    assert (incident.state, incident.count, incident.functions) == ("new", 1, {"render": 1})
    assert incident.first_at_ms == incident.last_at_ms == NOW_MS


def test_further_errors_are_counted_by_function() -> None:
    incident = joined(joined(first(), seen(NOW_MS + 5)), seen(NOW_MS + 9, function="upload"))
    assert (incident.count, incident.functions) == (3, {"render": 2, "upload": 1})
    assert (incident.first_at_ms, incident.last_at_ms) == (NOW_MS, NOW_MS + 9)
    assert incident.function == "upload"
    assert incident.state is IncidentState.NEW


def test_an_error_that_comes_late_changes_no_latest() -> None:
    incident = joined(first(), seen(NOW_MS - 5, rule="old"))
    assert (incident.first_at_ms, incident.last_at_ms) == (NOW_MS - 5, NOW_MS)
    assert (incident.rule, incident.count) == ("unmatched", 2)


def test_a_new_incident_that_fails_on_for_a_day_is_ongoing() -> None:
    assert joined(first(), seen(NOW_MS + NEW_MS - 1)).state is IncidentState.NEW
    assert joined(first(), seen(NOW_MS + NEW_MS)).state is IncidentState.ONGOING


def test_a_resolved_incident_regresses_with_the_next_error_and_forgets_who_saw_it() -> None:
    known = moved(acked(first(), by="ann", reason="", now_ms=NOW_MS + 1))
    done = moved(resolved(known, by="ann", reason="disk replaced", now_ms=NOW_MS + 2))
    assert joined(done, seen(NOW_MS + 1)).state is IncidentState.RESOLVED
    again = joined(done, seen(NOW_MS + 3))
    assert (again.state, again.regressions, again.acked_by) == ("regressed", 1, "")
    assert again.reason == f"failed again: error 01E{NOW_MS + 3}"


def test_a_snoozed_incident_counts_on_and_wakes_when_its_time_is_over() -> None:
    until_ms = NOW_MS + 1_000
    asleep = moved(snoozed(first(), until_ms=until_ms, by="ann", reason="known", now_ms=NOW_MS))
    counted = joined(asleep, seen(until_ms - 1))
    assert (counted.state, counted.count) == ("snoozed", 2)
    assert not is_awake(counted, now_ms=until_ms - 1)
    assert is_awake(counted, now_ms=until_ms)
    awake = aged(counted, now_ms=until_ms)
    assert (awake.state, awake.snoozed_until_ms) == ("ongoing", None)
    assert joined(asleep, seen(until_ms)).state is IncidentState.ONGOING


def test_what_is_resolved_can_neither_be_acknowledged_nor_snoozed_nor_resolved() -> None:
    done = rested(first(), quiet_ms=3_600_000, now_ms=NOW_MS + 9)
    assert done.reason == "its tasks recovered, and nothing new for 1 h"
    assert isinstance(acked(done, by="a", reason="", now_ms=NOW_MS), str)
    assert isinstance(snoozed(done, until_ms=1, by="a", reason="", now_ms=NOW_MS), str)
    assert isinstance(resolved(done, by="a", reason="", now_ms=NOW_MS), str)


def test_likeness_is_whole_for_equal_parts_and_none_for_strangers() -> None:
    parts = (("function", "f"), ("exceptions", "OSError"), ("line", "disk # is full"))
    near = (("function", "g"), ("exceptions", "OSError"), ("line", "disk # is slow"))
    far = (("function", "h"), ("exceptions", "KeyError"), ("line", "<str>"))
    assert likeness(parts, parts) == 1
    assert likeness(parts, far) == 0
    assert 0.4 < likeness(parts, near) == likeness(near, parts) < 0.9
    assert shared_parts(parts, near) == ["exceptions"]
    assert likeness((), ()) == 0


class Life(RuleBasedStateMachine):
    """Errors, people and time in any order: only legal moves, and every error counted."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = NOW_MS
        self.incident = first()
        self.errors = 1

    def become(self, after: Incident | str) -> None:
        if isinstance(after, str):
            assert after
            return
        pair = (self.incident.state, after.state)
        assert pair[0] is pair[1] or pair in LEGAL_INCIDENT_MOVES
        self.incident = after

    @rule(step_ms=st.sampled_from([0, 1, 1_000, NEW_MS]))
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms
        if is_awake(self.incident, now_ms=self.now_ms):
            self.become(aged(self.incident, now_ms=self.now_ms))

    @rule(function=st.sampled_from("ab"), late_ms=st.sampled_from([0, 50]))
    def error(self, function: str, late_ms: int) -> None:
        self.errors += 1
        self.become(joined(self.incident, seen(self.now_ms - late_ms, function=function)))

    @rule()
    def ack(self) -> None:
        self.become(acked(self.incident, by="ann", reason="", now_ms=self.now_ms))

    @rule(for_ms=st.sampled_from([1, 1_000]))
    def snooze(self, for_ms: int) -> None:
        until_ms = self.now_ms + for_ms
        self.become(
            snoozed(self.incident, until_ms=until_ms, by="ann", reason="", now_ms=self.now_ms)
        )

    @rule()
    def resolve(self) -> None:
        self.become(resolved(self.incident, by="ann", reason="", now_ms=self.now_ms))

    @invariant()
    def nothing_is_lost(self) -> None:
        incident = self.incident
        assert incident.count == self.errors == sum(incident.functions.values())
        assert incident.first_at_ms <= incident.last_at_ms
        assert (incident.state is IncidentState.SNOOZED) == (incident.snoozed_until_ms is not None)


TestLife = Life.TestCase


def test_every_legal_move_has_a_cause() -> None:
    """Method: put an incident into each state and let everything happen to it."""
    happened = set()
    for state in IncidentState:
        until_ms = NOW_MS if state is IncidentState.SNOOZED else None
        incident = replace(
            first(), state=state, snoozed_until_ms=until_ms, state_at_ms=NOW_MS - NEW_MS
        )
        for after in (
            joined(incident, seen(NOW_MS + 1)),
            acked(incident, by="a", reason="", now_ms=NOW_MS),
            snoozed(incident, until_ms=1, by="a", reason="", now_ms=NOW_MS),
            resolved(incident, by="a", reason="", now_ms=NOW_MS),
        ):
            if isinstance(after, Incident) and after.state is not state:
                happened.add((state, after.state))
    assert happened == set(LEGAL_INCIDENT_MOVES)
