"""The TUI on a real terminal: how soon it shows something, how soon a key does, what it costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from figures import Line
from full_store import fill
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from process_use import rss_mib, use_of
from terminal_program import TerminalProgram

from fnr.config.paths import find_paths

EVENTS_PER_S = 100
# A task that is done tells three things: queued, running, done.
EVENTS_PER_TASK = 3
KEPT = '[store]\nkeep_done = "30000d"\n'
FIRST_SCREEN = "needs attention"


def tui(plan: Plan) -> list[Line]:
    """`fnr tui` on a pseudo terminal of 120×40, with the store of `million`.

    First screen: from the start of the process until the dashboard's panels have been written.
    Key: from "j" until the list says that its cursor is on the next row; the list is filtered, and
    tasks run meanwhile that make 100 events a second. Memory: VmRSS after that. Idle: time on a
    CPU with nothing happening and the list on the screen, in percent of one core.
    """
    home = plan.folder / "t"
    store = Path(find_paths(home=str(home)).store_file)
    store.parent.mkdir(parents=True)
    fill(store, count=plan.million_tasks)
    # The stored tasks are years old; what is done would be forgotten while we look at it.
    toml = f"{function_toml('noop', python='worked_tasks:plain', workers=1)}\n{KEPT}"
    with LiveDaemon(home, toml) as daemon:
        daemon.idle_workers(1)
        firsts_ms = [_first_screen_ms(home) for _ in range(plan.runs + 1)][1:]
        with TerminalProgram(home, ["tui", "tasks"]) as program:
            program.wait_for("1 of [0-9,]+[^0-9,]")
            every = program.found[len("1 of ") : -1]
            program.type("/")
            program.wait_for("fnr help filters")
            program.type("state:dead\r")
            # Another count: the filter is in force, and what is typed next goes to the list.
            program.wait_for(f"1 of (?!{every}[^0-9,])[0-9,]+[^0-9,]")
            keys_ms = _keys_ms(program, daemon, plan.million_asks // 4 or 1)
            memory_mib = rss_mib(program.process.pid)
            program.drain(plan.idle_settle_s)
            before, from_s = use_of(program.process.pid), time.monotonic()
            program.drain(plan.idle_s)
            after, took_s = use_of(program.process.pid), time.monotonic() - from_s
    cpu_percent = (after.cpu_ns - before.cpu_ns) / 1e7 / took_s
    stored = f"{plan.million_tasks:,} tasks"
    return [
        _line("first screen", "ms", firsts_ms, must=700, goal=500),
        _line(f"key to repaint, {stored}, 100 events/s", "ms", keys_ms, must=50, goal=20),
        _line("memory", "MiB", [memory_mib], must=120, goal=100),
        _line("idle, CPU", "% of a core", [cpu_percent], must=5, goal=2),
    ]


def _line(what: str, unit: str, values: list[float], *, must: float, goal: float) -> Line:
    return Line(section="tui", what=f"TUI {what}", unit=unit, fnr=values, must=must, goal=goal)


def _first_screen_ms(home: Path) -> float:
    with TerminalProgram(home, ["tui"]) as program:
        return (program.wait_for(FIRST_SCREEN) - program.started_s) * 1_000


def _keys_ms(program: TerminalProgram, daemon: LiveDaemon, count: int) -> list[float]:
    """Each time of one key, while tasks run."""
    stop = threading.Event()
    busy = threading.Thread(target=_keep_busy, args=(daemon, stop))
    busy.start()
    try:
        found = []
        for row in range(2, count + 2):
            pressed_s = program.type("j")
            found.append((program.wait_for(rf"[^0-9,]{row:,} of [0-9,]+") - pressed_s) * 1_000)
            program.drain(0.05)
        return found
    finally:
        stop.set()
        busy.join()


def _keep_busy(daemon: LiveDaemon, stop: threading.Event) -> None:
    with daemon.client() as client:
        while not stop.wait(EVENTS_PER_TASK / EVENTS_PER_S):
            client.submit("noop", {"payload": "x"})
