"""What plain Python does on this machine: one owner of an SQLite file, two workers on sockets.

No retries, breakers, leases, logs or checks: the least that can be called a durable queue. On the
machine that the musts were taken from, the same idea reached the figures in `THERE`, so a must can
be read as a share of what a machine allows: a drain of 2,500 tasks/s was 51 % of the reference.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from client_program import pauses_s
from figures import Line
from plan import Plan
from worked_tasks import ANSWER, PAYLOAD

WORKERS = 2
LINE_BYTES_MAX = 65_536
# tasks/s, tasks/s and ms, from the research that the musts came with.
THERE = {"drain": 4_947.0, "submit": 6_143.0, "latency": 0.58}
SCHEMA = """
    CREATE TABLE task (id INTEGER PRIMARY KEY, state TEXT, attempts INT, input TEXT, result TEXT);
    CREATE INDEX queued ON task (id) WHERE state = 'queued';
"""


def reference(plan: Plan) -> list[Line]:
    """Drain with one task in flight each, enqueue one by one, and one task on an idle machine.

    drain: a result and the next claim of a worker are in one COMMIT, with those of the other one
    if they are there, before the worker gets its next task. submit: an INSERT a COMMIT, by the
    owner itself. latency: from before the INSERT, which claims the task as well, until the COMMIT
    of its result; 5 to 35 ms of pause before each.
    """
    drained, submitted, latencies = [], [], []
    for run in range(plan.runs):
        with _owner(plan.folder / f"r{run}") as owner:
            submitted.append(owner.submit(plan.drain_tasks))
            drained.append(owner.drain(plan.drain_tasks))
            latencies.append(owner.latency_ms(plan.latency_tasks))
    return [
        _line("drain, 1 in flight each", "tasks/s", drained, THERE["drain"]),
        _line("submit, by the owner itself", "tasks/s", submitted, THERE["submit"]),
        _line("idle: submit to durable result, p50", "ms", latencies, THERE["latency"]),
    ]


def _line(what: str, unit: str, runs: list[float], there: float) -> Line:
    part = statistics.median(runs) / there
    return Line(
        section="limits",
        what=f"the reference, plain Python: {what}",
        unit=unit,
        fnr=runs,
        more_is_better=unit != "ms",
        note=f"{part:.2f} × the {there:,g} {unit} on the machine that the musts were taken from",
    )


class Owner:
    """The store and its workers."""

    def __init__(self, connection: sqlite3.Connection, workers: list[socket.socket]) -> None:
        self._execute = connection.execute
        self._workers = workers
        self._poll = select.poll()
        for worker in workers:
            self._poll.register(worker, select.POLLIN)
        self._by_fd = {worker.fileno(): worker for worker in workers}
        self._input = json.dumps(PAYLOAD)

    def submit(self, count: int) -> float:
        """Tasks/s."""
        from_s = time.perf_counter()
        for _ in range(count):
            self._execute("BEGIN IMMEDIATE")
            self._insert("queued")
            self._execute("COMMIT")
        return count / (time.perf_counter() - from_s)

    def drain(self, count: int) -> float:
        """Tasks/s, all of them queued before."""
        from_s = time.perf_counter()
        idle, ended, done = list(self._workers), list[tuple[socket.socket, bytes]](), 0
        while True:
            self._execute("BEGIN IMMEDIATE")
            for _, result in ended:
                self._settle(result)
            claims = [(worker, self._claim()) for worker in idle]
            self._execute("COMMIT")
            for worker, claim in claims:
                if claim is not None:
                    worker.sendall(claim)
            if done == count:
                break
            ended = self._results()
            idle = [worker for worker, _ in ended]
            done += len(ended)
        return count / (time.perf_counter() - from_s)

    def latency_ms(self, count: int) -> float:
        """The median."""
        took_ms = []
        for pause_s in pauses_s(count):
            time.sleep(pause_s)
            from_ns = time.perf_counter_ns()
            self._execute("BEGIN IMMEDIATE")
            number = self._insert("running")
            self._execute("COMMIT")
            self._workers[0].sendall(_line_of(number, self._input))
            [(_, result)] = self._results()
            self._execute("BEGIN IMMEDIATE")
            self._settle(result)
            self._execute("COMMIT")
            took_ms.append((time.perf_counter_ns() - from_ns) / 1e6)
        return statistics.median(took_ms)

    def _insert(self, state: str) -> int | None:
        sql = "INSERT INTO task (state, attempts, input) VALUES (?, 0, ?)"
        return self._execute(sql, (state, self._input)).lastrowid

    def _claim(self) -> bytes | None:
        row = self._execute(
            """
            UPDATE task SET state = 'running', attempts = attempts + 1
             WHERE id = (SELECT id FROM task WHERE state = 'queued' ORDER BY id LIMIT 1)
            RETURNING id, input
            """
        ).fetchone()
        return None if row is None else _line_of(*row)

    def _settle(self, result: bytes) -> None:
        ended = json.loads(result)
        self._execute(
            "UPDATE task SET state = 'done', result = ? WHERE id = ?",
            (json.dumps(ended["result"]), ended["id"]),
        )

    def _results(self) -> list[tuple[socket.socket, bytes]]:
        ready = [self._by_fd[fd] for fd, _ in self._poll.poll()]
        return [(worker, worker.recv(LINE_BYTES_MAX)) for worker in ready]


def _line_of(number: int | None, body: str) -> bytes:
    return f'{{"id": {number}, "input": {body}}}\n'.encode()


@contextmanager
def _owner(folder: Path) -> Iterator[Owner]:
    folder.mkdir()
    sockets = [_worker() for _ in range(WORKERS)]
    try:
        with closing(sqlite3.connect(folder / "r.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(SCHEMA)
            yield Owner(connection, [mine for mine, _ in sockets])
    finally:
        # Which ends them: all first, because each has copies of those that were there before it.
        for mine, _ in sockets:
            mine.close()
        for _, pid in sockets:
            os.waitpid(pid, 0)


def _worker() -> tuple[socket.socket, int]:
    """A forked process that answers each line with the payload, until its socket is closed."""
    mine, its = socket.socketpair()
    pid = os.fork()
    if pid:
        its.close()
        return mine, pid
    try:
        mine.close()
        while line := its.recv(LINE_BYTES_MAX):
            answer = {"id": json.loads(line)["id"], "result": ANSWER}
            its.sendall(json.dumps(answer).encode())
    finally:
        os._exit(0)
