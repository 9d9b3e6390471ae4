"""Rows 1 and 2: how fast a full queue is worked off by two workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from client_processes import submit_rate_per_s
from figures import Line
from huey_peer import HueyQueue
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from stamps import Stamps, rate_per_s
from worked_tasks import PAYLOAD, STAMPS_ENV

from fnr.api.requests import PauseFunction, ResumeFunction

WORKERS = 2
_numbers = count()


def one_in_flight(plan: Plan) -> list[Line]:
    """A no-op Python function, each worker holding one task at a time (`window = 1`).

    Counted between two calls of the function: from the first after the warm-up tasks to the last.
    All tasks are in the store before the first starts. fnr: claim, result, attempt and ledger row
    are durable (synchronous=FULL) before the worker gets its next task. Huey: dequeue and result
    are, in a commit each; it has no acknowledgement, so what a killed worker held is lost. Both
    systems must have all results at the end, or the run counts as failed.
    """
    mine, its = [], []
    for _ in range(plan.runs):
        mine.append(fnr_rate_per_s(plan, plan.drain_tasks, window=1))
        if plan.huey:
            its.append(huey_rate_per_s(plan, plan.drain_tasks))
    return [
        Line(
            section="drain",
            what="drain, no-op, 2 workers, 1 in flight each",
            unit="tasks/s",
            fnr=mine,
            huey=its,
            more_is_better=True,
            must=2_500,
            goal=3_500,
        )
    ]


def windows(plan: Plan) -> list[Line]:
    """The same with more tasks, each worker holding a window of tasks that have not begun.

    Once with the window that fnr chooses by itself from how long attempts take, once with
    `window = 16`. Huey has no such thing: its figure is the one of its plain workers, same tasks.
    """
    adaptive, fixed, its = [], [], []
    for _ in range(plan.runs):
        adaptive.append(fnr_rate_per_s(plan, plan.window_tasks, window=0))
        fixed.append(fnr_rate_per_s(plan, plan.window_tasks, window=16))
        if plan.huey:
            its.append(huey_rate_per_s(plan, plan.drain_tasks))
    return [
        Line(
            section="window",
            what=f"drain, no-op, 2 workers, {name}",
            unit="tasks/s",
            fnr=values,
            huey=its,
            more_is_better=True,
            must=6_000,
            goal=12_000,
        )
        for name, values in (("window chosen by fnr", adaptive), ("window = 16", fixed))
    ]


def fnr_rate_per_s(plan: Plan, tasks: int, *, window: int) -> float:
    """Drain a paused queue once it is resumed."""
    with stamped() as stamps:
        toml = function_toml(
            "noop", python="worked_tasks:noop", workers=WORKERS, more=f"window = {window}"
        )
        home = plan.folder / f"d{next(_numbers)}"
        with LiveDaemon(home, toml, env={STAMPS_ENV: stamps.path}) as daemon:
            daemon.idle_workers(WORKERS)
            total = tasks + plan.warm_up_tasks
            with daemon.client() as client:
                client.ask(PauseFunction(functions=["noop"]))
                client.submit_many("noop", [PAYLOAD] * total)
                client.ask(ResumeFunction(functions=["noop"]))
                moments_ns = stamps.wait_for(total)
            daemon.wait_for_done(total)
        return rate_per_s(moments_ns, skip=plan.warm_up_tasks)


def huey_rate_per_s(plan: Plan, tasks: int) -> float:
    """Drain a full queue once the consumer starts."""
    with stamped() as stamps:
        folder = plan.folder / f"h{next(_numbers)}"
        with HueyQueue(folder, env={STAMPS_ENV: stamps.path}) as queue:
            total = tasks + plan.warm_up_tasks
            _, submitted = submit_rate_per_s("huey", count=total, clients=1, env=queue.env)
            queue.start_consumer(workers=WORKERS)
            moments_ns = stamps.wait_for(submitted)
            queue.wait_for_results(submitted)
        return rate_per_s(moments_ns, skip=submitted - tasks)


@contextmanager
def stamped() -> Iterator[Stamps]:
    """A file of stamps, given back at the end."""
    stamps = Stamps()
    try:
        yield stamps
    finally:
        stamps.close()
