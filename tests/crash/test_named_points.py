"""SIGKILL of the daemon at every named place of its code, and at random instants under load.

Method: one home lives through many days. Each day's daemon is armed to die at another place, and
the day does the work that surely leads there; the next day's start is the recovery. At the end
nothing that was ever accepted may be missing, and no task that ran to its end may have run there
twice. `FNR_CRASH_DAYS=500 FNR_CRASH_SEED=7` runs whole days with random places and passages
instead of each place once.
"""

from __future__ import annotations

import ctypes
import os
import random  # noqa: TID251 - seeded, and the seed is printed with a failure
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from busy_day import TOML, WORKS, BusyDay, DaemonDied
from live_home import LiveHome, end_workers
from places import ENDING, PLACES, STARTING, WORK_OF, WORKED, named_places

from fnr.api import requests as ask
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]
SEED = int(os.environ.get("FNR_CRASH_SEED", "20261123"))
DAYS = int(os.environ.get("FNR_CRASH_DAYS", "0"))
SHARES = 3
INSTANTS = int(os.environ.get("FNR_CRASH_INSTANTS", "5"))


@pytest.fixture
def day(home_at: HomeAt, tmp_path: Path) -> Iterator[BusyDay]:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # Workers of a killed daemon become ours, so that one that we end is gone and no zombie.
    adopt_orphans(True)
    yield BusyDay(home_at(TOML), tmp_path / "marks", gate)
    adopt_orphans(False)


def adopt_orphans(wanted: bool) -> None:
    """Become the subreaper of everything below this process, or stop being it."""
    assert ctypes.CDLL(None).prctl(36, int(wanted), 0, 0, 0) == 0


def check_nothing_is_lost(day: BusyDay) -> None:
    """The last day: everything ends, and the outside ledger agrees with the store."""
    day.home.up()
    day.live()
    for task_id in day.accepted.values():
        detail = day.home.ask(ask.GetTask(task_id=task_id))
        assert detail.task.task_id == task_id
    ended = [key for key in day.marked if key in day.accepted]
    day.home.ask(ask.WaitTasks(task_ids=[day.accepted[key] for key in ended], timeout_ms=30_000))
    ran = Counter(day.marks.read_text().split())
    lost = [key for key in ended if ran[key] == 0]
    twice = [key for key, count in ran.items() if count > 1]
    assert (lost, twice) == ([], []), f"seed {SEED}"
    states = {key: day.home.ask(ask.GetTask(task_id=day.accepted[key])).task for key in ended}
    assert {task.state for task in states.values()} == {TaskState.DONE}
    day.home.ask(ask.StopDaemon(drain=True))
    assert day.home.process is not None
    day.home.process.wait(timeout=60)
    checked = day.home.fnr("db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def die_surely(day: BusyDay, place: str) -> None:
    """Live until the daemon dies at this place; a day on which it does not is a failure."""
    if place in STARTING:
        # The next start has somebody to mourn and to replace.
        end_workers(day.home.folder / "logs" / "victim")
    up = day.home.start(env={"FNR_FAILPOINT": place})
    assert day.home.process is not None
    with suppress(DaemonDied):
        if place == "interrupt-begins":
            day.ask(ask.StopDaemon(now=True))
        elif place in ENDING:
            day.home.process.send_signal(signal.SIGTERM)
        elif up:
            day.live([WORK_OF[place]] if place in WORK_OF else [])
    try:
        ended = day.home.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        pytest.fail(f"nothing passed {place}\n{day.home.log()[-4_000:]}")
    assert ended == -signal.SIGKILL, day.home.log()[-4_000:]


def die_perhaps(day: BusyDay, passage: str) -> None:
    """A whole day, until the daemon dies or the day is over."""
    end_workers(day.home.folder / "logs" / "victim")
    up = day.home.start(env={"FNR_FAILPOINT": passage})
    assert day.home.process is not None
    with suppress(DaemonDied):
        if up:
            day.live()
            day.home.process.send_signal(signal.SIGTERM)
    assert day.home.process.wait(timeout=30) in {0, -signal.SIGKILL}, day.home.log()[-4_000:]


def test_the_places_are_those_of_the_code() -> None:
    assert sorted(PLACES) == named_places()
    assert {*WORKED} <= {*WORKS}


@pytest.mark.timeout(300)
@pytest.mark.skipif(DAYS > 0, reason="a campaign was asked for")
@pytest.mark.parametrize("share", range(SHARES))
def test_a_kill_at_every_named_place_loses_nothing(day: BusyDay, share: int) -> None:
    """Method: several homes, each killed at its share of the places, so that they run at once."""
    # Whoever starts next finds letters and an incident, living workers and a dead one.
    day.home.up()
    day.live(["invalid", "workers"])
    day.home.kill()
    for place in PLACES[share::SHARES]:
        die_surely(day, place)
    check_nothing_is_lost(day)


@pytest.mark.timeout(3_600)
@pytest.mark.skipif(DAYS == 0, reason="on demand: FNR_CRASH_DAYS=500")
def test_a_campaign_of_random_kills_loses_nothing(day: BusyDay) -> None:
    chance = random.Random(SEED)
    for _ in range(DAYS):
        die_perhaps(day, f"{chance.choice(PLACES)}@{chance.randint(1, 12)}")
    check_nothing_is_lost(day)


@pytest.mark.timeout(120)
def test_a_kill_at_a_random_instant_loses_nothing(day: BusyDay) -> None:
    chance = random.Random(SEED)
    for _ in range(INSTANTS):
        day.home.up()
        process = day.home.process
        assert process is not None
        assassin = threading.Timer(chance.uniform(0.02, 0.6), process.kill)
        assassin.start()
        with suppress(DaemonDied):
            day.live()
        assassin.join()
        process.wait(timeout=30)
    check_nothing_is_lost(day)
