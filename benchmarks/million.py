"""Row 8: what a million ended tasks in the store do to the questions asked most."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from figures import Line, number_text
from full_store import FUNCTIONS, fill
from live_daemon import LiveDaemon, function_toml
from plan import Plan

from fnr.api.letter_requests import ListLetters
from fnr.api.requests import GetStatus, ListTasks
from fnr.client.connect import Connection
from fnr.config.paths import find_paths
from fnr.host.clock import Clock, Dice, Ulids
from fnr.policy.task import Task, WorkerIdentity
from fnr.store import tasks
from fnr.store.accepting import accept
from fnr.store.transaction import Transaction, connect_writer

# Enough to fill a page for every function and state: both stores read and answer equally many rows.
SMALL = 2_000
RATIO_MUST = 1.5
BLOCK = 10
ASKS: tuple[tuple[str, Any], ...] = (
    ("fnr task list", ListTasks()),
    ("fnr task list --where state:dead", ListTasks(where="state:dead")),
    ("fnr task list --where function:f1", ListTasks(where="function:f1")),
    ("fnr dlq list", ListLetters()),
    ("fnr dlq list --where 'function:f1 category:permanent'",
     ListLetters(where="function:f1 category:permanent")),
    ("fnr status", GetStatus()),
)  # fmt: skip


def million(plan: Plan) -> list[Line]:
    """How many times longer the answer takes than with a store of 2,000 tasks.

    "Empty" is a store of 2,000 ended tasks, so that both answer with equally many rows; a really
    empty list would be faster for having nothing to say. claim: the store's function alone,
    claiming one queued task after the other within one transaction. The others: from before the
    request to the decoded answer over one connection to a live daemon, both daemons in turn.
    Medians, cache warm, the same number of asks of each.
    """
    small, big = plan.folder / "a", plan.folder / "b"
    for home, count in ((small, SMALL), (big, plan.million_tasks)):
        store = Path(find_paths(home=str(home)).store_file)
        store.parent.mkdir(parents=True)
        fill(store, count=count)
    claims_us = {home: _claim_us(home, plan.million_asks) for home in (small, big)}
    stored = f"{plan.million_tasks:,} tasks stored"
    lines = [_line(f"{stored}: claim", claims_us[small], claims_us[big], "µs")]
    toml = "\n".join(
        function_toml(f"f{number}", python="worked_tasks:plain", workers=1)
        for number in range(FUNCTIONS)
    )
    with LiveDaemon(small, toml) as small_daemon, LiveDaemon(big, toml) as big_daemon:
        for daemon in (small_daemon, big_daemon):
            daemon.idle_workers(FUNCTIONS)
        with small_daemon.connection() as few, big_daemon.connection() as many:
            for what, request in ASKS:
                few_ms, many_ms = _in_turn(request, few, many, plan.million_asks)
                lines.append(_line(f"{stored}: {what}", few_ms, many_ms, "ms"))
    return lines


def _line(what: str, few: list[float], many: list[float], unit: str) -> Line:
    low, high = statistics.median(few), statistics.median(many)
    return Line(
        section="million",
        what=what,
        unit="× empty",
        fnr=[high / low],
        must=RATIO_MUST,
        goal=RATIO_MUST,
        note=f"{number_text(high)} {unit} against {number_text(low)} {unit}",
    )


def _in_turn(
    request: Any, few: Connection, many: Connection, count: int
) -> tuple[list[float], list[float]]:
    """Blocks of asks to one and the other, so that noise meets both; the first block is warm-up."""
    found: dict[Connection, list[float]] = {few: [], many: []}
    for block in range(count // BLOCK + 1):
        for connection, took_ms in found.items():
            for _ in range(BLOCK):
                from_ns = time.perf_counter_ns()
                connection.ask(request)
                if block:
                    took_ms.append((time.perf_counter_ns() - from_ns) / 1e6)
    return found[few], found[many]


def _claim_us(home: Path, count: int) -> list[float]:
    """Claim one task after the other; rolled back, so that the store is as before."""
    connection = connect_writer(find_paths(home=str(home)).store_file)
    clock = Clock()
    ulids = Ulids(clock, Dice())
    now_ms = clock.now_ms()
    worker = WorkerIdentity(
        worker_id=ulids.new(), function="f1", boot_id="boot", pid=1, pid_start=1
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
        tx = Transaction(connection)
        queued = [
            Task(
                task_id=ulids.new(),
                function="f1",
                due_at_ms=now_ms,
                created_at_ms=now_ms,
                state_at_ms=now_ms,
            )
            for _ in range(count + BLOCK)
        ]
        accept(tx, [(task, b'{"payload":"x"}') for task in queued])
        took_us = []
        for _ in queued:
            from_ns = time.perf_counter_ns()
            claims = tasks.claim_due(
                tx, function="f1", worker=worker, new_token=ulids.new, count_max=1, now_ms=now_ms
            )
            took_us.append((time.perf_counter_ns() - from_ns) / 1e3)
            assert len(claims) == 1
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return took_us[BLOCK:]
