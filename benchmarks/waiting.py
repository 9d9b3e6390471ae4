"""Row 11: what ten thousand waiting tasks cost, and how soon one goes on when it can."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from figures import Line
from live_daemon import LiveDaemon, function_toml
from plan import Plan
from process_use import use_of

from fnr.api.requests import GetTask, WaitTasks
from fnr.config.paths import find_paths
from fnr.host.clock import Clock, Dice, Ulids
from fnr.policy.task import Task, TaskState
from fnr.store import migrate
from fnr.store.accepting import accept
from fnr.store.tally import write_counts
from fnr.store.transaction import Transaction, connect_writer

FUNCTION = "serve"
HOUR_MS = 3_600_000


def waiting(plan: Plan) -> list[Line]:
    """A daemon with tasks of one function that wait for a port which the benchmark holds.

    CPU: time on a CPU of all the daemon's threads over each stretch of idle seconds, in percent of
    one core, with that many tasks waiting. Woken: from the moment the port is let go to the moment
    the store says that the first task was woken; a store of a few tasks, once per run.
    """
    return [_cost(plan), _wake(plan)]


def _cost(plan: Plan) -> Line:
    cpu_percent = []
    with socket.socket() as taken:
        port = _listen(taken)
        home = plan.folder / "w"
        _fill(home, port=port, count=plan.waiting_tasks)
        with LiveDaemon(home, _toml()) as daemon:
            # Until the rules have been read, which is the first thing a daemon does.
            time.sleep(4 * plan.idle_settle_s)
            pid = daemon.process.pid
            for _ in range(plan.runs):
                before, from_s = use_of(pid), time.monotonic()
                time.sleep(plan.idle_s)
                after, took_s = use_of(pid), time.monotonic() - from_s
                cpu_percent.append((after.cpu_ns - before.cpu_ns) / 1e7 / took_s)
    return Line(
        section="waiting",
        what=f"{plan.waiting_tasks:,} tasks wait for a condition, CPU",
        unit="% of a core",
        fnr=cpu_percent,
        must=1,
        goal=0.3,
    )


def _wake(plan: Plan) -> Line:
    took_ms = []
    for run in range(plan.wakes):
        home = plan.folder / f"w{run}"
        with socket.socket() as taken:
            port = _listen(taken)
            [first, *_] = _fill(home, port=port, count=5)
            with LiveDaemon(home, _toml()) as daemon:
                # So that it is seen not to hold, as it is for whoever waits for long.
                time.sleep(0.8 + 0.1 * run % 0.5)
                taken.close()
                free_at_ms = time.time() * 1_000  # noqa: TID251 - compared with the store's moments
                daemon.ask(WaitTasks(task_ids=[first], timeout_ms=30_000))
                detail = daemon.ask(GetTask(task_id=first))
                [woken] = [row for row in detail.ledger if row.decision.action == "wake"]
                took_ms.append(woken.at_ms - free_at_ms)
    return Line(
        section="waiting",
        what="condition holds: first task woken",
        unit="ms",
        fnr=took_ms,
        must=1_000,
        goal=600,
    )


def _toml() -> str:
    return function_toml(FUNCTION, python="worked_tasks:plain", workers=1)


def _listen(taken: socket.socket) -> int:
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port: int = taken.getsockname()[1]
    return port


def _fill(home: Path, *, port: int, count: int) -> list[str]:
    """A store whose tasks wait for this port, as failed attempts would have left them."""
    store = Path(find_paths(home=str(home)).store_file)
    store.parent.mkdir(parents=True)
    clock = Clock()
    ulids, now_ms = Ulids(clock, Dice()), clock.now_ms()
    connection = connect_writer(store)
    migrate.migrate(connection)
    connection.execute("BEGIN")
    tx = Transaction(connection)
    made = [
        Task(
            task_id=ulids.new(),
            function=FUNCTION,
            due_at_ms=now_ms,
            created_at_ms=now_ms,
            state_at_ms=now_ms,
        )
        for _ in range(count)
    ]
    accept(tx, [(task, b'{"payload":"x"}') for task in made])
    tx.run(
        "UPDATE task SET state = 'waiting', waits = 1, waiting_for = ?, due_at_ms = ?",
        (f"port:{port}", now_ms + HOUR_MS),
    )
    tx.count(FUNCTION, TaskState.QUEUED, -count)
    tx.count(FUNCTION, TaskState.WAITING, count)
    write_counts(tx)
    connection.execute("COMMIT")
    connection.close()
    return [task.task_id for task in made]
