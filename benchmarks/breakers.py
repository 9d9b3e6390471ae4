"""What breakers cost while all is well, and how soon every process sees one open.

Every call begins and ends well, with its breaker closed: the price that is paid all day. fnr's is
shared by all processes of a host and survives a restart; the others keep theirs in one process.
"""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from figures import Line
from live_daemon import LiveDaemon
from plan import Plan

from fnr.api.breaker_requests import ForceBreakers, ResetBreakers
from fnr.config.paths import find_paths
from fnr.config.settings import FunctionSettings, Settings
from fnr.daemon.breaker_gate import BreakerGate
from fnr.daemon.breakers import Breakers
from fnr.daemon.pool import Pool
from fnr.host.breaker_file import BreakerFile, BreakerRecord, BreakerView
from fnr.host.clock import Clock
from fnr.policy.breaker import BreakerState
from fnr.store.migrate import migrate
from fnr.store.transaction import Transaction
from fnr.worker import sdk
from fnr.worker.breakers import Calls
from fnr.worker.trials import Trials

SERVICE = "storage"
PROCESSES = 8
WATCHER = """
import sys, time
from fnr.host.breaker_file import BreakerView
from fnr.host.clock import Clock
view = BreakerView(sys.argv[1], Clock().boot_id(), sys.argv[2])
seen = None
while sys.stdin.readline():
    while (record := view.look()) is None or record.state == seen:
        time.sleep(0.0002)
    seen = record.state
    print(time.monotonic_ns(), flush=True)
"""


def breakers(plan: Plan) -> list[Line]:
    """The decision in a worker and in the daemon, a whole guarded call, and open to visible.

    decision in a worker: whether a guarded call may begin, as the SDK asks it: it looks at the
    record that the daemon shows, once a millisecond at most. One look: that alone, each time. A
    guarded call: `with fnr.breaker(NAME): pass`, of which the peers know only the whole. In the
    daemon: one look of the gate before a claim of a function with one service. The others: one
    call of an empty function through their breaker.
    p99 of single calls, with the clock's own price of some 50 ns in it. Visible: from the request
    that opens a breaker until the last of eight processes has seen it, the commit included.
    """
    clock, folder = Clock(), plan.folder / "breakers"
    folder.mkdir(exist_ok=True)
    path = str(folder / "shown")
    BreakerFile(path, clock.boot_id()).publish([BreakerRecord(name=SERVICE, state="closed")])
    view = BreakerView(path, clock.boot_id(), SERVICE)
    count = plan.breaker_calls
    peers = ", ".join(
        f"{name} {median(_p99_us(call, count) for _ in range(plan.runs)):.2f} µs"
        for name, call in _peers()
    )
    duty: Any = SimpleNamespace(trials=Trials(""), running=None, report=lambda _: None)
    calls = Calls(duty, path=path, clock=clock, wake=lambda: None, wake_at=lambda *_, **__: None)
    host: Any = SimpleNamespace(guard=calls.guard)
    admit = _gate(folder)
    before = sdk.host()
    sdk.set_host(host)
    try:
        return [
            _line("decision in a worker, p99", _decision(calls), plan, must=1.0, note=""),
            _line("one look at its record, p99", view.look, plan, must=None, note=""),
            _line("guarded call in a worker, p99", _guarded, plan, must=None, note=peers),
            _line("decision in the daemon, p99", admit, plan, must=10.0, note=""),
            _visible(plan),
        ]
    finally:
        sdk.set_host(before)


def _line(
    what: str, call: Callable[[], object], plan: Plan, *, must: float | None, note: str
) -> Line:
    values = [_p99_us(call, plan.breaker_calls) for _ in range(plan.runs)]
    return Line(
        section="breakers", what=f"breaker: {what}", unit="µs", fnr=values, must=must, note=note
    )


def _p99_us(call: Callable[[], object], count: int) -> float:
    clock = time.perf_counter_ns
    took = []
    for _ in range(count):
        from_ns = clock()
        call()
        took.append(clock() - from_ns)
    took.sort()
    return took[int(len(took) * 0.99)] / 1e3


def _decision(calls: Calls) -> Callable[[], object]:
    guard = calls.guard
    return lambda: guard(SERVICE, ())


def _guarded() -> None:
    with sdk.breaker(SERVICE):
        pass


def _nothing() -> None:
    """What is guarded."""


def _peers() -> list[tuple[str, Callable[[], object]]]:
    """Those that are installed, each with a closed breaker."""
    found: list[tuple[str, Callable[[], object]]] = []
    for name in ("pybreaker", "aiobreaker"):
        with suppress(ImportError):
            breaker = importlib.import_module(name).CircuitBreaker(fail_max=5)
            found.append((name, lambda breaker=breaker: breaker.call(_nothing)))
    with suppress(ImportError):
        factory = importlib.import_module("purgatory").SyncCircuitBreakerFactory()

        def purgatory() -> None:
            with factory.get_breaker(SERVICE):
                pass

        found.append(("purgatory", purgatory))
    return found


def _gate(folder: Path) -> Callable[[], object]:
    """The daemon's gate for a function with one service, over a store of its own."""
    connection = sqlite3.connect(folder / "fnr.db", isolation_level=None)
    migrate(connection)
    tx = Transaction(connection)
    clock = Clock()
    parts: Any = SimpleNamespace(
        paths=find_paths(home=str(folder)),
        boot_id=clock.boot_id(),
        clock=clock,
        settings=Settings(),
        store=SimpleNamespace(on_undone=lambda _: None),
    )
    known = Breakers(parts)
    known.ensure(tx, [SERVICE])
    dispatcher: Any = SimpleNamespace(pools={})
    gate = BreakerGate(parts, dispatcher, known)
    pool = Pool(settings=FunctionSettings(name="f", kind="python", services=(SERVICE,)))
    worker: Any = None
    return lambda: gate.admit(tx, pool, worker, 1)


def _visible(plan: Plan) -> Line:
    """Milliseconds from asking the daemon until the last of the processes has seen it."""
    took: list[float] = []
    with LiveDaemon(plan.folder / "visible", "") as daemon:
        path = daemon.paths.breaker_file
        watchers = [
            subprocess.Popen(
                [sys.executable, "-c", WATCHER, path, SERVICE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]
        _seen(watchers)
        opened = ForceBreakers(names=[SERVICE], state=BreakerState.FORCED_OPEN, for_ms=3_600_000)
        for request in (opened, ResetBreakers(names=[SERVICE])) * plan.breaker_openings:
            _ask_to_look(watchers)
            from_ns = time.monotonic_ns()
            daemon.ask(request)
            took.append((_answers(watchers) - from_ns) / 1e6)
        for watcher in watchers:
            watcher.communicate()
    took.sort()
    return Line(
        section="breakers",
        what=f"breaker: opened, visible in all of {PROCESSES} processes, p99",
        unit="ms",
        fnr=[took[int(len(took) * 0.99)]],
        must=100.0,
        goal=50.0,
        note=f"median {took[len(took) // 2]:.1f} ms, from the request on, with its commit",
    )


def _seen(watchers: list[subprocess.Popen[str]]) -> None:
    _ask_to_look(watchers)
    _answers(watchers)


def _ask_to_look(watchers: list[subprocess.Popen[str]]) -> None:
    for watcher in watchers:
        assert watcher.stdin is not None
        watcher.stdin.write("look\n")
        watcher.stdin.flush()


def _answers(watchers: list[subprocess.Popen[str]]) -> int:
    """When the last of them saw it."""
    return max(int(watcher.stdout.readline()) for watcher in watchers if watcher.stdout)
