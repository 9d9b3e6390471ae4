"""End the daemon: drain, hurry, or leave the workers to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from fnr.api.requests import Event
from fnr.daemon.parts import Parts, log
from fnr.daemon.remains import spooled_tokens
from fnr.daemon.stopper import Stopper
from fnr.daemon.supervisor import Supervisor
from fnr.daemon.worker_process import WorkerProcess, WorkerState
from fnr.host.failpoint import failpoint
from fnr.host.systemd import sd_notify
from fnr.policy.counted import counted
from fnr.policy.evidence import KilledBy

# From the end of the drain on: for workers to end, and for everything else that was started.
HURRY_MS_MAX = 20_000
SETTLE_MS_MIN = 1_000
# How long whoever hurries waits for the store before it is asked whether that is of any use.
STORE_PATIENCE_S = 2.0


class Ending:
    """Waits for the wish to end, then brings the workers to rest."""

    def __init__(self, parts: Parts, supervisor: Supervisor, stopper: Stopper) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._stopper = stopper
        self._asked = asyncio.Event()
        self._hurried = asyncio.Event()
        self._leave_workers = False
        # Set by who answers: nobody may wait any more for what does not come.
        self.let_go: Callable[[], None] = _nobody_waits

    def drain(self) -> None:
        """Let running attempts finish, however often that is asked for."""
        self._begin()

    def ask(self) -> None:
        """By a signal, which says no more: drain; asked twice: hurry."""
        if self._asked.is_set():
            self._hurried.set()
        self._begin()

    def hurry(self) -> None:
        """Interrupt what runs; interruptions cost no attempt."""
        self._hurried.set()
        self._begin()

    def leave(self) -> None:
        """End at once and leave workers running for the next daemon."""
        self._leave_workers = self._parts.leaving = True
        self._hurried.set()
        self._begin()

    async def wait(self) -> int:
        """Run until the end is asked for, then end; the daemon's exit code."""
        await self._asked.wait()
        if self._leave_workers:
            return await self._leave()
        failpoint("drain-begins")
        drained = await self._drain()
        give_up_at_ms = self._parts.clock.boot_ms() + HURRY_MS_MAX
        if self._leave_workers:
            return await self._leave()
        if not drained:
            failpoint("interrupt-begins")
            await self._interrupt([*self._supervisor.workers.values()])
        failpoint("drained")
        self.let_go()
        left_ms = max(SETTLE_MS_MIN, give_up_at_ms - self._parts.clock.boot_ms())
        await self._parts.settle_down(left_ms)
        return 0

    def _begin(self) -> None:
        self._parts.accepting = False
        self._parts.dispatching = False
        self._asked.set()

    async def _drain(self) -> bool:
        """Let running attempts finish; False when there was no time."""
        for worker in tuple(self._supervisor.workers.values()):
            self._supervisor.recall(worker)
            self._supervisor.dismiss(worker, "the daemon ends", respawn=False)
        limit_ms = self._parts.settings.daemon.drain_timeout_ms
        self._parts.events.tell(
            Event(kind="daemon", what="draining", at_ms=self._parts.clock.now_ms())
        )
        count = len(self._supervisor.workers)
        # Not STOPPING yet: systemd would count its own TimeoutStopSec from there.
        sd_notify(f"STATUS=draining {counted(count, 'worker')}")
        log.info("draining", extra={"workers": count, "at_most_ms": limit_ms})
        gone = self._parts.loop.create_task(self._all_gone())
        hurried = self._parts.loop.create_task(self._hurried.wait())
        done, pending = await asyncio.wait(
            {gone, hurried}, timeout=limit_ms / 1000, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        return gone in done

    async def _leave(self) -> int:
        """Workers that end with their daemon are ended by us: the kernel would not say why."""
        theirs = [
            worker
            for worker in self._supervisor.workers.values()
            if worker.settings.on_daemon_exit == "kill"
        ]
        for worker in theirs:
            self._supervisor.dismiss(worker, "the daemon ends", respawn=False)
        await self._interrupt(theirs)
        log.info("leaving workers to the next daemon")
        return 0

    async def _interrupt(self, workers: list[WorkerProcess]) -> None:
        for worker in workers:
            if worker.state is not WorkerState.GONE:
                self._stopper.kill_worker(worker, KilledBy.DRAIN, "the daemon was stopped")
        with suppress(TimeoutError):
            async with asyncio.timeout(HURRY_MS_MAX / 1000):
                for worker in workers:
                    await worker.ended.wait()
                await self._written(workers)
        if stuck := [worker.identity.pid for worker in workers if not worker.ended.is_set()]:
            log.error("workers cannot be ended", extra={"pids": stuck})
        elif left := sum(not worker.buried.is_set() for worker in workers):
            # It finds them in what they left, as after a kill.
            why = {"workers": left, "why": self._parts.store.trouble}
            log.error("ends of attempts are left to the next daemon", extra=why)

    async def _written(self, workers: list[WorkerProcess]) -> None:
        """Wait until what their attempts came to is on disk.

        Not for a store that takes nothing, if all that was done is in the spool.
        """
        store = self._parts.store
        for worker in workers:
            while not worker.buried.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(STORE_PATIENCE_S):
                        await worker.buried.wait()
                takes_nothing = not await store.heal() or store.state == "full"
                if takes_nothing and all(map(self._is_spooled, workers)):
                    return

    def _is_spooled(self, worker: WorkerProcess) -> bool:
        done = {token for token, held in worker.ending.items() if not held.failed}
        return done <= {*spooled_tokens(self._parts.paths.spool_of(worker.uid))}

    async def _all_gone(self) -> None:
        while workers := [*self._supervisor.workers.values()]:
            await _gone(workers[0])


async def _gone(worker: WorkerProcess) -> None:
    """Wait until a worker is buried and its attempts are settled."""
    await worker.buried.wait()


def _nobody_waits() -> None:
    """Nobody answers questions yet."""
