"""Row 4: how long one task takes while nothing else is going on."""

from __future__ import annotations

import os
from itertools import count

from client_processes import latencies_ms
from client_program import HOME_ENV
from figures import Line, percentile
from huey_peer import HueyQueue
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from worked_tasks import STAMPS_ENV

_numbers = count()
# Nobody reads these stamps; the function writes them all the same, as in the other rows.
NOWHERE = {STAMPS_ENV: "/dev/null"}


def latency(plan: Plan) -> list[Line]:
    """One task at a time, 5 to 35 ms of seeded pause before each, two idle workers.

    From before the submit to the result in the client's hands, both durable: fnr.Client.call, which
    is one request to the daemon, and .submit and .result, which are two. Huey: its task call and
    .get(blocking=True), which looks every 5 ms; its workers poll at their default (0.1 s, growing).
    """
    called, asked_twice, its = [], [], []
    for _ in range(plan.runs):
        called.append(_fnr(plan, what="call"))
        asked_twice.append(_fnr(plan, what="latency"))
        if plan.huey:
            its.append(_huey(plan))
    what = "idle: submit to durable result at the client"
    return [
        Line(
            section="latency",
            what=f"{name}, p{percent}",
            unit="ms",
            fnr=[percentile(run, percent) for run in mine],
            huey=[percentile(run, percent) for run in its],
            must=must,
            goal=goal,
        )
        for name, mine in ((what, called), (f"{what}, as two requests", asked_twice))
        for percent, must, goal in ((50, 2.5, 1.5), (99, 8, 3))
    ]


def _fnr(plan: Plan, *, what: str) -> list[float]:
    toml = function_toml("noop", python="worked_tasks:noop", workers=2)
    with LiveDaemon(plan.folder / f"l{next(_numbers)}", toml, env=NOWHERE) as daemon:
        daemon.idle_workers(2)
        env = {**os.environ, HOME_ENV: str(daemon.home)}
        return latencies_ms("fnr", count=plan.latency_tasks, env=env, what=what)


def _huey(plan: Plan) -> list[float]:
    with HueyQueue(plan.folder / f"m{next(_numbers)}", env=NOWHERE) as queue:
        queue.start_consumer(workers=2)
        return latencies_ms("huey", count=plan.latency_tasks, env=queue.env)
