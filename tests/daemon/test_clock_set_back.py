"""The wall clock goes back an hour under a live daemon: nothing waits for that hour, or runs twice.

The daemon's own clock, by the fault `clock-jump`; it hears of it as it does of the kernel's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from breaker_news import BreakerNews
from live_home import LiveHome
from test_bad_days import pipes
from test_task_life import function, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import GetBreaker
from fnr.api.chaos_requests import AbortDrills, InjectFault, InjectReport


def slow_retry(name: str, target: str, delay: str, extra: str = "") -> str:
    """A function that pauses for so long after a failure."""
    return (
        function(name, target, extra)
        .replace('"10ms"', f'"{delay}"')
        .replace('"20ms"', f'"{delay}"')
    )


HomeAt = Callable[[str], LiveHome]
HOUR_MS = 3_600_000
TOML = (
    """
[chaos]
enabled = true
stop_load = 1000.0
stop_disk_free = "1MiB"
stop_failures = 1000
stop_letters = 1000
[breakers.storage]
failures = 1
open = "2s"
"""
    + function("echo", "echo", "workers = 1\nwindow = 1")
    + function("block", "block_on", 'workers = 1\nwindow = 1\ntimeout = "60s"')
    + slow_retry("late", "fail_until", "2s")
    + slow_retry("flap", "call_service", "100ms", 'services = ["storage"]')
)


def jump(home: LiveHome, by_ms: int) -> InjectReport:
    request = InjectFault(
        fault="clock-jump", options={"by": str(by_ms)}, duration_ms=120_000, reason="a test"
    )
    report: InjectReport = home.ask(request)
    return report


def ends(home: LiveHome, ids: list[str]) -> list[tuple[str, int]]:
    """State and attempts of each, once all have ended; sooner than the hour, and than the fault."""
    found = home.ask(ask.WaitTasks(task_ids=ids, timeout_ms=25_000))
    return [(end.task.state.value, end.task.attempts) for end in found]


def test_nothing_waits_for_the_hour_and_nothing_runs_twice(home_at: HomeAt, tmp_path: Path) -> None:
    home = home_at(TOML).up()
    started, gate = pipes(tmp_path, "started", "gate")
    bad = tmp_path / "bad"
    bad.touch()
    # One runs, one is due and waits for its worker, one pauses after a failure, one for a breaker.
    running = submit(home, "block", {"started": str(started), "fifo": str(gate)})
    started.read_text()
    queued = submit(home, "block", {"started": str(started), "fifo": str(gate)})
    news = BreakerNews(home)
    held: list[str] = []
    news.until("storage open", act=lambda: held.append(submit(home, "flap", {"bad": str(bad)})))
    bad.unlink()
    paused = submit(home, "late", {"path": str(tmp_path / "tries"), "times": 1})
    while home.ask(ask.GetTask(task_id=paused)).task.retries == 0:
        home.ask(ask.GetStatus())

    jump(home, -HOUR_MS)
    soon = submit(home, "echo", delay_ms=300)
    gate.write_text("")
    started.read_text()
    gate.write_text("")
    assert ends(home, [running, queued, soon]) == [("done", 1)] * 3
    assert ends(home, [paused]) == [("done", 2)]
    assert ends(home, held) == [("done", 2)]
    assert home.ask(GetBreaker(name="storage")).breaker.state == "closed"

    # And forward again, as when the fault ends: no pause is shorter or longer than it was meant.
    again = submit(home, "late", {"path": str(tmp_path / "more"), "times": 1})
    while home.ask(ask.GetTask(task_id=again)).task.retries == 0:
        home.ask(ask.GetStatus())
    assert home.ask(AbortDrills(all=True)).unchanged == {}
    assert ends(home, [again, submit(home, "echo")]) == [("done", 2), ("done", 1)]
    checked = home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("by_ms", [-HOUR_MS, HOUR_MS])
def test_a_clock_that_is_set_while_no_daemon_runs_costs_no_hour_either(
    home_at: HomeAt, tmp_path: Path, by_ms: int
) -> None:
    """What was written by the wrong clock is taken up by a daemon with the right one."""
    home = home_at(TOML).up()
    jump(home, by_ms)
    paused = submit(home, "late", {"path": str(tmp_path / "tries"), "times": 1})
    while home.ask(ask.GetTask(task_id=paused)).task.retries == 0:
        home.ask(ask.GetStatus())
    home.kill()
    home.up()
    assert ends(home, [paused]) == [("done", 2)]
    assert "the clock was set while no daemon ran" in home.log()
