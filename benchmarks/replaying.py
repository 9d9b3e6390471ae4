"""Row 9: what it costs to plan the replay of a million dead letters, and who waits meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from figures import Line, percentile
from full_store import FUNCTIONS, fill
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from process_use import peak_mib, rss_mib

from fnr.api.replay_requests import CancelReplays, GetReplay, StartReplay
from fnr.api.requests import PauseFunction, Submit, TaskSpec
from fnr.client.connect import Connection
from fnr.config.paths import find_paths
from fnr.policy.replay import ReplayOptions, ReplayPlan, ReplayState

# Words in the message of every letter's error: each letter is looked at, together with its error.
WHERE = "boom attempts>0"
PAUSE_S = 0.004
RATE_PER_H = 100 * 3_600
PLANNING_S_MUST = 10.0
PLANNING_MIB_MUST = 100.0
SUBMIT_RATIO_MUST = 2.0


def replaying(plan: Plan) -> list[Line]:
    """Plan the replay of every letter by a filter that looks at each, then let it run.

    planned: from before StartReplay to the answer that says that the set is frozen. memory: how
    far the daemon's resident memory rose meanwhile, at its peak. submit: one task after the other
    on one connection, 4 ms apart, of a paused function; p99 of its answers while nothing else goes
    on, while the set is frozen, and while letters are put back at 100 a second and run by two
    workers; each as a multiple of the first.
    """
    home = plan.folder / "r"
    store = Path(find_paths(home=str(home)).store_file)
    store.parent.mkdir(parents=True)
    fill(store, count=plan.letters, dead_of_ten=10)
    toml = "\n".join(
        function_toml(f"f{number}", python="worked_tasks:plain", workers=1)
        for number in range(FUNCTIONS)
    ) + function_toml("noop", python="worked_tasks:plain", workers=1)
    with LiveDaemon(home, toml) as daemon, daemon.connection() as connection:
        daemon.idle_workers(FUNCTIONS + 1)
        connection.ask(PauseFunction(functions=["noop"]))
        _submits(connection, lambda count: count < 100)
        before_mib = rss_mib(daemon.process.pid)
        idle_ms = _submits(connection, lambda count: count < plan.letter_submits)
        from_s = time.perf_counter()
        started = daemon.ask(StartReplay(where=WHERE, options=ReplayOptions(rate_per_h=RATE_PER_H)))
        planning_ms = _submits(connection, lambda _: not _frozen(daemon, started))
        took_s = time.perf_counter() - from_s
        grown_mib = peak_mib(daemon.process.pid) - before_mib
        running_ms = _submits(connection, lambda count: count < plan.letter_submits)
        found = _plan(daemon, started)
        daemon.ask(CancelReplays(plan_ids=[started.plan_id]))
    if found.total != plan.letters or not found.put_back:
        raise RuntimeError(f"{found.total} of {plan.letters} planned, {found.put_back} put back")
    return [
        _line(f"replay of {plan.letters:,} letters by a filter: planned", took_s, "s",
              PLANNING_S_MUST),
        _line("memory that planning took", grown_mib, "MiB", PLANNING_MIB_MUST),
        _ratio("submit p99 while planning", planning_ms, idle_ms),
        _ratio("submit p99 while 100 letters/s are put back", running_ms, idle_ms),
    ]  # fmt: skip


def _submits(connection: Connection, more: Callable[[int], bool]) -> list[float]:
    """How long each answer took, in ms."""
    took_ms: list[float] = []
    request = Submit(task=TaskSpec(function="noop", input=msgspec.Raw(b'{"payload":"x"}')))
    while more(len(took_ms)):
        from_ns = time.perf_counter_ns()
        connection.ask(request)
        took_ms.append((time.perf_counter_ns() - from_ns) / 1e6)
        time.sleep(PAUSE_S)
    return took_ms


def _frozen(daemon: LiveDaemon, started: ReplayPlan) -> bool:
    return _plan(daemon, started).state is not ReplayState.PLANNING


def _plan(daemon: LiveDaemon, started: ReplayPlan) -> ReplayPlan:
    return daemon.ask(GetReplay(plan_id=started.plan_id, reasons=False)).plan


def _line(what: str, value: float, unit: str, must: float) -> Line:
    return Line(section="replay", what=what, unit=unit, fnr=[value], must=must, goal=must)


def _ratio(what: str, ms: list[float], idle_ms: list[float]) -> Line:
    high, low = percentile(ms, 99), percentile(idle_ms, 99)
    return Line(
        section="replay",
        what=what,
        unit="× idle",
        fnr=[high / low],
        must=SUBMIT_RATIO_MUST,
        goal=SUBMIT_RATIO_MUST,
        note=f"{high:.2f} ms against {low:.2f} ms",
    )
