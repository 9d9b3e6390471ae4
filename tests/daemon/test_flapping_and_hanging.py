"""Services that are ill in their own way: one flaps, one hangs, one is waited for by a rule."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from breaker_news import BreakerNews, breaker_of
from test_breakers_live import GUARDED, LONG, HomeAt, bad, function, is_whole, moves_of
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ListBreakerMoves, ResetBreakers
from fnr.api.errors import TimedOut
from fnr.api.incident_requests import ListIncidents

__all__ = ["bad"]


def test_a_service_that_flaps_is_left_alone_for_longer_each_time(
    home_at: HomeAt, bad: Path
) -> None:
    """It answers its trial, and fails as soon as its breaker has closed."""
    declared = function("call", extra='services = ["storage"]\nworkers = 1\nwindow = 1')
    home = home_at('[breakers.storage]\nfailures = 3\nopen = "400ms"\n' + declared).up()
    news = BreakerNews(home)
    ids: list[str] = []

    def fall_ill() -> None:
        bad.touch()
        ids.extend(submit(home, "call", {"bad": str(bad)}, retries_max=100) for _ in range(3))

    news.until("storage open", act=fall_ill)
    for _ in range(3):
        news.until("storage half_open", "storage closed", act=bad.unlink)
        news.until("storage open", act=fall_ill)
    moves = home.ask(ListBreakerMoves(name="storage", limit=1_000))[::-1]
    assert [move.after for move in moves] == [*["open", "half_open", "closed"] * 3, "open"]
    # On a host so busy that three calls took as long as the last rest, it was quiet for a while.
    wanted_ms = [400]
    for closed, opened in pairwise(moves):
        if (closed.after, opened.after) == ("closed", "open"):
            quiet = opened.at_ms - closed.at_ms >= wanted_ms[-1]
            wanted_ms.append(400 if quiet else 2 * wanted_ms[-1])
    rests_ms = [
        after.at_ms - before.at_ms
        for before, after in pairwise(moves)
        if (before.after, after.after) == ("open", "half_open")
    ]
    assert len(rests_ms) == 3
    assert all(rest >= wanted for rest, wanted in zip(rests_ms, wanted_ms, strict=False)), rests_ms
    assert 400 << breaker_of(home).openings - 1 == wanted_ms[-1]
    # What people are told: each move once, and one incident however often it has happened.
    assert home.log().count("breaker moved") == len(moves)
    [incident] = home.ask(ListIncidents()).items
    assert incident.count >= 4 * 3
    bad.unlink()
    home.ask(ResetBreakers(names=["storage"]))
    assert {end_of(home, one).task.state for one in ids} == {"done"}
    is_whole(home)


def test_a_guarded_call_that_hangs_opens_it_while_it_does(
    home_at: HomeAt, bad: Path, tmp_path: Path
) -> None:
    toml = LONG.replace("failures = 3", 'failures = 1\ncall_max = "100ms"') + GUARDED
    home = home_at(toml).up()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    bad.unlink()
    news = BreakerNews(home)
    hanging: list[str] = []
    news.until(
        "storage open",
        act=lambda: hanging.append(submit(home, "guard", {"bad": str(bad), "gate": str(gate)})),
    )
    assert "a call has run for " in breaker_of(home).samples[0]
    assert "(call_max 100 ms)" in breaker_of(home).samples[0]
    gate.write_text("")
    assert end_of(home, hanging[0]).task.state == "done"
    assert moves_of(home) == ["open"]


def test_a_rule_that_waits_for_a_service_waits_for_the_one_that_was_met(
    home_at: HomeAt, bad: Path
) -> None:
    home = home_at(LONG + function("guard", "guard_call", 'services = ["comfyui", "storage"]'))
    rules = Path(home.paths.rules_dir)
    rules.mkdir(parents=True)
    rule = 'name = "resets"\ncategory = "resource"\nexception = "ConnectionResetError"\n'
    (rules / "own.toml").write_text(f'[[rule]]\n{rule}wait_for = "service"\n')
    home.up()
    task_id = submit(home, "guard", {"bad": str(bad)})
    task = home.ask(ask.GetTask(task_id=task_id)).task
    while task.waiting_for is None:
        with suppress(TimedOut):
            home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=50))
        task = home.ask(ask.GetTask(task_id=task_id)).task
    assert task.waiting_for == "service:storage"
    bad.unlink()
    home.ask(ResetBreakers(names=["storage"]))
    assert end_of(home, task_id).task.state == "done"
