"""Row 3: how fast tasks are accepted, each answer given after the commit is on disk."""

from __future__ import annotations

import json
import os
import subprocess
import time
from itertools import count

from client_processes import submit_rate_per_s
from client_program import HOME_ENV
from figures import Line
from huey_peer import HueyQueue
from live_daemon import PROGRAM, LiveDaemon, function_toml
from plan import Plan
from worked_tasks import PAYLOAD

from fnr.api.requests import GetStatus, PauseFunction

_numbers = count()


def submitting(plan: Plan) -> list[Line]:
    """Submit about 200 bytes of input; the function is paused, so that nothing else is measured.

    One per call, and several clients: from before the first Client.submit to after the last one
    returned, in client processes that are connected and warm; "asleep": one that never looks for an
    answer before it sleeps until it comes. Huey's clients write its store
    themselves, so no socket is in between. --jsonl: from the start of the process `fnr submit
    noop --jsonl FILE` to its end, the interpreter's start included.
    """
    one, asleep, several, lines = [], [], [], []
    huey_one, huey_several = [], []
    for _ in range(plan.runs):
        one.append(_fnr(plan, clients=1))
        asleep.append(_fnr(plan, clients=1, what="asleep"))
        if plan.huey:
            huey_one.append(_huey(plan, clients=1))
        several.append(_fnr(plan, clients=plan.submit_clients))
        if plan.huey:
            huey_several.append(_huey(plan, clients=plan.submit_clients))
        lines.append(_jsonl(plan))
    return [
        _line("submit, one per call", one, huey_one, must=2_500, goal=3_000),
        _line("submit, one per call, asleep while it waits", asleep, huey_one),
        _line(
            f"submit, {plan.submit_clients} client processes",
            several,
            huey_several,
            must=6_000,
            goal=10_000,
        ),
        _line("fnr submit --jsonl, the whole command", lines, [], must=30_000, goal=60_000),
    ]


def _line(
    what: str,
    mine: list[float],
    its: list[float],
    *,
    must: float | None = None,
    goal: float | None = None,
) -> Line:
    return Line(
        section="submit",
        what=what,
        unit="tasks/s",
        fnr=mine,
        huey=its,
        more_is_better=True,
        must=must,
        goal=goal,
    )


def _paused(plan: Plan) -> LiveDaemon:
    toml = function_toml("noop", python="worked_tasks:plain", workers=2)
    return LiveDaemon(plan.folder / f"s{next(_numbers)}", toml)


def _fnr(plan: Plan, *, clients: int, what: str = "submit") -> float:
    with _paused(plan) as daemon:
        daemon.idle_workers(2)
        daemon.ask(PauseFunction(functions=["noop"]))
        env = {**os.environ, HOME_ENV: str(daemon.home)}
        rate, submitted = submit_rate_per_s(
            "fnr", count=plan.submit_tasks, clients=clients, env=env, what=what
        )
        _check(daemon, submitted)
    return rate


def _huey(plan: Plan, *, clients: int) -> float:
    with HueyQueue(plan.folder / f"q{next(_numbers)}") as queue:
        rate, _ = submit_rate_per_s("huey", count=plan.submit_tasks, clients=clients, env=queue.env)
    return rate


def _jsonl(plan: Plan) -> float:
    with _paused(plan) as daemon:
        daemon.idle_workers(2)
        daemon.ask(PauseFunction(functions=["noop"]))
        file = daemon.home / "inputs.jsonl"
        file.write_text(f"{json.dumps(PAYLOAD)}\n" * plan.jsonl_tasks)
        program = [*PROGRAM, "--home", str(daemon.home), "submit", "noop", "--jsonl", str(file)]
        from_s = time.perf_counter()
        subprocess.run(
            program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=300
        )
        took_s = time.perf_counter() - from_s
        _check(daemon, plan.jsonl_tasks)
    return plan.jsonl_tasks / took_s


def _check(daemon: LiveDaemon, submitted: int) -> None:
    queued = daemon.ask(GetStatus()).counts.get("queued", 0)
    if queued != submitted:
        raise RuntimeError(f"{queued} of {submitted} tasks are in the store")
