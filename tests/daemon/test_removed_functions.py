"""A function leaves fnr.toml while an attempt of it runs: what it had is free for others again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from breaker_news import BreakerNews
from live_home import LiveHome
from test_breakers_live import function, is_whole
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers
from fnr.policy.breaker import BreakerState
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]


def test_the_trial_and_the_needs_of_a_killed_worker_are_free_at_once(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: its only attempt tests a half-open breaker; its worker is killed behind a reload."""
    stays = function("stays", "echo", 'services = ["storage"]\ncpus = 1')
    goes = function("goes", "block_on", 'services = ["storage"]\ncpus = 1')
    home = home_at(stays + goes).up()
    news = BreakerNews(home)
    force = ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=1)
    news.until("storage half_open", act=lambda: home.ask(force))
    started = tmp_path / "started"
    os.mkfifo(started)
    os.mkfifo(tmp_path / "gate")
    left = submit(home, "goes", {"fifo": str(tmp_path / "gate"), "started": str(started)})
    worker_pid = int(started.read_text())
    waits = submit(home, "stays")
    home.write(stays)
    assert home.ask(ask.ReloadConfig()).removed == ["goes"]
    os.kill(worker_pid, signal.SIGKILL)
    assert end_of(home, waits).task.state is TaskState.DONE
    assert home.ask(ask.GetTask(task_id=left)).task.state is TaskState.QUEUED
    is_whole(home)
