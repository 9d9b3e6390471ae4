"""Row 5: how soon a killed worker's task has its error on record, and a new worker is at work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Line
from live_daemon import LiveDaemon, function_toml
from plan import Plan

from fnr.api.requests import Event, Watch
from fnr.client.sdk import Client

# The first death decides, so that the killed task does not come back into the next kill.
# No window: the task that waits must not be handed to the worker that is about to die.
ONE_DEATH = "window = 1\nretry = { max = 0, unknown_max = 0, deaths_max = 1 }"


def death(plan: Plan) -> list[Line]:
    """SIGKILL one plain Python worker while it runs a task, with one more task waiting.

    Both from just before kill() in the benchmark to the arrival of the daemon's event at a
    watching client. Error on record: the killed task is `dead`; events are sent after the COMMIT
    that stores error, ledger row and letter. Replacement ready: the waiting task is `running` on
    the new worker, which has therefore started, imported its function, said Ready and been given
    the task in a commit of its own. The killed worker had ended an attempt before, so that its
    restart is immediate. Proving that nothing is left of a worker means looking at every process
    of the machine; how many there are stands above the table. Huey has no supervision to compare;
    pm2, supervisord and circus are in README.md.
    """
    recorded_ms, replaced_ms = [], []
    toml = function_toml("hold", python="worked_tasks:hold", workers=1, more=ONE_DEATH)
    with (
        LiveDaemon(plan.folder / "k", toml) as daemon,
        daemon.client() as client,
        daemon.connection() as watching,
    ):
        daemon.idle_workers(1)
        client.result(client.submit("hold"))
        # Asked for only when the first event is: a death before that would never be heard of.
        events = watching.watch(Watch(functions=["hold"]), on_watching=lambda: _ask(client))
        next(event for event in events if event.what == "done")
        for number in range(plan.kills):
            recorded, replaced = _kill(client, events, daemon.home / f"fifo{number}")
            recorded_ms.append(recorded)
            replaced_ms.append(replaced)
    return [
        Line(
            section="death",
            what="worker SIGKILLed: error on record",
            unit="ms",
            fnr=recorded_ms,
            must=20,
            goal=5,
        ),
        Line(
            section="death",
            what="worker SIGKILLed: replacement has the next task",
            unit="ms",
            fnr=replaced_ms,
            must=300,
            goal=100,
        ),
    ]


def _ask(client: Client) -> None:
    client.submit("hold")


def _kill(client: Client, events: Iterator[Event], fifo: Path) -> tuple[float, float]:
    os.mkfifo(fifo)
    victim = client.submit("hold", {"fifo": str(fifo)})
    with fifo.open() as bell:
        pid = int(bell.readline())
    waiting = client.submit("hold")
    from_ns = time.perf_counter_ns()
    os.kill(pid, signal.SIGKILL)
    recorded_ms, replaced_ms = _until(events, [(victim, "dead"), (waiting, "running")], from_ns)
    if client.result(waiting) == pid:
        raise RuntimeError("the killed worker ran the next task")
    return recorded_ms, replaced_ms


def _until(events: Iterator[Event], wanted: list[tuple[str, str]], from_ns: int) -> list[float]:
    """When each came, in ms: a new worker can be at work before the death is on record."""
    came_ms: dict[tuple[str, str], float] = {}
    for event in events:
        if (moment := (event.task_id or "", event.what)) in wanted:
            came_ms[moment] = (time.perf_counter_ns() - from_ns) / 1e6
            if len(came_ms) == len(wanted):
                return [came_ms[moment] for moment in wanted]
    raise RuntimeError(f"the watch ended before {wanted} came")
