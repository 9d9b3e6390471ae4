"""A replay and the breaker of a service that its letters need: it pauses, and goes on by itself."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from breaker_news import BreakerNews
from live_home import FUNCTIONS, LiveHome
from test_replays_live import begin, ended, plan_of, wait_for
from test_task_life import submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers, ProbeBreaker, ResetBreakers
from fnr.api.errors import FnrError
from fnr.api.replay_requests import PauseReplays, ResumeReplays
from fnr.policy.breaker import BreakerState
from fnr.policy.replay import ReplayPlan, ReplayState

HomeAt = Callable[[str], LiveHome]
LETTERS = 6
TOML = f"""
[breakers.storage]
failures = 3
open = "1h"
open_max = "1d"
probe = ["true"]
probe_every = "1h"
[functions.call]
python = "worked_functions:call_service"
cwd = "{FUNCTIONS}"
services = ["storage"]
workers = 1
retry = {{ max = 0 }}
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """While this file is there the service is ill."""
    path = tmp_path / "bad"
    path.touch()
    return path


def with_letters(home: LiveHome, bad: Path) -> None:
    """Dead letters of two kinds, and the breaker that their deaths have opened is closed."""
    for number in range(LETTERS):
        kind = "careful" if number % 2 else "plain"
        task_id = submit(home, "call", {"bad": str(bad)}, tags={"of": kind})
        home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=30_000))
        home.ask(ResetBreakers(names=["storage"]))


def hold_back(home: LiveHome) -> None:
    """Nobody may call storage."""
    open_ = BreakerState.FORCED_OPEN
    home.ask(ForceBreakers(names=["storage"], state=open_, for_ms=3_600_000, reason="a test"))


def is_paused(plan: ReplayPlan) -> bool:
    return plan.state is ReplayState.PAUSED


def test_it_pauses_and_goes_on_when_the_breaker_is_tested(home_at: HomeAt, bad: Path) -> None:
    home = home_at(TOML).up()
    with_letters(home, bad)
    news = BreakerNews(home)

    def outage() -> None:
        for _ in range(3):
            submit(home, "call", {"bad": str(bad)}, tags={"of": "other"})

    news.until("storage open", act=outage)
    plain = begin(home, "tag.of:plain")
    careful = begin(home, "tag.of:careful", failures_max=2)
    by_hand = begin(home, "tag.of:other")
    for plan_id in (plain, careful, by_hand):
        plan = wait_for(home, plan_id, is_paused)
        # It is kept: how long the breaker still rests would be untrue a moment later.
        assert plan.why == "breaker storage is open: 3 failures in a row (failures 3)"
        assert plan.put_back == 0
    assert home.ask(PauseReplays(plan_ids=[by_hand], reason="lunch")).changed == [by_hand]
    bad.unlink()
    # Half open: nobody but the plan has a task to test it with.
    news.until(
        "storage half_open", "storage closed", act=lambda: home.ask(ProbeBreaker(name="storage"))
    )
    assert wait_for(home, plain, ended).done == LETTERS // 2
    assert is_paused(plan_of(home, careful)), "whoever limits failures looks first"
    assert plan_of(home, by_hand).why == "lunch"
    home.ask(ResumeReplays(plan_ids=[careful, by_hand]))
    assert wait_for(home, careful, ended).done == LETTERS // 2
    wait_for(home, by_hand, ended)
    assert home.fnr("db", "check").returncode == 0


def test_a_daemon_that_was_killed_meanwhile_lets_it_go_on(home_at: HomeAt, bad: Path) -> None:
    home = home_at(TOML).up()
    with_letters(home, bad)
    hold_back(home)
    plan_id = begin(home, "tag.of:plain")
    wait_for(home, plan_id, is_paused)
    bad.unlink()
    home.kill()
    home.up()
    assert is_paused(plan_of(home, plan_id))
    home.ask(ResetBreakers(names=["storage"]))
    assert wait_for(home, plan_id, ended).done == LETTERS // 2


@pytest.mark.parametrize("point", ["replay-resumed-in-unit", "replay-turn-in-unit"])
def test_a_kill_while_it_goes_on_leaves_it_to_the_next_daemon(
    home_at: HomeAt, bad: Path, point: str
) -> None:
    home = home_at(TOML).up()
    with_letters(home, bad)
    hold_back(home)
    plan_id = begin(home, "tag.of:plain")
    wait_for(home, plan_id, is_paused)
    bad.unlink()
    home.kill()
    home.start(env={"FNR_FAILPOINT": point})
    with suppress(FnrError):
        home.ask(ResetBreakers(names=["storage"]))
    assert home.process is not None
    assert home.process.wait(timeout=30) == -signal.SIGKILL
    home.up()
    home.ask(ResetBreakers(names=["storage"]))
    assert wait_for(home, plan_id, ended).done == LETTERS // 2
    assert home.fnr("db", "check").returncode == 0
