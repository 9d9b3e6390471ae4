"""Moments that people type, and one that is over already."""

from __future__ import annotations

import re
import time

import pytest
from cli_runs import Run
from wire_server import WireServer

from fnr.api.requests import Submit, Submitted
from fnr.client.instants import clock_time
from fnr.host.clock import Clock

ID = "01JD0000000000000000000001"


@pytest.fixture(autouse=True)
def _accepting(server: WireServer) -> None:
    server.answers[Submit] = Submitted(task_id=ID)


def test_a_moment_that_is_over_is_said_to_be(fnr: Run) -> None:
    """As of "02:00", typed at eleven in the evening: it is today's, and the task begins at once."""
    past = fnr("submit", "f", "--at", "1999-12-31T18:00+00:00")
    assert (past.code, past.out) == (0, f"{ID}\n")
    assert re.fullmatch(
        r"notice: 1999-12-31T18:00\+00:00 was \d+d ago: it is due at once\n", past.err
    )


def test_of_one_that_is_to_come_nothing_is_said(fnr: Run) -> None:
    in_an_hour = Clock().now_ms() // 1_000 + 3_600
    assert fnr("submit", "f", "--at", f"@{in_an_hour}").err == ""


def test_who_wants_quiet_is_told_nothing(fnr: Run) -> None:
    assert fnr("submit", "f", "--at", "@5", "-q").err == ""


def test_a_zone_that_is_none_keeps_nobody_from_typing_a_moment(
    fnr: Run, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has no zone of a whole day, as which the system takes one that is longer."""
    monkeypatch.setenv("TZ", "XYZ+24")
    time.tzset()
    try:
        assert fnr("submit", "f", "--at", "1999-12-31T18:00").code == 0
        assert clock_time(1_700_000_000_000) == "2023-11-13 22:13:20"
    finally:
        monkeypatch.undo()
        time.tzset()
    [submitted] = server.asked
    assert submitted.task.due_at_ms == 946_663_200_000 + 24 * 3_600_000
