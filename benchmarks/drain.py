"""Rows 1 and 2: how fast a full queue is worked off by two workers."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

from client_processes import submit_rate_per_s
from figures import Line, spread_text
from huey_peer import HueyQueue
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from process_use import use_of
from stamps import Stamps, rate_per_s
from worked_tasks import PAYLOAD, STAMPS_ENV

from fnr.api.requests import PauseFunction, ResumeFunction

WORKERS = 2
_numbers = count()


@dataclass(frozen=True, slots=True)
class Drained:
    """How fast a queue was worked off, and what that cost all processes of the system."""

    rate_per_s: float
    cpu_us_per_task: float


def one_in_flight(plan: Plan) -> list[Line]:
    """A no-op Python function, each worker holding one task at a time (`window = 1`).

    Counted between two calls of the function: from the first after the warm-up tasks to the last.
    All tasks are in the store before the first starts. fnr: the claim is durable (synchronous=FULL)
    before the worker gets a task; result, attempt and ledger row before they are acknowledged,
    which is while the next one runs, because that was claimed ahead. A function that depends on a
    service has nothing claimed ahead: there everything is durable before the next one begins.
    Huey: dequeue and result are, in a commit each; it has no acknowledgement, so what a killed
    worker held is lost. Both systems must have all results at the end, or the run counts as failed.
    CPU: of all threads of daemon and workers, or of Huey's consumer and workers, from about the
    first task that counts.
    """
    mine, waiting, its = [], [], []
    for _ in range(plan.runs):
        mine.append(fnr_drains(plan, plan.drain_tasks, window=1))
        waiting.append(fnr_drains(plan, plan.drain_tasks, window=1, more='services = ["idle"]'))
        if plan.huey:
            its.append(huey_drains(plan, plan.drain_tasks))
    what = "drain, no-op, 2 workers, 1 in flight each"
    return [
        _line("drain", what, mine, its, must=2_500, goal=3_500),
        _line("drain", f"{what}, none claimed ahead", waiting, its),
    ]


def windows(plan: Plan) -> list[Line]:
    """The same with more tasks, each worker holding a window of tasks that have not begun.

    Once with the window that fnr chooses by itself from how long attempts take, once with
    `window = 16`. Huey has no such thing: its figure is the one of its plain workers, same tasks.
    """
    adaptive, fixed, its = [], [], []
    for _ in range(plan.runs):
        adaptive.append(fnr_drains(plan, plan.window_tasks, window=0))
        fixed.append(fnr_drains(plan, plan.window_tasks, window=16))
        if plan.huey:
            its.append(huey_drains(plan, plan.drain_tasks))
    what = "drain, no-op, 2 workers, window"
    return [
        _line("window", f"{what} chosen by fnr", adaptive, its, must=6_000, goal=12_000),
        _line("window", f"{what} = 16", fixed, its, must=6_000, goal=12_000),
    ]


def failing(plan: Plan) -> list[Line]:
    """A Python function that raises the same error each time, one task in flight each.

    Counted as `one_in_flight` counts. Before a worker gets its next task the error is named, and
    task, attempt, error, incident, ledger row and dead letter are durable. The note has a no-op of
    the same runs.
    """
    fails, noop = [], []
    for _ in range(plan.runs):
        fails.append(fnr_drains(plan, plan.alike_tasks, window=1, function="failing"))
        noop.append(fnr_drains(plan, plan.drain_tasks, window=1))
    line = _line("failing", "drain, every attempt fails alike", fails, [], must=None, goal=None)
    part = statistics.median(run.rate_per_s for run in fails) / statistics.median(
        run.rate_per_s for run in noop
    )
    return [replace(line, note=f"{line.note}; {part:.2f} × the rate of a no-op")]


def _line(
    section: str,
    what: str,
    mine: list[Drained],
    its: list[Drained],
    *,
    must: float | None = None,
    goal: float | None = None,
) -> Line:
    cpu = f"{spread_text([run.cpu_us_per_task for run in mine])} µs of CPU a task"
    if its:
        cpu += f", Huey {spread_text([run.cpu_us_per_task for run in its])} µs"
    return Line(
        section=section,
        what=what,
        unit="tasks/s",
        fnr=[run.rate_per_s for run in mine],
        huey=[run.rate_per_s for run in its],
        more_is_better=True,
        must=must,
        goal=goal,
        note=cpu,
    )


def fnr_drains(
    plan: Plan, tasks: int, *, window: int, function: str = "noop", more: str = ""
) -> Drained:
    """Drain a paused queue once it is resumed. function: of worked_tasks, noop or failing."""
    with stamped() as stamps:
        toml = function_toml(
            function,
            python=f"worked_tasks:{function}",
            workers=WORKERS,
            more=f"window = {window}\n{more}",
        )
        home = plan.folder / f"d{next(_numbers)}"
        with LiveDaemon(home, toml, env={STAMPS_ENV: stamps.path}) as daemon:
            workers = daemon.idle_workers(WORKERS)
            total = tasks + plan.warm_up_tasks
            with daemon.client() as client:
                client.ask(PauseFunction(functions=[function]))
                client.submit_many(function, [PAYLOAD] * total)
                client.ask(ResumeFunction(functions=[function]))
                pids = [daemon.process.pid, *(worker.pid for worker in workers)]
                drained = _watch(stamps, pids, total=total, skip=plan.warm_up_tasks)
            daemon.wait_for_ended(total, state="dead" if function == "failing" else "done")
        return drained


def huey_drains(plan: Plan, tasks: int) -> Drained:
    """Drain a full queue once the consumer starts."""
    with stamped() as stamps:
        folder = plan.folder / f"h{next(_numbers)}"
        with HueyQueue(folder, env={STAMPS_ENV: stamps.path}) as queue:
            total = tasks + plan.warm_up_tasks
            _, submitted = submit_rate_per_s("huey", count=total, clients=1, env=queue.env)
            queue.start_consumer(workers=WORKERS)
            stamps.wait_for(1)
            drained = _watch(stamps, queue.processes(), total=submitted, skip=submitted - tasks)
            queue.wait_for_results(submitted)
        return drained


def _watch(stamps: Stamps, pids: list[int], *, total: int, skip: int) -> Drained:
    already = len(stamps.wait_for(skip))
    before_ns = sum(use_of(pid).cpu_ns for pid in pids)
    moments_ns = stamps.wait_for(total)
    cpu_ns = sum(use_of(pid).cpu_ns for pid in pids) - before_ns
    return Drained(rate_per_s(moments_ns, skip=skip), cpu_ns / 1e3 / max(1, total - already))


@contextmanager
def stamped() -> Iterator[Stamps]:
    """A file of stamps, given back at the end."""
    stamps = Stamps()
    try:
        yield stamps
    finally:
        stamps.close()
