"""Answer what is asked about GPUs and about what tasks wait for, by readings taken now."""

from __future__ import annotations

from fnr.api.errors import NotFound, Refused
from fnr.api.resource_requests import (
    ExplainWait,
    GpuLine,
    GpuList,
    ListGpus,
    TrustGpu,
    WaitFacts,
    Wanted,
)
from fnr.daemon.clients import Client
from fnr.daemon.crew import Crew
from fnr.daemon.pool import Pool
from fnr.daemon.reader import Reader
from fnr.policy.condition import Condition, Kind, conditions_of, free_text, never, written
from fnr.policy.gpu import Gpu, GpuReport, unfit
from fnr.policy.task import Task, TaskState
from fnr.policy.undo import WAITING_FOR, unfinished
from fnr.store import allocations, tasks, undo
from fnr.store.ids import NoSuchId


class ResourceAnswers:
    """Composes answers; decides nothing."""

    def __init__(self, crew: Crew, reader: Reader) -> None:
        self._crew = crew
        self._reader = reader

    async def gpus(self, _: Client, __: ListGpus) -> GpuList:
        """Every GPU with what is given on it."""
        report = await self._crew.free.read_gpus()
        given = await self._reader.read(allocations.all_given)
        lines = [
            GpuLine(
                gpu=gpu,
                unfit=unfit(gpu),
                allocations=[one for one in given if one.device == gpu.uuid],
            )
            for gpu in report.gpus
        ]
        return GpuList(gpus=lines, driver=report.driver, missing=report.missing)

    async def trust(self, client: Client, request: TrustGpu) -> GpuLine:
        """Take a GPU back into service that was reset or looked at, without a reboot."""
        gpu = _chosen((await self._crew.free.read_gpus()), request.gpu)
        why = unfit(gpu)
        if not why:
            return GpuLine(gpu=gpu)
        if why != gpu.against:
            raise Refused(
                f"GPU {gpu.place} cannot be trusted by hand",
                why=f"it is the driver that speaks against it now: {why}",
                next_step="nvidia-smi --gpu-reset, or a reboot of the host",
            )
        await self._crew.free.gpus.trust(gpu, author=client.submitter, why=request.reason)
        again = _chosen((await self._crew.free.read_gpus()), gpu.uuid)
        self._crew.resources.released()
        return GpuLine(gpu=again, unfit=unfit(again))

    async def wait(self, _: Client, request: ExplainWait) -> WaitFacts:
        """What one task waits for, or what holds its function back."""
        task = await self._reader.read(lambda tx: tasks.get(tx, tasks.find_id(tx, request.task_id)))
        if task is None:
            raise NoSuchId(request.task_id)
        pool = self._crew.dispatcher.pools.get(task.function)
        conditions: tuple[Condition, ...] = ()
        if task.state is TaskState.WAITING:
            conditions = conditions_of(task.waiting_for or "")
        readings = await self._crew.free.readings(conditions)
        queued = task.state is TaskState.QUEUED
        return WaitFacts(
            task_id=task.task_id,
            waiting_for=task.waiting_for or "",
            wanted=[
                Wanted(what=written(one), needed=_needed(one), free=free_text(one, readings))
                for one in conditions
            ],
            holds=self._holds(pool, task.function) if queued else await self._undo(task),
            never=never(conditions, readings)
            or (self._crew.resources.warning(pool) if queued else ""),
        )

    def _holds(self, pool: Pool | None, function: str) -> dict[str, str]:
        """Why a function gets nothing now: its gates, and what its workers lack."""
        if pool is None or pool.removed:
            return {"function": f"{function} is not in fnr.toml"}
        holds = dict(pool.holds)
        loading_ms = pool.loading_ms(self._crew.parts.clock.now_ms())
        if pool.paused:
            holds["pause"] = f"{function} is paused"
        if pool.problem:
            holds["workers"] = pool.problem
        elif loading_ms is not None:
            holds["workers"] = f"its worker is loading {function}, for {loading_ms // 1_000}s now"
        return holds

    async def _undo(self, task: Task) -> dict[str, str]:
        """What has to be undone before a task is tried again, and who has to do something."""
        if task.waiting_for != WAITING_FOR:
            return {}
        steps = await self._reader.read(lambda tx: undo.of_task(tx, task.task_id))
        why = unfinished(steps)
        return {"undo": why} if why else {}


def _chosen(report: GpuReport, word: str) -> Gpu:
    if report.missing:
        raise NotFound("no GPU can be seen", why=report.missing)
    found = [gpu for gpu in report.gpus if gpu.place == word] or [
        gpu for gpu in report.gpus if gpu.uuid.lower().startswith(word.lower())
    ]
    if len(found) != 1:
        kind, why = (Refused, "several begin so") if found else (NotFound, "none is called so")
        raise kind(f"which GPU is {word!r}?", why=why, next_step="fnr gpu list")
    return found[0]


def _needed(one: Condition) -> str:
    """The amount alone, as `free_text` says what is free."""
    if one.kind is Kind.PORT:
        return "free"
    if one.kind is Kind.SERVICE:
        return "ready"
    return written(one).rpartition(":")[2]
