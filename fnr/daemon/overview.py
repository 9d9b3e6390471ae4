"""How is it going: the status screen and the list of workers, from memory and a few small rows."""

from __future__ import annotations

import os

import fnr
from fnr.api.requests import REMOVED, FunctionStatus, ListWorkers, Status
from fnr.daemon.crew import Crew
from fnr.daemon.limited import limits
from fnr.daemon.pool import Pool
from fnr.daemon.reader import Reader
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.activity import stopped_below
from fnr.policy.record import FunctionRecord, WorkerRecord
from fnr.store.reads import READS

IDLE_STATES = {"queued", "waiting", "running", "done", "dead", "cancelled"}


class Overview:
    """Composes answers from what the daemon knows; counts come from the tally, never from rows."""

    def __init__(self, crew: Crew, reader: Reader) -> None:
        self._crew = crew
        self._parts = crew.parts
        self._reader = reader

    async def status(self) -> Status:
        """One screen."""
        rules_behind = await self._crew.rules.behind()
        behind = [words for words in (await self._crew.reload.behind(), rules_behind) if words]
        # They look at the disk anew, so that what is said holds now.
        await self._parts.store.look()
        self._crew.reserve.look()
        await self._crew.readings.look_anew()
        limited = limits(self._parts)
        records: list[FunctionRecord] = self._reader.point(READS["ListFunctions"])
        by_name = {record.function: record for record in records}
        pools = self._crew.supervisor.pools
        lines = [
            self._line(name, by_name.get(name), pools.get(name))
            for name in sorted({*by_name, *self._parts.settings.functions})
        ]
        totals: dict[str, int] = {}
        for record in records:
            for state, count in record.counts.items():
                totals[state] = totals.get(state, 0) + count
        return Status(
            state=self._state(limited=bool(limited)),
            version=fnr.__version__,
            home=self._parts.paths.home or self._parts.paths.state_dir,
            pid=os.getpid(),
            started_at_ms=self._parts.started_at_ms,
            functions=[
                line for line in lines if line.function != "run" or any(line.counts.values())
            ],
            counts={state: count for state, count in totals.items() if state in IDLE_STATES},
            letters_open=totals.get("letters_open", totals.get("dead", 0)),
            workers=len(self._crew.supervisor.workers),
            problems=[*self._problems(lines), *behind],
            rules_behind=bool(rules_behind),
            breakers={
                name: words
                for name in self._crew.breakers.names()
                if (words := self._crew.breakers.words(name))
            },
            limits=limited,
        )

    async def workers(self, request: ListWorkers) -> list[WorkerRecord]:
        """Workers alive as the daemon sees them, and with `gone` the ended ones from the store."""
        alive = [
            _record(worker)
            for worker in self._crew.supervisor.workers.values()
            if request.function in {None, worker.function}
        ]
        alive.sort(key=lambda record: (record.function, record.worker_id))
        if not request.gone:
            return alive
        known = {record.worker_id for record in alive}
        stored: list[WorkerRecord] = await self._reader.read(
            lambda tx: READS["ListWorkers"](tx, function=request.function, gone=True)
        )
        return alive + [record for record in stored if record.worker_id not in known]

    def _state(self, *, limited: bool) -> str:
        if not self._parts.dispatching:
            return "draining"
        return "degraded" if limited else "running"

    def _line(self, name: str, record: FunctionRecord | None, pool: Pool | None) -> FunctionStatus:
        settings = self._parts.function(name)
        if pool is not None:
            self._crew.breaker_gate.refresh(pool)
        problem = pool.problem if pool else ""
        counts = record.counts if record else {}
        # What runs is finished by the worker that it has.
        waiting = sum(counts.get(state, 0) for state in ("queued", "waiting"))
        if settings is None and waiting:
            tasks = "1 task waits" if waiting == 1 else f"{waiting} tasks wait"
            problem = f"not in fnr.toml; {tasks} for it"
        workers = [*pool.workers.values()] if pool else []
        return FunctionStatus(
            function=name,
            kind=settings.kind if settings else REMOVED,
            counts=counts,
            workers=len(workers),
            busy=sum(bool(worker.held) for worker in workers),
            starting=sum(worker.state is WorkerState.STARTING for worker in workers),
            workers_max=settings.workers_max if settings else 0,
            paused=pool.paused if pool else False,
            paused_by=record.paused_by if record else "",
            paused_at_ms=record.paused_at_ms if record else None,
            problem=problem,
            holds=dict(pool.holds) if pool else {},
            retry_budget_ms=record.retry_budget_ms if record else None,
        )

    def _problems(self, lines: list[FunctionStatus]) -> list[str]:
        problems = [*self._parts.problems.values(), *self._parts.warnings.values()]
        problems += self._crew.conditions.problems()
        problems += [f"{line.function}: {line.problem}" for line in lines if line.problem]
        if unsettled := self._crew.runner.unsettled:
            problems.append(f"{unsettled} ended attempts wait for the store")
        for worker in self._crew.supervisor.workers.values():
            if worker.held and worker.link is None and worker.ever_ready:
                problems.append(
                    f"worker {worker.worker_id} ({worker.function}) runs but has not connected"
                )
            problems += _stopped(worker)
        return problems


def _stopped(worker: WorkerProcess) -> list[str]:
    """Its beats go on, so nobody calls it hung; without a `timeout` it lasts for ever."""
    if worker.current is None:
        return []
    try:
        pids = stopped_below(worker.identity.pid)
    except OSError:  # no descriptor to look with: not known
        return []
    task = f"task {worker.current.task.task_id} ({worker.function})"
    return [f"{task}: its process {pid} was stopped by a signal: kill -CONT {pid}" for pid in pids]


def _record(worker: WorkerProcess) -> WorkerRecord:
    identity = worker.identity
    current = worker.current
    state = "busy" if worker.held and worker.state == "ready" else worker.state.value
    if state == "ready":
        state = "idle"
    return WorkerRecord(
        worker_id=identity.worker_id,
        function=identity.function,
        state=state,
        boot_id=identity.boot_id,
        pid=identity.pid,
        pid_start=identity.pid_start,
        started_at_ms=worker.started_at_ms,
        log_path=worker.log_path,
        attempts_done=worker.attempts_done,
        task_id=current.task.task_id if current else None,
        progress=current.progress if current else "",
        preview=current.preview if current else "",
    )
