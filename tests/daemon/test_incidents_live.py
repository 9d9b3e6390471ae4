"""Incidents in a real daemon: opened by errors, moved by people and time, told to watchers."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from live_home import LiveHome

from fnr.api import requests as ask
from fnr.api.errors import NotFound
from fnr.api.incident_requests import (
    AckIncidents,
    GetError,
    GetIncident,
    ListErrors,
    ListIncidents,
    ReclassifyErrors,
    ResolveIncidents,
    SnoozeIncidents,
)
from fnr.api.letter_requests import ResolveLetters
from fnr.client.offline import answer_offline
from fnr.config.settings import Settings
from fnr.daemon.incidents import CARE_EVERY_MS, MOVES_MAX, Incidents
from fnr.host.clock import Clock
from fnr.policy.rules import Category

HomeAt = Callable[[str], LiveHome]
TOML = """
[functions.fail]
command = ["sh", "-c", "echo upload of {n} to 10.0.0.7:{n} failed: no such bucket >&2; exit 3"]
input = { n = "int" }
retry = { max = 0, unknown_max = 0, waits_max = 0 }
[functions.odd]
command = ["sh", "-c", "kill -SEGV $$"]
retry = { max = 0, unknown_max = 0, waits_max = 0 }
"""


def fail(home: LiveHome, name: str = "fail", **given: Any) -> str:
    """Let one task fail for good; its id."""
    raw = msgspec.Raw(msgspec.json.encode(given))
    task_id: str = home.ask(ask.Submit(task=ask.TaskSpec(function=name, input=raw))).task_id
    home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
    return task_id


def test_errors_of_one_cause_are_one_incident_from_first_error_to_regression(
    home_at: HomeAt,
) -> None:
    home = home_at(TOML).up()
    for number in (9_001, 9_002, 9_003):
        fail(home, n=number)
    fail(home, "odd")
    found = {one.function: one for one in home.ask(ListIncidents()).items}
    assert {name: one.count for name, one in found.items()} == {"fail": 3, "odd": 1}
    incident_id = found["fail"].incident_id
    assert len(home.ask(ListErrors(where=f"incident:{incident_id}")).items) == 3

    changed = home.ask(AckIncidents(incident_ids=[incident_id[:8]], reason="looking"))
    assert changed.changed == [incident_id]
    home.ask(ResolveIncidents(incident_ids=[incident_id]))
    assert [one.function for one in home.ask(ListIncidents()).items] == ["odd"]
    fail(home, n=9_004)
    again = home.ask(GetIncident(incident_id=incident_id))
    assert (again.incident.state, again.incident.count) == ("regressed", 4)
    assert [move.after for move in again.moves] == ["ongoing", "resolved", "regressed"]
    assert home.fnr("db", "check").returncode == 0

    home.end()
    assert answer_offline(home.paths, GetIncident(incident_id=incident_id)) == again
    with pytest.raises(NotFound, match="no incident has an id"):
        answer_offline(home.paths, GetIncident(incident_id="zz"))


def told_after(home: LiveHome, request: Any, last: str) -> list[str]:
    """What those who watch incidents are told after a request, up to this word."""
    watch = ask.Watch(kinds=["incident"])
    told: list[str] = []
    for event in home.connection().watch(watch, on_watching=lambda: home.ask(request)):
        told.append(event.what)
        if event.what == last:
            break
    return told


def test_a_snooze_ends_by_itself_and_those_who_watch_are_told(home_at: HomeAt) -> None:
    home = home_at(TOML).up()
    fail(home, "odd")
    [incident] = home.ask(ListIncidents()).items
    request = SnoozeIncidents(incident_ids=[incident.incident_id], for_ms=300, reason="known")
    assert told_after(home, request, "woken") == ["snoozed", "woken"]
    [awake] = home.ask(ListIncidents()).items
    assert (awake.state, awake.reason) == ("ongoing", "the snooze is over")


def test_a_quiet_incident_whose_tasks_recovered_is_resolved(home_at: HomeAt) -> None:
    """Method: nothing is quiet for a day in a test, so the quiet time is a millisecond; the end of
    a snooze makes the daemon look."""
    home = home_at(TOML + '[store]\nincidents_quiet = "1ms"\n').up()
    task_id = fail(home, "odd")
    [incident] = home.ask(ListIncidents()).items
    request = SnoozeIncidents(incident_ids=[incident.incident_id], for_ms=50)
    assert told_after(home, request, "woken") == ["snoozed", "woken"], "a letter is open"
    home.ask(ResolveLetters(task_ids=[task_id], reason="x"))
    assert told_after(home, request, "resolved") == ["snoozed", "woken", "resolved"]
    [rested] = home.ask(ListIncidents(where="state:resolved")).items
    assert rested.reason.startswith("its tasks recovered, and nothing new for ")


@pytest.mark.parametrize(
    ("rested", "wait_ms"), [(MOVES_MAX, 0), (MOVES_MAX - 1, CARE_EVERY_MS), (0, CARE_EVERY_MS)]
)
async def test_of_many_that_came_to_rest_the_next_are_looked_at_at_once(
    rested: int, wait_ms: int
) -> None:
    """Thousands that recovered had stayed open for hours, five hundred every ten minutes less."""

    async def written(_: object) -> tuple[int, int, None]:
        return 0, rested, None

    async def read(_: object) -> list[str]:
        return []

    parts: Any = SimpleNamespace(
        settings=Settings(), clock=Clock(), store=SimpleNamespace(write=written),
        events=SimpleNamespace(tell=lambda _: None),
    )  # fmt: skip
    reader: Any = SimpleNamespace(read=read)
    assert await Incidents(parts, reader)._look() == wait_ms


def test_a_correction_is_kept_with_its_author(home_at: HomeAt) -> None:
    home = home_at(TOML).up()
    task_id = fail(home, n=1)
    before = home.ask(GetError(error_id=task_id)).error
    other = (
        Category.TRANSIENT
        if before.classification.category is not Category.TRANSIENT
        else Category.RESOURCE
    )
    named_twice = [before.error_id, before.error_id[:-1]]
    request = ReclassifyErrors(error_ids=named_twice, category=other, why="I know it")
    assert home.ask(request).changed == [before.error_id]
    after = home.ask(GetError(error_id=before.error_id))
    assert after.error.classification == before.classification
    assert after.error.correction is not None
    assert (after.error.correction.category, after.error.correction.why) == (other, "I know it")
    assert after.error.correction.author
    assert after.decisions[-1].decision.action == "reclassify"
    assert home.ask(request).unchanged == {before.error_id: f"it is {other} already"}


def test_tail_shows_an_error_as_it_happens_and_ends_with_ctrl_c(home_at: HomeAt) -> None:
    home = home_at(TOML).up()
    fail(home, n=1)
    words = ["errors", "tail", "--where", "function:fail", "-o", "jsonl"]
    with subprocess.Popen(
        [sys.executable, "-m", "fnr", "--home", str(home.folder), *words], stdout=subprocess.PIPE
    ) as tail:
        assert tail.stdout is not None
        first = msgspec.json.decode(tail.stdout.readline())
        fail(home, "odd")
        fail(home, n=2)
        second = msgspec.json.decode(tail.stdout.readline())
        tail.send_signal(signal.SIGINT)
        assert tail.wait() == 130
    assert "upload of 1 to" in first["message"]
    assert "upload of 2 to" in second["message"]
