"""Alerts in the store: kept, found when due, and forgotten."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from store_values import NOW_MS

from fnr.policy.alert import Alert, AlertState, Told
from fnr.store import alerts, pauses
from fnr.store.reads import READS
from fnr.store.transaction import Transaction

ALERT = Alert(about="letter:1", kind="letter", severity="alert", title="dead", function="f")


def told(channel: str = "ops", about: str = "letter:1", **fields: object) -> Told:
    made = Told(
        channel=channel,
        alert=replace(ALERT, about=about),
        state=AlertState.DUE,
        count=1,
        fresh=1,
        first_at_ms=NOW_MS,
        last_at_ms=NOW_MS,
        due_at_ms=NOW_MS + 5,
    )
    return replace(made, **fields)


def test_what_a_channel_knows_comes_back_as_it_was(tx: Transaction) -> None:
    known = told(tries=3, failing_since_ms=NOW_MS - 9, told_at_ms=7, told_over=True, why="no")
    alerts.keep(tx, known)
    assert alerts.get(tx, "ops", "letter:1") == known
    later = replace(known, state=AlertState.TOLD, due_at_ms=None, count=9)
    alerts.keep(tx, later)
    assert alerts.get(tx, "ops", "letter:1") == later
    assert alerts.get(tx, "team", "letter:1") is None
    alerts.forget(tx, "ops", "letter:1")
    assert alerts.get(tx, "ops", "letter:1") is None


def test_the_first_due_comes_first_and_others_not_at_all(tx: Transaction) -> None:
    alerts.keep(tx, told(about="b", due_at_ms=NOW_MS + 9))
    alerts.keep(tx, told(about="a", due_at_ms=NOW_MS + 1))
    alerts.keep(tx, told(about="c", state=AlertState.TOLD, due_at_ms=None, told_at_ms=NOW_MS))
    alerts.keep(tx, told("team", "a"))
    assert [one.alert.about for one in alerts.due(tx, "ops", count_max=9)] == ["a", "b"]
    assert len(alerts.due(tx, "ops", count_max=1)) == 1
    assert alerts.last_told_ms(tx, "ops") == NOW_MS
    assert alerts.last_told_ms(tx, "team") is None


def test_what_lasts_is_found_by_its_kind(tx: Transaction) -> None:
    alerts.keep(tx, told())
    lasts = told(about="problem:disk")
    lasts = replace(lasts, alert=replace(lasts.alert, kind="problem"))
    alerts.keep(tx, lasts)
    assert alerts.of_channel(tx, "ops", ["problem"]) == [lasts]


def test_room_is_made_by_age_channel_and_number(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.keep(tx, told("gone", "a"))
    old = {"last_at_ms": NOW_MS - 9, "state": AlertState.TOLD, "due_at_ms": None}
    alerts.keep(tx, told(about="old", **old))
    alerts.keep(tx, told(about="old-due", last_at_ms=NOW_MS - 9))
    alerts.keep(tx, told(about="new"))
    alerts.make_room(tx, ["ops"], told_before_ms=NOW_MS - 1)
    found = READS["ListAlerts"](tx, channel=None, limit=9)
    assert [one.alert.about for one in found] == ["new", "old-due"]
    monkeypatch.setattr(alerts, "ROWS_MAX", 1)
    alerts.make_room(tx, ["ops"], told_before_ms=NOW_MS - 1)
    assert [one.alert.about for one in alerts.listed(tx)] == ["new"]


def test_what_lasts_still_is_not_forgotten(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is over has to be told, however long it lasted."""
    old = {"last_at_ms": NOW_MS - 9, "state": AlertState.TOLD, "due_at_ms": None}
    for about, over in (("breaker:a", False), ("breaker:b", True)):
        lasts = told(about=about, **old)
        alerts.keep(tx, replace(lasts, alert=replace(lasts.alert, standing=True, over=over)))
    alerts.make_room(tx, ["ops"], told_before_ms=NOW_MS - 1)
    assert [one.alert.about for one in alerts.listed(tx)] == ["breaker:a"]
    monkeypatch.setattr(alerts, "ROWS_MAX", 1)
    alerts.keep(tx, told(about="new"))
    alerts.keep(tx, told(about="newer", last_at_ms=NOW_MS + 1))
    alerts.make_room(tx, ["ops"], told_before_ms=NOW_MS - 1)
    assert [one.alert.about for one in alerts.listed(tx)] == ["newer", "breaker:a"]


def test_lists_are_of_one_channel_or_of_all(tx: Transaction) -> None:
    alerts.keep(tx, told())
    alerts.keep(tx, told("team", "b", last_at_ms=NOW_MS + 1))
    assert [one.channel for one in alerts.listed(tx)] == ["team", "ops"]
    assert [one.channel for one in alerts.listed(tx, channel="ops")] == ["ops"]
    assert len(alerts.listed(tx, limit=1)) == 1


def test_a_clock_that_is_set_takes_what_is_due_with_it(tx: Transaction) -> None:
    alerts.keep(tx, told(told_at_ms=NOW_MS - 9, failing_since_ms=NOW_MS - 5))
    pauses.shift(tx, by_ms=-3_600_000, old_now_ms=NOW_MS)
    [found] = alerts.listed(tx)
    assert (found.due_at_ms, found.told_at_ms) == (NOW_MS + 5 - 3_600_000, NOW_MS - 9 - 3_600_000)
    assert found.failing_since_ms == NOW_MS - 5 - 3_600_000
    # Nobody had watched it.
    alerts.keep(tx, told(due_at_ms=NOW_MS + 10**9))
    pauses.bound(tx, now_ms=NOW_MS, latest_at_ms=NOW_MS + 60_000)
    assert alerts.listed(tx)[0].due_at_ms == NOW_MS
