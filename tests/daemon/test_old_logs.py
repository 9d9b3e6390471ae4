"""Logs of workers go with the last task that they had, and no sooner."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from live_home import LiveHome
from test_task_life import end_of, submit

HomeAt = Callable[[str], LiveHome]

TOML = """
[store]
keep_done = "0s"
[functions.say]
command = ["echo", "said"]
workers = { min = 0, max = 1 }
[functions.fail]
command = ["sh", "-c", "echo last words; exit 1"]
workers = { min = 0, max = 1 }
retry = { max = 0, unknown_max = 0 }
[functions.rest]
command = ["true"]
"""
LONG_AGO_S = 30 * 24 * 3_600
STALE = "01JD0000000000000000000001.log"


def aged(log: Path) -> Path:
    """The log, as if nothing had been written there for a month."""
    at_s = log.stat().st_mtime - LONG_AGO_S
    os.utime(log, (at_s, at_s))
    return log


def only_log(home: LiveHome, function: str) -> Path:
    [log] = (home.folder / "logs" / function).glob("*.log")
    return log


def look_is_over(home: LiveHome) -> None:
    """Start the daemon, which looks; there is at least a log to be removed that nobody had."""
    (home.folder / "logs" / "say").mkdir(parents=True, exist_ok=True)
    stale = home.folder / "logs" / "say" / STALE
    stale.write_text("")
    aged(stale)
    before = home.log().count("old logs removed")
    home.up()
    while home.log().count("old logs removed") == before:
        home.fnr("status")
    assert not stale.exists()


def test_logs_of_forgotten_tasks_go_and_those_of_dead_letters_stay(home_at: HomeAt) -> None:
    """Method: daemons one after the other; the first that starts later forgets the done task."""
    home = home_at(TOML).up()
    end_of(home, submit(home, "say"))
    dead = end_of(home, submit(home, "fail")).task.task_id
    home.end()
    said, failed = aged(only_log(home, "say")), aged(only_log(home, "fail"))
    home.up()
    end_of(home, submit(home, "say"))
    home.end()
    recent = [log for log in (home.folder / "logs" / "say").glob("*.log") if log != said]
    look_is_over(home)
    assert (said.exists(), failed.exists()) == (False, True)
    assert [log.exists() for log in recent] == [True]
    assert home.fnr("logs", dead).stdout == "last words\n"


def test_the_log_of_a_worker_that_lives_stays_however_long_it_was_silent(home_at: HomeAt) -> None:
    home = home_at(TOML).up()
    end_of(home, submit(home, "rest"))
    log = aged(only_log(home, "rest"))
    home.kill()
    look_is_over(home)
    assert log.exists()
