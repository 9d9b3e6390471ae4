"""Services that are ill in their own way: one flaps, one hangs, one is waited for by a rule."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from breaker_news import BreakerNews, breaker_of
from test_breakers_live import GUARDED, LONG, HomeAt, bad, function, is_whole, moves_of
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import ListBreakerMoves, ListBreakers, ResetBreakers
from fnr.api.errors import TimedOut
from fnr.api.incident_requests import ListIncidents
from fnr.config.breakers import BREAKERS_MAX

__all__ = ["bad"]

REST_MS = 400
# A move is stamped, on another clock, a little after the moment that decided it; half of the
# shortest rest still tells each from the one before it.
STAMP_MS = REST_MS // 2


def test_a_service_that_flaps_is_left_alone_for_longer_each_time(
    home_at: HomeAt, bad: Path
) -> None:
    """It answers its trial, and fails as soon as its breaker has closed."""
    declared = function("call", extra='services = ["storage"]\nworkers = 1\nwindow = 1')
    home = home_at(f'[breakers.storage]\nfailures = 3\nopen = "{REST_MS}ms"\n' + declared).up()
    news = BreakerNews(home)
    ids: list[str] = []

    def fall_ill() -> None:
        bad.touch()
        ids.extend(submit(home, "call", {"bad": str(bad)}, retries_max=100) for _ in range(3))

    news.until("storage open", act=fall_ill)
    for _ in range(3):
        news.until("storage half_open", "storage closed", act=bad.unlink)
        news.until("storage open", act=fall_ill)
    told = re.findall(r" breaker moved .* to=(\w+) ", home.log())
    moves = home.ask(ListBreakerMoves(name="storage", limit=1_000))[::-1]
    assert moves[0].facts["openings"] == 1
    for before, move in pairwise(moves):
        rest_ms = REST_MS << before.facts["openings"] - 1
        quiet = move.at_ms - before.at_ms > rest_ms - STAMP_MS
        match before.after, move.after:
            case "open", "half_open":
                assert quiet
            case "half_open", "open":  # so busy a host that the service was not well in time
                assert move.facts["openings"] == before.facts["openings"] + 1
            case "closed", "open":
                # Or so busy that three calls took as long as the last rest: it was quiet again.
                counted = {before.facts["openings"] + 1, *([1] if quiet else [])}
                assert move.facts["openings"] in counted
            case one:
                assert one == ("half_open", "closed")
    # What people are told: each move once, and one incident however often it has happened.
    assert told.count("closed") == 3
    assert told == [move.after for move in moves][: len(told)]
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


def test_a_call_that_hangs_over_a_restart_opens_it_too(home_at: HomeAt, tmp_path: Path) -> None:
    """Method: the daemon is killed as soon as the call has begun, before it could look at it."""
    breaker = '[breakers.storage]\nfailures = 1\nopen = "1h"\ncall_max = "100ms"\n'
    home = home_at(breaker + function("hang", "block_on", 'services = ["storage"]')).up()
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    task_id = submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    assert started.read_text()
    home.kill()
    home.up()
    while breaker_of(home).state != "open":
        with suppress(TimedOut):
            home.ask(ask.WaitTasks(task_ids=[task_id], timeout_ms=50))
    assert "has not ended after 100 ms" in home.ask(ListBreakerMoves(name="storage"))[0].why
    gate.write_text("at last")
    assert end_of(home, task_id).task.state == "done"


def test_a_call_max_that_is_written_while_a_call_hangs_counts_for_it(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Nothing else of its function may ever begin, for the call holds its only worker."""
    breaker = '[breakers.storage]\nfailures = 1\nopen = "1h"\n'
    hang = function("hang", "block_on", 'services = ["storage"]')
    home = home_at(breaker + hang).up()
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    news = BreakerNews(home)
    submit(home, "hang", {"fifo": str(gate), "started": str(started)})
    assert started.read_text()
    home.write(breaker + 'call_max = "100ms"\n' + hang)
    news.until("storage open", act=lambda: home.ask(ask.ReloadConfig()))


def test_a_call_to_a_service_that_is_forgotten_hides_no_other_one_that_hangs(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: workers of an earlier daemon hang; a reload takes one's service out of the file, and
    fills the file with so many others that it is forgotten."""
    limits = """
[breakers.default]
call_max = "1h"
[breakers.storage]
failures = 1
open = "1h"
call_max = "1h"
"""
    called = {"first": "gone", "second": "storage"}
    functions = [
        function(name, "block_on", f'services = ["{service}"]') for name, service in called.items()
    ]
    home = home_at(limits + "".join(functions)).up()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    task_ids = []
    for name in called:
        os.mkfifo(tmp_path / name)
        given = {"fifo": str(gate), "started": str(tmp_path / name)}
        task_ids.append(submit(home, name, given))
        assert (tmp_path / name).read_text()
    home.kill()
    home.up()
    # All that a file may name, the built-in ones among them.
    others = "".join(f"[breakers.other-{number}]\n" for number in range(BREAKERS_MAX - 4))
    again = "".join(functions).replace('"gone"', '"storage"')
    home.write(limits.replace('call_max = "1h"', 'call_max = "100ms"') + others + again)
    assert home.ask(ask.ReloadConfig()).changed == ["first"]
    while breaker_of(home).state != "open":
        with suppress(TimedOut):
            home.ask(ask.WaitTasks(task_ids=task_ids, timeout_ms=50))
    assert "gone" not in {one.name for one in home.ask(ListBreakers())}


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
