"""SIGKILL of the daemon at every named place of its code, and at random instants under load.

Method: one home lives through many days. Each day's daemon is armed to die at another place; the
next day's start is the recovery. At the end nothing that was ever accepted may be missing, and
no task that ran to its end may have run there twice. `FNR_CRASH_DAYS=500 FNR_CRASH_SEED=7` runs
random places and passages instead of each place once.
"""

from __future__ import annotations

import ctypes
import os
import random  # noqa: TID251 - seeded, and the seed is printed with a failure
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from busy_day import TOML, BusyDay, DaemonDied
from live_home import LiveHome, end_workers

import fnr
from fnr.api import requests as ask
from fnr.policy.task import TaskState

HomeAt = Callable[[str], LiveHome]
SEED = int(os.environ.get("FNR_CRASH_SEED", "20261123"))
DAYS = int(os.environ.get("FNR_CRASH_DAYS", "0"))
SHARES = 4
INSTANTS = int(os.environ.get("FNR_CRASH_INSTANTS", "5"))


# Places that take a GPU or a second of waiting to come to, and the test that dies there.
DIED_AT_ELSEWHERE = frozenset(
    {
        "condition-in-unit", "condition-woken",  # daemon/test_conditions_live
        "seat-committed", "seat-in-unit",  # daemon/test_gpus_live
    }
)  # fmt: skip
# The busy day has no breaker, checkpoint or takeover yet: nothing dies there.
NOT_IN_THE_DAY = frozenset({"breaker-moved-in-unit", "checkpoint-committed", "handed-over-in-unit"})


def named_points() -> list[str]:
    """Every failpoint that the daemon's code names and no test of its own dies at."""
    daemon = Path(fnr.__file__).parent / "daemon"
    found = {
        name
        for file in daemon.glob("*.py")
        if not file.name.startswith("undo")
        for name in re.findall(r'failpoint\("([a-z-]+)"\)', file.read_text())
    }
    assert found >= DIED_AT_ELSEWHERE | NOT_IN_THE_DAY
    return sorted((found - DIED_AT_ELSEWHERE - NOT_IN_THE_DAY) | {"commit-before", "commit-after"})


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


def die_at(day: BusyDay, point: str) -> bool:
    """Live until the daemon dies at this place; False when it got through the whole day."""
    # A worker that ran nothing dies with the daemon, so that the next one has somebody to mourn.
    end_workers(day.home.folder / "logs" / "victim")
    up = day.home.start(env={"FNR_FAILPOINT": point})
    assert day.home.process is not None
    try:
        if not up:
            raise DaemonDied
        day.live()
    except DaemonDied:
        assert day.home.process.wait(timeout=30) == -signal.SIGKILL, day.home.log()[-4_000:]
        return True
    # Some places lie on the way out.
    if point.startswith("interrupt"):
        with suppress(DaemonDied):
            day.ask(ask.StopDaemon(now=True))
    else:
        day.home.process.send_signal(signal.SIGTERM)
    return day.home.process.wait(timeout=30) == -signal.SIGKILL


@pytest.mark.timeout(300)
@pytest.mark.skipif(DAYS > 0, reason="a campaign was asked for")
@pytest.mark.parametrize("share", range(SHARES))
def test_a_kill_at_every_named_place_loses_nothing(day: BusyDay, share: int) -> None:
    """Method: several homes, each killed at its share of the places, so that they run at once."""
    assert len(named_points()) >= 50
    points = named_points()[share::SHARES]
    # Whoever starts first finds nothing to adopt.
    die_at(day, "end-announced")
    survived = [point for point in points if not die_at(day, point)]
    # A day can pass a place by: whoever ended in good order leaves nobody to adopt.
    die_at(day, "end-announced")
    survived = [point for point in survived if not die_at(day, point)]
    check_nothing_is_lost(day)
    # A place that nothing passes proves nothing.
    assert not survived, f"nothing passed {survived}"


@pytest.mark.timeout(3_600)
@pytest.mark.skipif(DAYS == 0, reason="on demand: FNR_CRASH_DAYS=500")
def test_a_campaign_of_random_kills_loses_nothing(day: BusyDay) -> None:
    chance = random.Random(SEED)
    points = named_points()
    for _ in range(DAYS):
        die_at(day, f"{chance.choice(points)}@{chance.randint(1, 12)}")
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
