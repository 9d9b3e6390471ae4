"""What a new daemon does with the workers and attempts of the one before it.

Every attempt that the store calls running has an owner (boot id, pid, start time). If that
process lives, it is adopted and will say Hello; if it is gone, its remains are read at once. No
timeout is involved: a live worker is waited for as long as it lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from fnr.api.errors import StorageError
from fnr.config.settings import FunctionSettings
from fnr.daemon.farewell import expect_back
from fnr.daemon.first_writes import written
from fnr.daemon.lost_attempts import excuse_restored
from fnr.daemon.parts import Parts, log
from fnr.daemon.pool import Pool
from fnr.daemon.remains import (
    begun_at_ms,
    begun_token,
    forget,
    forget_spooled,
    spooled_results,
    spooled_tokens,
    with_its_daemon,
    with_kernel_words,
)
from fnr.daemon.runner import Runner
from fnr.daemon.spawner import log_path_of
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import Held, WorkerProcess, WorkerState
from fnr.host import process
from fnr.host.failpoint import failpoint
from fnr.host.group import group_members
from fnr.host.other_user import other_user
from fnr.policy.evidence import Evidence, KilledBy
from fnr.policy.record import WorkerRecord
from fnr.policy.task import Attempt, Task, WorkerIdentity
from fnr.store import log_spans, restored, tasks
from fnr.store import workers as worker_rows
from fnr.store.connection import Transaction


class Adopter:
    """Runs once, before the first new worker is started."""

    def __init__(self, parts: Parts, supervisor: Supervisor, runner: Runner) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._runner = runner
        self._restored: frozenset[str] = frozenset()
        self._log_ends: dict[str, int] = {}
        self.on_taken: Callable[[WorkerProcess], None] = _nobody_looks

    async def adopt_all(self) -> None:
        """Take over what lives, settle what does not."""

        def unit(tx: Transaction) -> tuple[list[WorkerRecord], list[tuple[Task, Attempt]]]:
            self._restored = restored.tokens(tx)
            self._log_ends = log_spans.ends_in_logs(tx)
            return worker_rows.alive(tx), tasks.running(tx)

        records, running = await self._parts.store.write(unit)
        failpoint("adopt-read")
        await self._runner.undo_left.take_over()
        held_by: dict[str, list[tuple[Task, Attempt]]] = {}
        for task, attempt in sorted(running, key=lambda pair: pair[1].token):
            held_by.setdefault(attempt.worker_id, []).append((task, attempt))
        unsettled = {attempt.token for _, attempt in running}
        for uid in (None, *self._parts.paths.uids()):
            spool_dir = self._parts.paths.spool_of(uid)
            forget_spooled(spool_dir, {*spooled_tokens(spool_dir)} - unsettled)
        known = {record.worker_id: record for record in records}
        for worker_id, pairs in held_by.items():
            # The row of a worker that had just been started may not have been written.
            known.setdefault(worker_id, _record_of(pairs[0]))
        taken = [self._take(record, held_by.get(record.worker_id, [])) for record in known.values()]
        await self._settle_all([worker for worker in taken if worker.state is WorkerState.GONE])

    async def reconcile(self) -> None:
        """After the store was ill: attempts that it calls running and nobody holds go back.

        A claim whose COMMIT reported an error may be on disk all the same.
        """

        def unit(tx: Transaction) -> list[tuple[Task, Attempt]]:
            return tasks.running(tx)

        for task, attempt in await self._parts.store.write(unit):
            if attempt.token in self._runner.in_hand:
                # Its worker may be gone, but not what it said: a done task is not run again.
                continue
            worker = self._supervisor.workers.get(attempt.worker_id)
            if worker is None or not {attempt.token} & {*worker.held, *worker.ending}:
                record = _record_of((task, attempt))
                lost = self._worker(record, [(task, attempt)], -1)
                self._runner.returned(lost, [attempt.token], why="its claim was in doubt")

    def _take(self, record: WorkerRecord, pairs: list[tuple[Task, Attempt]]) -> WorkerProcess:
        """Adopt a worker, if it lives."""
        pidfd = _attached(record) if record.boot_id == self._parts.boot_id else None
        worker = self._worker(record, pairs, pidfd if pidfd is not None else -1)
        if pidfd is None:
            worker.state = WorkerState.GONE
            return worker
        failpoint("adopt-alive")
        worker.state = WorkerState.AWAY
        worker.begun_at_ms = begun_at_ms(worker) or worker.begun_at_ms
        self._supervisor.adopt(worker, self._pool(record.function))
        expect_back(self._parts, worker, self._supervisor.interrupt)
        try:
            self.on_taken(worker)
        except OSError as error:
            raise _not_taken("what", record, "was given cannot be read", error) from error
        facts = {"worker_id": record.worker_id, "function": record.function}
        log.info("worker adopted", extra=facts)
        return worker

    async def _settle_all(self, dead: list[WorkerProcess]) -> None:
        """All at the same time: what one has started may take its whole grace to end."""
        try:
            async with asyncio.TaskGroup() as settling:
                for worker in dead:
                    settling.create_task(self._settle_dead(worker))
        except ExceptionGroup as failures:
            # A full disk or a want of descriptors is told as such.
            raise failures.exceptions[0] from None

    async def _settle_dead(self, worker: WorkerProcess) -> None:
        failpoint("adopt-dead")
        same_boot = worker.identity.boot_id == self._parts.boot_id
        proven: bool | None = True
        if same_boot and group_members(
            worker.identity.pid, worker.worker_id, pid_start=worker.identity.pid_start
        ):
            report = await process.stop_group(
                worker.identity.pid,
                -1,
                worker.worker_id,
                grace_ms=worker.settings.grace_ms,
                clock=self._parts.clock,
            )
            proven = report.proven
        tokens, spool_dir = frozenset(worker.held), self._parts.paths.spool_of(worker.uid)
        for frame in spooled_results(spool_dir, worker):
            self._runner.ended(worker, [frame])
        evidence = _unseen_death(same_boot=same_boot, stop_proven=proven)
        if same_boot:
            evidence = with_kernel_words(self._parts, worker, evidence)
            evidence = with_its_daemon(worker, evidence)
        excuse_restored(worker, self._runner.take_back)
        begun = begun_token(worker)
        if not same_boot and worker.current is not None:
            begun = begun or worker.current.token
        self._runner.died(worker, evidence, begun=begun)
        failpoint("adopt-settled")
        at_ms = self._parts.clock.now_ms()
        await written(
            self._parts,
            lambda tx: worker_rows.end(tx, worker.worker_id, at_ms=at_ms, end=evidence.message),
        )
        self._runner.in_hand.when_written(tokens, lambda: forget(worker, spool_dir))

    def _pool(self, function: str) -> Pool:
        pool = self._supervisor.pools.get(function)
        if pool is None:
            # Its function left fnr.toml: it may finish what it runs, and gets nothing more.
            settings = self._last_known(function)
            pool = self._supervisor.add_pool(replace(settings, workers_min=0))
            pool.removed = True
        return pool

    def _last_known(self, function: str) -> FunctionSettings:
        found = self._parts.last_known(function)
        return found or FunctionSettings(name=function, kind="python")

    def _worker(
        self, record: WorkerRecord, pairs: list[tuple[Task, Attempt]], pidfd: int
    ) -> WorkerProcess:
        settings, worker_id = self._last_known(record.function), record.worker_id
        now_ms = self._parts.clock.boot_ms()
        paths, now_path = self._parts.paths, record.now_path
        if now_path is None:
            now_path = paths.now_file_of(_uid_of(settings), worker_id)
        ran_ms = 0
        if pairs:
            ran_ms = max(0, self._parts.clock.now_ms() - pairs[0][1].started_at_ms)
        return WorkerProcess(
            identity=WorkerIdentity(
                worker_id=worker_id,
                function=record.function,
                boot_id=record.boot_id,
                pid=record.pid,
                pid_start=record.pid_start,
            ),
            settings=settings,
            secret=record.secret,
            pidfd=pidfd,
            # Never a file of somebody else: the one is cut, the other removed.
            log_path=record.log_path or log_path_of(self._parts, record.function, worker_id),
            now_path=now_path,
            uid=paths.uid_of_now_file(now_path),
            started_at_ms=record.started_at_ms,
            ours=False,
            held={
                attempt.token: Held(attempt.token, task, restored=attempt.token in self._restored)
                for task, attempt in pairs
            },
            heard_at_ms=now_ms,
            begun_at_ms=now_ms - ran_ms,
            progress_at_ms=now_ms,
            ever_ready=True,
            log_heard_to=self._log_ends.get(worker_id, 0),
        )


def _attached(record: WorkerRecord) -> int | None:
    """A pidfd for the worker; None when it is gone. Raises StorageError when nobody can tell."""
    try:
        return process.attach(record.pid, record.pid_start)
    except OSError as error:
        raise _not_taken("whether", record, "lives cannot be told", error) from error


def _not_taken(asked: str, record: WorkerRecord, words: str, error: OSError) -> StorageError:
    return StorageError(
        "what the daemon before this one has started cannot be taken over",
        why=f"{asked} worker {record.worker_id} (pid {record.pid}) of {record.function} {words}:"
        f" {error.strerror}; it goes on meanwhile",
        next_step="ulimit -n",
    )


def _uid_of(settings: FunctionSettings) -> int | None:
    """Whose workers a function's are now."""
    with suppress(OSError):
        user = other_user(settings.user)
        return None if user is None else user.uid
    return None


def _record_of(pair: tuple[Task, Attempt]) -> WorkerRecord:
    task, attempt = pair
    return WorkerRecord(
        worker_id=attempt.worker_id,
        function=task.function,
        state="unknown",
        boot_id=attempt.boot_id,
        pid=attempt.pid,
        pid_start=attempt.pid_start,
        started_at_ms=attempt.started_at_ms,
        log_path=attempt.log_path,
    )


def _unseen_death(*, same_boot: bool, stop_proven: bool | None) -> Evidence:
    if not same_boot:
        why = "the host was restarted while the attempt ran"
        return Evidence(
            message=why,
            killed_by=KilledBy.REBOOT,
            kill_reason=why,
            worker_died=True,
            stop_proven=True,
        )
    return Evidence(
        message="the worker ended while no daemon was watching",
        worker_died=True,
        stop_proven=stop_proven,
        missing=("exit status: the daemon was not running when the worker ended",),
    )


def _nobody_looks(_: WorkerProcess) -> None:
    """Nobody asks what a worker of before has."""
