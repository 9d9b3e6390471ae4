"""The dashboard's numbers are those of the store, or say that there are more."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from tui_home import StoreServer, running, shown, until_gone, until_shown

from fnr.api.errors import StorageError
from fnr.api.incident_requests import ListErrors, ListIncidents
from fnr.api.letter_requests import GetLetterStats
from fnr.api.requests import Event, FunctionStatus, GetStatus, Status
from fnr.client.instants import now_ms
from fnr.config.paths import Paths
from fnr.policy.incident import Incident
from fnr.policy.record import LetterStat
from fnr.policy.rules import Category
from fnr.tui.attention import concerns
from fnr.tui.pulse import DIED, ERRORS, Pulse
from fnr.tui.widgets.frame import Head, TopLine
from fnr.tui.widgets.panel import ChoicePanel
from fnr.tui.work_lines import letter_lines, pulse_lines

MINUTE_MS, HALF_HOUR_MS = 60_000, 1_800_000


def stats(count: int) -> list[LetterStat]:
    return [
        LetterStat(
            function=f"f{number}", category="permanent", cause="permanent", count=10 - number,
            oldest_at_ms=0, newest_at_ms=0,
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "words"), [(1, "1 worker"), (1_200, "1,200 workers")])
def test_workers_are_counted_in_english(count: int, words: str) -> None:
    status = Status(state="running", version="1", home="/h", workers=count)
    assert TopLine._counts(status, Head()) == [(words, "dim")]


def test_deaths_that_were_cut_say_so_beside_the_letters_too() -> None:
    pulse, now = Pulse(), now_ms()
    pulse.put_in(DIED, [now] * 3, whole=False, latest=True)
    assert ", 3+ died in 30 min ▲" in letter_lines(stats(1), pulse)[0].plain
    pulse.begin(heard_from_ms=now)
    pulse.put_in(DIED, [now - 1] * 3, whole=True)
    assert ", 3 died in 30 min ▲" in letter_lines(stats(1), pulse)[0].plain


def test_the_last_minute_says_whether_it_is_whole() -> None:
    pulse, now = Pulse(), now_ms()
    pulse.put_in(ERRORS, [now - 1_000, now - 30_000], whole=False, latest=True)
    assert pulse_lines(pulse, 60)[0].plain.endswith("2+/min      2+")
    pulse.begin(heard_from_ms=now)
    pulse.put_in(ERRORS, [now - 1_000, now - 300_000], whole=False, latest=True)
    assert pulse_lines(pulse, 60)[0].plain.endswith(" 1/min      2+")


def test_what_was_cut_is_whole_again_once_all_of_the_while_was_heard() -> None:
    pulse, now = Pulse(), now_ms()
    pulse.begin(heard_from_ms=now - HALF_HOUR_MS - 1)
    # By the order in which they were submitted: which of the ended are missing is not known.
    pulse.put_in_done([("render", now - 2 * HALF_HOUR_MS)], whole=False)
    pulse.take(Event(kind="task", what="done", at_ms=now, function="render"))
    assert pulse.said("done", HALF_HOUR_MS, now_ms=now) == "1"
    assert pulse.said("done", 2 * HALF_HOUR_MS, now_ms=now).endswith("+")


def test_letters_that_have_no_line_are_counted() -> None:
    lines = [line.plain for line in letter_lines(stats(7), Pulse())]
    assert lines[0].startswith("49 open")
    assert lines[-1].split() == ["9", "in", "2", "more", "of", "such", "groups"]
    assert len(letter_lines(stats(5), Pulse())) == 6


def incident(number: int) -> Incident:
    return Incident(
        incident_id=f"2:{number}", title="E", category=Category.UNKNOWN, rule="unmatched",
        function="render", first_at_ms=0, last_at_ms=0, last_error_id="E",
    )  # fmt: skip


def test_what_stands_still_is_above_a_hundred_incidents() -> None:
    ill = FunctionStatus(function="render", kind="python", counts={}, problem="cannot be loaded")
    status = Status(state="running", version="", home="", functions=[ill])
    found = concerns(status, [incident(number) for number in range(100)], stats(6))
    assert found[0].words == "render: cannot be loaded"
    assert found[-1].words == "11 more in 2 other groups of dead letters"


async def test_a_function_is_not_ready_without_a_daemon_that_is_not_back(filled: Paths) -> None:
    server = StoreServer(Path(filled.home)).start()
    try:
        async with running(filled, size=(120, 40)) as (app, pilot):
            await until_shown(pilot, "ready")
            server.stop()
            await until_shown(pilot, "✗ down  stored state")
            await until_gone(pilot, "ready")
            server.start()
            await until_shown(pilot, "the daemon is back")
            await until_shown(pilot, "○ ready")
            server.stop()
            await until_gone(pilot, "○ ready")
            assert "the daemon is back" not in shown(app)
    finally:
        server.close()


async def test_how_many_more_there_are_is_no_more_than_is_known() -> None:
    class Stage(App[None]):
        def compose(self) -> ComposeResult:
            yield ChoicePanel("many", empty="none", lines_max=4)

    app = Stage()
    async with app.run_test():
        panel = app.query_one(ChoicePanel)
        lines = [Text(str(number)) for number in range(1_100)]
        panel.show(lines)
        assert panel.render().plain.endswith("… and 1,097 more")
        panel.show(lines, whole=False)
        assert panel.render().plain.endswith("… and 1,097+ more")


@pytest.mark.parametrize("kind", [GetStatus, ListIncidents, GetLetterStats, ListErrors])
async def test_what_could_not_be_read_is_not_shown_as_nothing(
    daemon: StoreServer, kind: type
) -> None:
    daemon.answers[kind] = StorageError("the store is ill", why="disk image is malformed")
    async with running(daemon.paths, size=(200, 60)) as (app, pilot):
        await until_shown(pilot, "not all could be read: the store is ill: disk image is malf")
        assert "✓ nothing" not in shown(app)
        assert "✓ none" not in shown(app)
