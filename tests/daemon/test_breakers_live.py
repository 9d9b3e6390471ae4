"""Breakers in a running daemon: what opens them, what waits, what is tested, what survives."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from breaker_news import BreakerNews, breaker_of
from live_home import FUNCTIONS, LiveHome
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.breaker_requests import (
    ForceBreakers,
    ListBreakerMoves,
    ListBreakers,
    ProbeBreaker,
    ResetBreakers,
)
from fnr.config.breakers import BREAKERS_MAX
from fnr.host.breaker_file import read_records
from fnr.host.clock import Clock
from fnr.policy.breaker import BreakerState
from fnr.store import check
from fnr.store.transaction import read_only

HomeAt = Callable[[str], LiveHome]
SOON = '[breakers.storage]\nfailures = 3\nopen = "200ms"\n'
LONG = '[breakers.storage]\nfailures = 3\nopen = "1h"\nopen_max = "1d"\n'


def function(name: str, target: str = "call_service", extra: str = "") -> str:
    return f"""
[functions.{name}]
python = "worked_functions:{target}"
cwd = "{FUNCTIONS}"
retry = {{ max = 10, delay = "1ms", delay_max = "2ms", per_window = 1000 }}
{extra}
"""


DECLARED = function("call", extra='services = ["storage"]')
GUARDED = function("guard", "guard_call")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """While this file is there the service is ill."""
    path = tmp_path / "bad"
    path.touch()
    return path


def opened(home: LiveHome, bad: Path, name: str = "call") -> tuple[BreakerNews, str]:
    """A home whose breaker of storage has just opened, and the task that opened it."""
    news = BreakerNews(home)
    task_ids: list[str] = []
    news.until("storage open", act=lambda: task_ids.append(submit(home, name, {"bad": str(bad)})))
    return news, task_ids[0]


def moves_of(home: LiveHome, name: str | None = "storage") -> list[str]:
    """Where it went, oldest first."""
    return [move.after for move in reversed(home.ask(ListBreakerMoves(name=name, limit=1_000)))]


def is_whole(home: LiveHome) -> None:
    """The store keeps its promises, those about breakers among them."""
    reader = read_only(home.paths.store_file)
    try:
        assert check.check(reader) == []
    finally:
        reader.close()


def shown_state(home: LiveHome, name: str = "storage") -> str:
    """What every process of the host is shown."""
    records = read_records(home.paths.breaker_file, Clock().boot_id())
    return {record.name: record.state for record in records}[name]


def test_failures_open_it_and_what_uses_it_waits_in_the_queue(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + DECLARED).up()
    _, task_id = opened(home, bad)
    breaker = breaker_of(home)
    assert breaker.why == "3 failures in a row (failures 3)"
    assert breaker.samples[0].startswith("call: ConnectionResetError")
    assert shown_state(home) == "open"
    status = home.ask(ask.GetStatus())
    [line] = [one for one in status.functions if one.function == "call"]
    assert line.counts["queued"] == 1
    assert line.holds["breaker"].startswith("breaker storage is open for another ")
    assert status.breakers["storage"] == line.holds["breaker"]
    assert home.ask(ask.GetTask(task_id=task_id)).task.attempts == 3


def test_one_trial_closes_it_and_everything_goes_on(home_at: HomeAt, bad: Path) -> None:
    home = home_at(SOON + DECLARED).up()
    news, task_id = opened(home, bad)
    others = [submit(home, "call", {"bad": str(bad)}) for _ in range(20)]
    bad.unlink()
    news.until("storage half_open", "storage closed")
    assert {end_of(home, one).task.state for one in (task_id, *others)} == {"done"}
    assert moves_of(home)[-2:] == ["half_open", "closed"]
    assert shown_state(home) == "closed"
    is_whole(home)


def test_a_failed_trial_costs_one_attempt_and_doubles_the_rest(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + 'probe = ["true"]\nprobe_every = "1h"\n' + DECLARED).up()
    news, _ = opened(home, bad)
    for _ in range(20):
        submit(home, "call", {"bad": str(bad)})
    news.until(
        "storage half_open", "storage open", act=lambda: home.ask(ProbeBreaker(name="storage"))
    )
    assert sum(task.attempts for task in home.ask(ask.ListTasks()).items) == 3 + 1
    breaker = breaker_of(home)
    assert breaker.openings == 2
    assert breaker.until_at_ms is not None
    assert breaker.since_at_ms is not None
    assert breaker.until_at_ms - breaker.since_at_ms > 3_600_000


def test_wrong_inputs_open_nothing(home_at: HomeAt) -> None:
    home = home_at(
        LONG.replace("failures = 3", "failures = 1")
        + function("bad", "fail", 'services = ["storage"]')
    ).up()
    for kind in ("ValueError", "PermissionError"):
        end_of(home, submit(home, "bad", {"kind": kind, "message": "no"}))
    assert moves_of(home) == []
    news = BreakerNews(home)
    given = {"kind": "ConnectionResetError", "message": "no"}
    news.until("storage open", act=lambda: submit(home, "bad", given))


def test_a_refused_call_parks_the_task_and_costs_nothing(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + GUARDED).up()
    news, task_id = opened(home, bad, "guard")
    task = parked(home, bad)
    assert (task.waiting_for, task.retries, task.waits, task.unknowns) == (
        "service:storage",
        0,
        0,
        0,
    )
    assert task.reason.startswith("breaker storage is open for another 3")
    detail = home.ask(ask.GetTask(task_id=task.task_id))
    assert (detail.errors, [one.outcome for one in detail.attempts]) == ([], ["interrupted"])
    assert breaker_of(home).streak == 3
    bad.unlink()
    news.until(
        "storage closed", act=lambda: home.ask(ResetBreakers(names=["storage"], reason="well"))
    )
    is_whole(home)
    assert home.ask(ask.GetTask(task_id=task_id)).task.task_id == task_id


def parked(home: LiveHome, bad: Path) -> Any:
    """A new task, once it waits; it comes when no event can be missed."""
    task_ids: list[str] = []
    events = home.connection(timeout_ms=60_000).watch(
        ask.Watch(functions=["guard"]),
        on_watching=lambda: task_ids.append(submit(home, "guard", {"bad": str(bad)})),
    )
    for event in events:
        if event.what == "waiting" and event.task_id in task_ids:
            break
    return home.ask(ask.GetTask(task_id=task_ids[0])).task


def test_guarded_calls_test_the_service_themselves(home_at: HomeAt, bad: Path) -> None:
    home = home_at(SOON + GUARDED).up()
    news, task_id = opened(home, bad, "guard")
    bad.unlink()
    others = [submit(home, "guard", {"bad": str(bad)}) for _ in range(5)]
    news.until("storage closed")
    assert {end_of(home, one).task.state for one in (task_id, *others)} == {"done"}
    is_whole(home)


def test_a_service_that_nobody_declared_gets_a_breaker(home_at: HomeAt, bad: Path) -> None:
    home = home_at('[breakers.default]\nfailures = 2\nopen = "1h"\n' + GUARDED).up()
    news = BreakerNews(home)
    news.until(
        "prompts open",
        act=lambda: submit(home, "guard", {"bad": str(bad), "service": "prompts"}),
    )
    assert shown_state(home, "prompts") == "open"
    assert moves_of(home, "storage") == []


# ── what survives ────────────────────────────────────────────────────────────


def test_a_killed_daemon_neither_closes_nor_forgets(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + DECLARED).up()
    _, task_id = opened(home, bad)
    before = breaker_of(home)
    home.kill()
    assert shown_state(home) == "open", "workers go on without the daemon"
    home.up()
    after = breaker_of(home)
    assert (after.state, after.generation, after.streak) == ("open", before.generation, 3)
    assert after.until_at_ms is not None and before.until_at_ms is not None
    assert abs(after.until_at_ms - before.until_at_ms) < 1_000
    assert home.ask(ask.GetTask(task_id=task_id)).task.attempts == 3
    is_whole(home)


def add_closed(home: LiveHome, names: list[str], *, days: int) -> None:
    """Breakers as a daemon that has ended left them: closed for so long."""
    with closing(sqlite3.connect(home.paths.store_file)) as store, store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(breaker)")]
        values = {"name": "?", "closed_ms": f"boot_ms - {days} * 86400000"}
        asked = ", ".join(values.get(column, column) for column in columns)
        store.executemany(
            f"INSERT INTO breaker SELECT {asked} FROM breaker WHERE name = 'storage'",
            [(name,) for name in names],
        )


def names_of(home: LiveHome) -> set[str]:
    return {breaker.name for breaker in home.ask(ListBreakers())}


def test_a_breaker_that_nobody_declares_is_forgotten_when_it_was_closed_for_a_week(
    home_at: HomeAt, bad: Path
) -> None:
    home = home_at('[breakers.default]\nfailures = 2\nopen = "1h"\n' + GUARDED).up()
    BreakerNews(home).until(
        "prompts open",
        act=lambda: submit(home, "guard", {"bad": str(bad), "service": "prompts"}),
    )
    built_in = names_of(home) - {"prompts"}
    home.kill()
    add_closed(home, ["old"], days=8)
    add_closed(home, ["young"], days=6)
    home.up()
    assert names_of(home) == built_in | {"prompts", "young"}
    assert {
        one.name for one in read_records(home.paths.breaker_file, Clock().boot_id())
    } == names_of(home)
    is_whole(home)


def test_breakers_that_nobody_declares_stand_in_no_declared_ones_way(home_at: HomeAt) -> None:
    home = home_at("").up()
    built_in = names_of(home)
    home.kill()
    add_closed(home, [f"used-{number}" for number in range(BREAKERS_MAX)], days=1)
    add_closed(home, ["used-longest-ago"], days=2)
    home.write("[breakers.zz]\n")
    home.up()
    found = names_of(home)
    assert len(found) == BREAKERS_MAX
    assert built_in | {"zz"} <= found
    assert "used-longest-ago" not in found


def test_a_streak_goes_on_behind_a_restart(home_at: HomeAt, bad: Path) -> None:
    once = function("call", extra='services = ["storage"]').replace("max = 10", "max = 0")
    home = home_at(LONG + once).up()
    for _ in range(2):
        end_of(home, submit(home, "call", {"bad": str(bad)}))
    home.kill()
    home.up()
    assert breaker_of(home).streak == 2
    end_of(home, submit(home, "call", {"bad": str(bad)}))
    assert breaker_of(home).state == "open"


@pytest.mark.parametrize("damage", ["truncated", "garbage", "gone"])
def test_a_damaged_file_is_made_anew_when_somebody_misses_it(
    home_at: HomeAt, bad: Path, damage: str
) -> None:
    home = home_at(LONG + GUARDED).up()
    opened(home, bad, "guard")
    path = Path(home.paths.breaker_file)
    match damage:
        case "truncated":
            os.truncate(path, 100)
        case "garbage":
            path.write_bytes(b"\xff" * 4_096)
        case "gone":
            path.unlink()
    task = parked(home, bad)
    assert task.waiting_for == "service:storage"
    news = BreakerNews(home)
    news.until("storage closed", act=lambda: home.ask(ResetBreakers(names=["storage"])))
    assert shown_state(home) == "closed"


def test_the_trial_of_a_killed_worker_is_free_at_once(
    home_at: HomeAt, bad: Path, tmp_path: Path
) -> None:
    """Method: the trial blocks until it is killed; only its death lets the next one begin."""
    began, gate = tmp_path / "began", tmp_path / "gate"
    os.mkfifo(began)
    os.mkfifo(gate)
    home = home_at(SOON + DECLARED).up()
    opened(home, bad)
    given = {"bad": str(bad), "gate": str(gate), "began": str(began)}
    slow = submit(home, "call", given, priority=10)
    bad.unlink()
    killed = int(began.read_text())
    assert breaker_of(home).state == "half_open"
    os.kill(killed, signal.SIGKILL)
    assert int(began.read_text()) != killed
    gate.write_text("go")
    assert end_of(home, slow).task.state == "done"


# ── by hand ──────────────────────────────────────────────────────────────────


def test_a_trial_that_comes_when_no_worker_is_left_gets_one(home_at: HomeAt, bad: Path) -> None:
    """Method: while its only worker has nothing to do the breaker opens for a moment."""
    few = 'window = 4\nidle_timeout = "200ms"\nworkers = { min = 0, max = 1 }\n'
    home = home_at(LONG + function("call", extra='services = ["storage"]\n' + few)).up()
    bad.unlink()
    end_of(home, submit(home, "call", {"bad": str(bad)}))
    news = BreakerNews(home)
    force = ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=1)
    news.until("storage half_open", act=lambda: home.ask(force))
    while home.ask(ask.ListWorkers()):
        pass
    assert end_of(home, submit(home, "call", {"bad": str(bad)})).task.state == "done"
    assert breaker_of(home).state == "closed"


def test_a_forced_state_that_is_too_short_or_too_long_is_refused(home_at: HomeAt) -> None:
    home = home_at(LONG + DECLARED).up()
    for time, said in (("0s", "0ms"), ("366d", "366d")):
        ran = home.fnr("breaker", "open", "storage", "--for", time)
        assert (ran.returncode, f"why: {said} was asked for" in ran.stderr) == (2, True)


def test_forced_states_begin_end_and_are_on_record(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + DECLARED).up()
    bad.unlink()
    end_of(home, submit(home, "call", {"bad": str(bad)}))
    news = BreakerNews(home)

    def force(state: BreakerState, for_ms: int) -> Callable[[], object]:
        request = ForceBreakers(names=["storage"], state=state, for_ms=for_ms, reason="a test")
        return lambda: home.ask(request)

    news.until("storage forced_open", act=force(BreakerState.FORCED_OPEN, 3_600_000))
    task_id = submit(home, "call", {"bad": str(bad)})
    holds = {one.function: one.holds for one in home.ask(ask.GetStatus()).functions}["call"]
    assert "is forced open for another 1h by " in holds["breaker"]
    assert holds["breaker"].endswith(": a test")
    news.until("storage forced_closed", act=force(BreakerState.FORCED_CLOSED, 3_600_000))
    assert end_of(home, task_id).task.state == "done"
    news.until("storage shadow", "storage closed", act=force(BreakerState.SHADOW, 50))
    by = {move.by for move in home.ask(ListBreakerMoves(name="storage"))}
    assert len(by) == 2
    assert "fnr" in by
    is_whole(home)


def test_a_shadow_says_what_it_would_do(home_at: HomeAt, bad: Path) -> None:
    home = home_at(SOON + "shadow = true\n" + DECLARED).up()
    news = BreakerNews(home)
    task_ids: list[str] = []
    news.until(
        "storage shadow", act=lambda: task_ids.append(submit(home, "call", {"bad": str(bad)}))
    )
    bad.unlink()
    assert end_of(home, task_ids[0]).task.state == "done"
    whys = [move.why for move in home.ask(ListBreakerMoves(name="storage"))]
    assert any(why.startswith("would be open: 3 failures in a row") for why in whys)


@pytest.mark.parametrize("by_hand", ["forced", "reset"])
def test_what_fnr_toml_calls_a_shadow_is_one_again_behind_what_was_done_by_hand(
    home_at: HomeAt, bad: Path, by_hand: str
) -> None:
    home = home_at(LONG + "shadow = true\n" + DECLARED).up()
    news = BreakerNews(home)
    request = (
        ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=1)
        if by_hand == "forced"
        else ResetBreakers(names=["storage"])
    )
    news.until("storage shadow", act=lambda: home.ask(request))
    task_ids: list[str] = []
    news.until(
        "storage shadow", act=lambda: task_ids.append(submit(home, "call", {"bad": str(bad)}))
    )
    bad.unlink()
    assert end_of(home, task_ids[0]).task.state == "done"
    assert breaker_of(home).forced_by == "fnr.toml"
    is_whole(home)


def test_a_reload_changes_numbers_and_forgets_nothing(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + DECLARED).up()
    news, task_id = opened(home, bad)
    bad.unlink()
    home.write("[breakers.storage]\nshadow = true\n" + DECLARED)
    news.until("storage shadow", act=lambda: home.ask(ask.ReloadConfig()))
    assert end_of(home, task_id).task.state == "done"
    home.write(DECLARED.replace('services = ["storage"]', 'services = ["other"]'))
    home.ask(ask.ReloadConfig())
    end_of(home, submit(home, "call", {"bad": str(bad)}))
    assert breaker_of(home, "other").state == "closed"
    assert breaker_of(home).generation >= 2


# ── health ───────────────────────────────────────────────────────────────────


@contextmanager
def service() -> Iterator[tuple[int, threading.Event]]:
    """A service on loopback that answers probes; 503 until its event is set."""
    well = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    asking, _ = door.accept()
                    with asking:
                        asking.recv(1 << 16)
                        status = b"200 OK" if well.is_set() else b"503 Busy"
                        asking.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield door.getsockname()[1], well
        finally:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_no_task_is_spent_while_the_probe_fails(home_at: HomeAt, bad: Path) -> None:
    with service() as (port, well):
        probe = f'probe = "http://127.0.0.1:{port}/health"\nprobe_every = "20ms"\n'
        home = home_at(SOON.replace("200ms", "40ms") + probe + DECLARED).up()
        news, task_id = opened(home, bad)
        report = home.ask(ProbeBreaker(name="storage"))
        assert (report.healthy, report.found) == (False, "HTTP 503 Busy")
        # Its rest of 40 ms is over long before this other breaker has come and gone.
        home.ask(ForceBreakers(names=["comfyui"], state=BreakerState.FORCED_OPEN, for_ms=300))
        news.until("comfyui half_open")
        assert moves_of(home) == ["open"]
        bad.unlink()
        news.until("storage half_open", "storage closed", act=well.set)
        assert end_of(home, task_id).task.state == "done"
        [tested] = [
            move for move in home.ask(ListBreakerMoves(name="storage")) if move.after == "half_open"
        ]
        assert tested.why == "its health probe succeeds"


def test_a_refused_task_is_not_tried_while_the_probe_fails(home_at: HomeAt, bad: Path) -> None:
    """It was tried once a second, for as long as the service was down."""
    with service() as (port, well):
        probe = f'probe = "http://127.0.0.1:{port}/health"\nprobe_every = "20ms"\n'
        home = home_at(SOON.replace("200ms", "40ms") + probe + GUARDED).up()
        news, _ = opened(home, bad, "guard")
        # Its rest of 40 ms is over long before this other breaker has come and gone.
        home.ask(ForceBreakers(names=["comfyui"], state=BreakerState.FORCED_OPEN, for_ms=300))
        news.until("comfyui half_open")
        task = parked(home, bad)
        assert task.due_at_ms - task.state_at_ms == 300_000
        bad.unlink()
        news.until("storage half_open", "storage closed", act=well.set)
        assert end_of(home, task.task_id).task.state == "done"
        assert home.ask(ask.GetTask(task_id=task.task_id)).task.attempts <= 3
        is_whole(home)


def test_the_probe_is_asked_before_a_task_when_a_forced_time_is_over(
    home_at: HomeAt, bad: Path
) -> None:
    bad.unlink()
    with service() as (port, well):
        probe = f'probe = "http://127.0.0.1:{port}/health"\nprobe_every = "20ms"\n'
        home = home_at(LONG + probe + DECLARED).up()
        news = BreakerNews(home)
        shut = ForceBreakers(names=["storage"], state=BreakerState.FORCED_OPEN, for_ms=300)
        news.until("storage forced_open", act=lambda: home.ask(shut))
        task_id = submit(home, "call", {"bad": str(bad)})
        news.until("storage open")
        assert home.ask(ProbeBreaker(name="storage")).healthy is False
        assert breaker_of(home).state == "open"
        news.until("storage half_open", "storage closed", act=well.set)
        detail = end_of(home, task_id)
        assert (detail.task.state, detail.task.attempts) == ("done", 1)


def test_a_probe_by_hand_ends_a_long_rest(home_at: HomeAt, bad: Path) -> None:
    home = home_at(LONG + 'probe = ["true"]\nprobe_every = "1h"\n' + DECLARED).up()
    news, task_id = opened(home, bad)
    bad.unlink()
    news.until(
        "storage half_open", "storage closed", act=lambda: home.ask(ProbeBreaker(name="storage"))
    )
    assert end_of(home, task_id).task.state == "done"
