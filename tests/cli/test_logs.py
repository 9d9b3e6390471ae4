"""`fnr logs` with a real daemon: all of it when asked for, nothing lost where following begins."""

from __future__ import annotations

import os

import msgspec
from cli_runs import Run
from live_home import LiveHome
from terminals import Session

from fnr.api.requests import ListLogSpans
from fnr.cli.argv import Globals
from fnr.cli.follow import function_output
from fnr.cli.here import enter
from fnr.cli.log_spans import Printed
from fnr.client.log_lines import LogLines

MORE_THAN_A_PAGE = 230


def test_all_lines_are_those_of_more_attempts_than_one_page_holds(live: Run) -> None:
    """Once the last 200 attempts were all, and nothing said so."""
    inputs = "".join(f'{{"word":"word {number}"}}\n' for number in range(MORE_THAN_A_PAGE))
    ids = live("submit", "say", "--jsonl", "-", "-o", "name", stdin=inputs).out.split()
    assert live("task", "wait", *ids).code == 0
    shown = live("logs", "say", "-n", "0").out.splitlines()
    assert [f"word {number}" for number in range(MORE_THAN_A_PAGE)] == shown[-MORE_THAN_A_PAGE:]
    assert live("logs", "say", "-n", "210").out.splitlines() == shown[-210:]
    assert live("logs", "say", "--since", "1h", "-n", "0").out.splitlines() == shown


def test_what_is_printed_while_following_begins_is_not_lost(home: LiveHome, live: Run) -> None:
    """Method: a task runs in between looking at what there is and following it."""
    live("run", "--", "echo", "before")
    flags = Globals()
    flags.home = str(home.folder)
    here = enter(flags)
    printed = Printed(ListLogSpans(function="run"), followed=True)
    live("run", "--", "echo", "between")
    told = [record.text for record in printed.records(lines=0)]
    assert told[-1] == b"before"
    enter(flags)
    output = next(function_output(here, "run", shown=printed.read_to))
    assert [record.text for record in LogLines(None).feed(output.data)] == [b"between"]


def test_a_task_is_followed_from_its_last_lines_on(home: LiveHome, live: Run) -> None:
    pipe = home.folder / "followed"
    os.mkfifo(pipe)
    task_id = live("run", "--detach", "--", "sh", "-c", f"seq 7; cat {pipe}").out.strip()
    while live("logs", task_id).out.splitlines()[-1:] != ["7"]:
        pass
    session = Session(home.folder, "logs", task_id, "-f", "-n", "2", "-o", "json").wait_for("7")
    pipe.write_text("8\n")
    assert session.end() == 0
    found = [msgspec.json.decode(line) for line in session.shown().splitlines()]
    assert [item["text"] for item in found] == ["6", "7", "8"]
    assert {item["stream"] for item in found} == {"o"}
    session = Session(home.folder, "logs", task_id, "-f", "--since", "@99999999999")
    assert (session.end(), session.shown()) == (0, "")


def test_since_when_is_said_with_all_that_may_be_written(live: Run) -> None:
    found = live("logs", "say", "--since", "yesterday")
    assert (found.code, "write 10m, 2026-01-31T18:00, 18:00 or @" in found.err) == (2, True)
