"""Cancel tasks: those that wait at once, those that run by ending their attempt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec import structs

from fnr.api.errors import UsageError
from fnr.api.question import Changed
from fnr.api.requests import CancelTasks
from fnr.daemon.clients import Client
from fnr.daemon.parts import Parts
from fnr.daemon.reader import Reader
from fnr.daemon.stopper import Stopper
from fnr.daemon.supervisor import Supervisor
from fnr.host.failpoint import failpoint
from fnr.policy.evidence import KilledBy
from fnr.policy.filter import TASK_FIELDS, narrowed
from fnr.policy.task import Task
from fnr.policy.undo import Outcome, Step, Tried
from fnr.store import tasks
from fnr.store.connection import Transaction
from fnr.store.reads import select_task_ids

CHUNK = 500
LIVE = "state:queued,waiting,running"


class Cancelling:
    """Owns the way from "please stop" to a cancelled task."""

    def __init__(
        self, parts: Parts, supervisor: Supervisor, stopper: Stopper, reader: Reader
    ) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._stopper = stopper
        self._reader = reader
        self.on_cancelled: Callable[[], None] = _nobody

    async def cancel(self, client: Client, request: CancelTasks) -> Changed:
        """Cancel by ids, or the next chunk of what a filter finds."""
        if bool(request.task_ids) == bool(request.where.strip()):
            raise UsageError("cancel needs ids or a filter, and not both")
        changed = Changed()
        # The second time that it is named it is cancelled already, which is not what was found.
        ids = [*dict.fromkeys(request.task_ids)]
        if ids:
            return await self.cancel_each(ids, by=client.submitter, reason=request.reason)
        limit = max(1, min(request.limit, CHUNK))
        found = partial(
            select_task_ids,
            where=narrowed(request.where, LIVE, fields=TASK_FIELDS),
            after=request.after,
            limit=limit,
            now_ms=self._parts.clock.now_ms(),
        )
        ids = await self._reader.read(found)
        await self._chunk(client.submitter, ids, request.reason, changed)
        return structs.replace(changed, next=ids[-1] if len(ids) == limit else None)

    async def cancel_each(self, ids: list[str], *, by: str, reason: str) -> Changed:
        """Cancel these."""
        changed = Changed()
        # In one transaction 100,000 of them would keep everybody else waiting for seconds.
        for start in range(0, len(ids), CHUNK):
            await self._chunk(by, ids[start : start + CHUNK], reason, changed)
        return changed

    async def undo(self, step: Step, task_id: str) -> Outcome:
        """Cancel a task that another one submitted before it failed."""
        changed = Changed()
        await self._chunk("undo", [task_id], f"undo of task {step.task_id}", changed)
        why = changed.unchanged.get(task_id, "cancelled, or being stopped")
        return Outcome(tried=Tried.UNDONE, why=why)

    async def _chunk(self, by: str, task_ids: list[str], reason: str, changed: Changed) -> None:
        now_ms = self._parts.clock.now_ms()
        why = f"cancelled by {by}" + (f": {reason}" if reason else "")

        def unit(tx: Transaction) -> dict[str, str]:
            return {
                task_id: tasks.ask_cancel(tx, task_id, reason=why, by=by, now_ms=now_ms)
                for task_id in task_ids
            }

        failpoint("cancel-asked")
        for task_id, outcome in (await self._parts.store.write(unit)).items():
            failpoint("cancel-committed")
            if outcome == "cancelled":
                self._announce(task_id)
            elif outcome == "stopping":
                self._stop(task_id, why)
            else:
                changed.unchanged[task_id] = outcome
                continue
            changed.changed.append(task_id)
        self.on_cancelled()

    def _announce(self, task_id: str) -> None:
        def told(task: Task | None, error: BaseException | None) -> None:
            if error is None and task is not None:
                self._parts.events.task_moved(task)

        self._parts.store.post(lambda tx: tasks.get(tx, task_id), told)

    def _stop(self, task_id: str, why: str) -> None:
        for worker in self._supervisor.workers.values():
            for token, held in worker.held.items():
                if held.task.task_id == task_id:
                    held.task = structs.replace(held.task, cancel_asked=True)
                    self._stopper.stop(worker, token, KilledBy.CANCEL, why)
                    return


def _nobody() -> None:
    """Nobody has asked to hear of cancelled tasks yet."""
