"""Row 6: what the daemon costs while there is nothing to do."""

from __future__ import annotations

import time

from figures import Line
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from process_use import pss_mib, rss_mib, use_of

from fnr.policy.record import WorkerRecord


def idle(plan: Plan) -> list[Line]:
    """A daemon with two idle plain Python workers that have run some tasks; no client connected.

    CPU: time on a CPU of all the daemon's threads over each stretch of idle seconds, in percent of
    one core. Wake-ups: context switches of all its threads, given up and taken, per second.
    Memory: VmRSS after the stretches, as `ps` shows it; the share that is really its own (PSS) in
    the note. Worker: VmRSS of the larger one.
    """
    cpu_percent, wakeups_per_s = [], []
    toml = function_toml("noop", python="worked_tasks:plain", workers=2)
    with LiveDaemon(plan.folder / "i", toml) as daemon:
        _warm_up(plan, daemon)
        workers = daemon.idle_workers(2)
        time.sleep(plan.idle_settle_s)
        pid = daemon.process.pid
        for _ in range(plan.runs):
            before, from_s = use_of(pid), time.monotonic()
            time.sleep(plan.idle_s)
            after, took_s = use_of(pid), time.monotonic() - from_s
            cpu_percent.append((after.cpu_ns - before.cpu_ns) / 1e7 / took_s)
            wakeups_per_s.append((after.switches - before.switches) / took_s)
        return [
            Line(
                section="idle",
                what="idle daemon, CPU",
                unit="% of a core",
                fnr=cpu_percent,
                must=0.3,
                goal=0.1,
            ),
            Line(
                section="idle",
                what="idle daemon, wake-ups",
                unit="/s",
                fnr=wakeups_per_s,
                must=5,
                goal=1,
            ),
            *_memory(pid, workers),
        ]


def _warm_up(plan: Plan, daemon: LiveDaemon) -> None:
    with daemon.client() as client:
        inputs = [{"payload": "x"}] * plan.warm_up_tasks
        client.wait_all(client.submit_many("noop", inputs).task_ids)


def _memory(pid: int, workers: list[WorkerRecord]) -> list[Line]:
    largest = max((worker.pid for worker in workers), key=rss_mib)
    return [
        Line(
            section="idle",
            what="idle daemon, memory (RSS)",
            unit="MiB",
            fnr=[rss_mib(pid)],
            must=60,
            goal=40,
            note=f"PSS {pss_mib(pid):.1f} MiB",
        ),
        Line(
            section="idle",
            what="plain Python worker, memory (RSS)",
            unit="MiB",
            fnr=[rss_mib(largest)],
            must=25,
            goal=25,
            note=f"PSS {pss_mib(largest):.1f} MiB",
        ),
    ]
