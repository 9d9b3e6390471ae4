"""What is worth telling, on which channel, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fnr.policy.alert import (
    AGAIN_MS,
    AGAIN_MS_MAX,
    GATHER_MS,
    GIVE_UP_MS,
    ITEMS_MAX,
    SEVERITIES,
    Alert,
    AlertState,
    Channel,
    Told,
    begun,
    failed,
    message,
    noticed,
    of_effect,
    sends_at_ms,
    sent,
    wants,
)

OPS = Channel(name="ops", severity="notice", every_ms=900_000, pause_ms=60_000)
NOW = 1_800_000_000_000
LETTER = Alert(about="letter:2:ab", kind="letter", severity="alert", title="render: dead")
DISK = Alert(
    about="problem:disk", kind="problem", severity="critical", title="disk full", standing=True
)
WELL = replace(DISK, over=True)


def told(alert: Alert, known: Told | None = None, at_ms: int = NOW) -> Told:
    found = noticed(known, alert, OPS, now_ms=at_ms)
    assert found is not None
    return found


def test_ten_thousand_of_one_cause_are_one_alert() -> None:
    known = told(LETTER)
    for number in range(1, 10_000):
        known = told(LETTER, known, NOW + number)
    assert (known.count, known.fresh, known.due_at_ms) == (10_000, 10_000, NOW + GATHER_MS)
    found = message([known], channel="ops", host="gpu1", home="/srv", now_ms=NOW)
    assert found.title == "[fnr gpu1] render: dead (10000 new)"
    after = sent(known, known, now_ms=NOW + 3_000, every_ms=OPS.every_ms)
    assert (after.state, after.fresh, after.due_at_ms) == (AlertState.TOLD, 0, None)


def test_the_same_cause_is_told_again_no_sooner_than_every() -> None:
    once = told(LETTER)
    known = sent(once, once, now_ms=NOW, every_ms=OPS.every_ms)
    again = told(LETTER, known, NOW + 1_000)
    assert (again.state, again.fresh) == (AlertState.DUE, 1)
    assert again.due_at_ms == NOW + OPS.every_ms
    late = told(LETTER, known, NOW + 2 * OPS.every_ms)
    assert late.due_at_ms == NOW + 2 * OPS.every_ms + GATHER_MS


def test_what_is_worse_is_told_at_once() -> None:
    once = told(replace(LETTER, severity="warning"))
    known = sent(once, once, now_ms=NOW, every_ms=OPS.every_ms)
    worse = told(LETTER, known, NOW + 1_000)
    assert worse.due_at_ms == NOW + 1_000 + GATHER_MS


def test_what_came_while_it_was_sent_is_left() -> None:
    as_sent = told(LETTER)
    now = told(LETTER, as_sent, NOW + 10)
    after = sent(now, as_sent, now_ms=NOW + 20, every_ms=OPS.every_ms)
    assert (after.state, after.fresh) == (AlertState.DUE, 1)
    assert after.due_at_ms == NOW + 20 + OPS.every_ms


def test_what_becomes_worse_while_it_is_sent_is_told_at_once() -> None:
    under_way = begun(told(LETTER))
    worse = told(replace(LETTER, severity="critical"), under_way, NOW + 1)
    after = sent(worse, under_way, now_ms=NOW + 2, every_ms=OPS.every_ms)
    assert after.due_at_ms == NOW + 2 + GATHER_MS


def test_what_is_mild_does_not_hide_what_was_worse_before_it() -> None:
    worst = told(replace(LETTER, severity="critical"))
    both = told(replace(LETTER, severity="notice"), worst, NOW + 1)
    assert both.alert.severity == "critical"
    found = message([both], channel="ops", host="gpu1", home="/srv", now_ms=NOW)
    assert found.severity == "critical"
    after = sent(both, both, now_ms=NOW + 2, every_ms=OPS.every_ms)
    mild = told(replace(LETTER, severity="notice"), after, NOW + 3)
    assert mild.alert.severity == "notice"


def test_what_lasts_is_told_when_it_begins_and_when_it_is_over() -> None:
    begun = told(DISK)
    assert told(DISK, begun, NOW + 10) == begun, "it is known"
    known = sent(begun, begun, now_ms=NOW + 20, every_ms=OPS.every_ms)
    assert told(DISK, known, NOW + 10**9) == known, "and lasts"
    over = told(WELL, known, NOW + 30)
    assert (over.state, over.fresh, over.alert.over) == (AlertState.DUE, 1, True)
    assert told(WELL, over, NOW + 40) == over
    ended = sent(over, over, now_ms=NOW + 50, every_ms=OPS.every_ms)
    assert (ended.state, ended.told_over) == (AlertState.TOLD, True)


def test_what_was_over_before_it_was_told_is_not_told() -> None:
    assert noticed(told(DISK), WELL, OPS, now_ms=NOW + 1) is None
    assert noticed(None, WELL, OPS, now_ms=NOW) is None


def test_what_comes_and_goes_is_not_told_each_time() -> None:
    known = told(DISK)
    known = sent(known, known, now_ms=NOW, every_ms=OPS.every_ms)
    known = told(WELL, known, NOW + 1)
    known = sent(known, known, now_ms=NOW + 2, every_ms=OPS.every_ms)
    again = told(DISK, known, NOW + 3)
    assert again.due_at_ms == NOW + 3 + GATHER_MS, "critical is worse than a notice"
    mild = replace(DISK, severity="notice")
    again = told(mild, known, NOW + 3)
    assert again.due_at_ms == NOW + 2 + OPS.every_ms
    gone = told(replace(mild, over=True), again, NOW + 4)
    assert (gone.state, gone.fresh, gone.due_at_ms) == (AlertState.TOLD, 0, None)


def test_what_may_have_been_told_is_said_to_be_over() -> None:
    """Its daemon died behind the message, or it was over before that was taken."""
    under_way = begun(told(DISK))
    over = told(WELL, under_way, NOW + 1)
    assert (over.state, over.alert.over) == (AlertState.DUE, True)
    after = sent(over, under_way, now_ms=NOW + 2, every_ms=OPS.every_ms)
    assert (after.state, after.told_over, after.alert.over) == (AlertState.DUE, False, True)


def test_it_turned_while_it_was_sent() -> None:
    as_sent = told(DISK)
    first = sent(as_sent, as_sent, now_ms=NOW, every_ms=OPS.every_ms)
    over = told(WELL, first, NOW + 1)
    under_way = begun(over)
    back = told(DISK, under_way, NOW + 2)
    after = sent(back, under_way, now_ms=NOW + 3, every_ms=OPS.every_ms)
    assert (after.state, after.told_over, after.fresh) == (AlertState.DUE, True, 1)


def test_a_channel_that_fails_is_tried_for_a_day() -> None:
    known = told(LETTER)
    waits, at_ms = [], NOW
    while known.state is AlertState.DUE:
        known = failed(begun(known), why="refused", now_ms=at_ms)
        if known.due_at_ms is not None:
            waits.append(known.due_at_ms - at_ms)
            at_ms = known.due_at_ms
    assert waits[:3] == [AGAIN_MS, 2 * AGAIN_MS, 4 * AGAIN_MS]
    assert max(waits) == AGAIN_MS_MAX
    assert (known.state, known.why) == (AlertState.GIVEN_UP, "refused")
    assert GIVE_UP_MS <= at_ms - NOW <= GIVE_UP_MS + AGAIN_MS_MAX
    back = told(LETTER, known, at_ms + 5)
    assert (back.state, back.count) == (AlertState.DUE, 2), "the next one is tried again"
    once_more = failed(begun(back), why="refused", now_ms=at_ms + 6)
    assert once_more.state is AlertState.DUE, "and for a day of its own"


def test_messages_of_a_channel_have_a_pause_that_critical_ones_do_not_wait_for() -> None:
    due = told(LETTER)
    assert sends_at_ms([due], OPS, last_sent_ms=None) == NOW + GATHER_MS
    assert sends_at_ms([due], OPS, last_sent_ms=NOW) == NOW + OPS.pause_ms
    assert sends_at_ms([due, told(DISK)], OPS, last_sent_ms=NOW) == NOW + GATHER_MS
    assert sends_at_ms([], OPS, last_sent_ms=NOW) is None


@pytest.mark.parametrize(
    ("channel", "alert", "wanted"),
    [
        (OPS, LETTER, True),
        (replace(OPS, severity="critical"), LETTER, False),
        (replace(OPS, severity="alert"), LETTER, True),
        (replace(OPS, functions=("render-*",)), replace(LETTER, function="render-4k"), True),
        (replace(OPS, functions=("render-*",)), replace(LETTER, function="upload"), False),
        (replace(OPS, functions=("render-*",)), DISK, True),
    ],
)
def test_who_wants_what(channel: Channel, alert: Alert, wanted: bool) -> None:
    assert wants(channel, alert) is wanted
    assert (noticed(None, alert, channel, now_ms=NOW) is not None) is wanted


def test_a_message_has_the_worst_first_and_says_what_had_no_room() -> None:
    many = [told(replace(LETTER, about=str(n), severity="warning")) for n in range(ITEMS_MAX)]
    found = message(
        [*many, told(DISK)], channel="ops", host="gpu1", home="/srv", now_ms=NOW, more=4
    )
    assert found.severity == "critical"
    assert found.title == "[fnr gpu1] 25 alerts, first: disk full"
    assert (len(found.alerts), found.more) == (ITEMS_MAX, 5)
    assert found.text.splitlines()[-1] == "and 5 alerts more: fnr alert list"


def test_other_news_have_another_key() -> None:
    def key(*known: Told) -> str:
        return message(known, channel="ops", host="gpu1", home="/srv", now_ms=NOW).key

    begins = told(DISK)
    first = sent(begins, begins, now_ms=NOW, every_ms=OPS.every_ms)
    is_over = told(WELL, first, NOW + 1)
    letter, other = told(LETTER), told(replace(LETTER, about="letter:2:cd"))
    again = told(LETTER, letter, NOW + 1)
    assert key(begins) == key(begun(begins)), "the same if it is sent again"
    assert len({key(begins), key(is_over), key(letter, other), key(again)}) == 4


def test_a_message_can_be_passed_to_a_program() -> None:
    known = told(replace(LETTER, title="a\0b", detail="c\0d"))
    found = message([known], channel="ops", host="gpu1", home="/srv", now_ms=NOW)
    assert "\0" not in found.title + found.text
    assert "c\\0d" in found.text
    long = [told(replace(LETTER, about=str(n), detail="\U0001f525" * 4_000)) for n in range(30)]
    found = message(long, channel="ops", host="gpu1", home="/srv", now_ms=NOW)
    assert len(found.text.encode()) < 128 * 1024, "what Linux takes as one argument"


def test_an_effect_says_what_to_type_next_and_which_drill_it_was() -> None:
    data: dict[str, Any] = {
        "severity": "alert",
        "task_id": "01J",
        "function": "render",
        "cause": "permanent",
        "category": "permanent",
        "message": "no licence\n" * 1_000,
    }
    alert = of_effect("letter", data, incident_id="2:ab", drill="D1", command="fnr --home /srv")
    assert alert.about == "letter:2:ab"
    assert alert.title == "drill D1: render: a task is dead (permanent, permanent)"
    assert alert.next_step == "fnr --home /srv dlq show 01J"
    assert len(alert.detail) == 1_000
    odd = of_effect("letter", {}, incident_id="", drill="", command="fnr")
    assert odd.severity == "warning"


# ── whatever happens in whatever order ───────────────────────────────────────


@dataclass
class Sim:
    """One cause on one channel, and what has really been told."""

    known: Told | None = None
    lasts: bool = False
    said: list[bool] = field(default_factory=list)
    occurred: int = 0
    told: int = 0


STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "send", "fail"]), st.integers(0, 10**6)),
    max_size=40,
)


@given(steps=STEPS, severity=st.sampled_from(SEVERITIES))
def test_a_thing_that_lasts_is_never_told_twice_in_the_same_way(
    steps: list[tuple[str, int]], severity: str
) -> None:
    sim, now_ms = Sim(), NOW
    alert = replace(DISK, severity=severity)
    for what, wait_ms in steps:
        now_ms += wait_ms
        if what in {"begin", "end"}:
            sim.lasts = what == "begin"
            sim.known = noticed(sim.known, replace(alert, over=not sim.lasts), OPS, now_ms=now_ms)
        elif sim.known is not None and sim.known.state is AlertState.DUE:
            if what == "send":
                sim.said.append(sim.known.alert.over)
                sim.known = sent(sim.known, sim.known, now_ms=now_ms, every_ms=OPS.every_ms)
            else:
                sim.known = failed(begun(sim.known), why="no", now_ms=now_ms)
    tried = any(what == "fail" for what, _ in steps)
    turns = zip(sim.said, sim.said[1:], strict=False)
    assert tried or all(one is not other for one, other in turns)
    assert not sim.said or tried or sim.said[0] is False, "nothing is over that was not told"
    if sim.known is not None and sim.known.state is AlertState.TOLD and sim.said:
        assert sim.said[-1] is not sim.lasts, "what was told last is how it is"


@given(steps=STEPS)
def test_every_occurrence_is_counted_in_some_message(steps: list[tuple[str, int]]) -> None:
    sim, now_ms = Sim(), NOW
    for what, wait_ms in steps:
        now_ms += wait_ms
        if what == "begin":
            sim.occurred += 1
            sim.known = noticed(sim.known, LETTER, OPS, now_ms=now_ms)
        elif what == "send" and sim.known is not None and sim.known.state is AlertState.DUE:
            sim.told += sim.known.fresh
            sim.known = sent(sim.known, sim.known, now_ms=now_ms, every_ms=OPS.every_ms)
        elif what == "fail" and sim.known is not None and sim.known.state is AlertState.DUE:
            sim.known = failed(begun(sim.known), why="no", now_ms=now_ms)
    left = 0 if sim.known is None else sim.known.fresh
    assert sim.told + left == sim.occurred == (0 if sim.known is None else sim.known.count)
