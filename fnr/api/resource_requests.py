"""What may be asked about what attempts need: GPUs, allocations, and what a task waits for."""

from __future__ import annotations

from msgspec import Struct, field

from fnr.api.question import Read, Request
from fnr.policy.admission import Allocation
from fnr.policy.gpu import Gpu


class GpuLine(Struct, frozen=True, kw_only=True):
    """One GPU: its reading, why it is given no work ("" when it is), and what is given on it."""

    gpu: Gpu
    unfit: str = ""
    allocations: list[Allocation] = field(default_factory=list)


class GpuList(Struct, frozen=True, kw_only=True):
    """All GPUs, or why none can be seen."""

    gpus: list[GpuLine] = field(default_factory=list)
    driver: str = ""
    missing: str = ""


class Wanted(Struct, frozen=True, kw_only=True):
    """One thing that is waited for: how much is needed and how much is free, in words."""

    what: str
    needed: str
    free: str


class WaitFacts(Struct, frozen=True, kw_only=True):
    """What keeps a task from starting.

    holds: gate -> why its function gets nothing more now. never: why that can never change.
    """

    task_id: str
    waiting_for: str = ""
    wanted: list[Wanted] = field(default_factory=list)
    holds: dict[str, str] = field(default_factory=dict)
    never: str = ""


class ListAllocations(Read[list[Allocation]], frozen=True, kw_only=True, tag=str):
    """What running attempts and living workers were given, oldest first."""


class ListGpus(Request[GpuList], frozen=True, kw_only=True, tag=str):
    """Read the GPUs now."""


class TrustGpu(Request[GpuLine], frozen=True, kw_only=True, tag=str):
    """Give work to a GPU again that the kernel log speaks against; its reading after that.

    gpu: its number as `fnr gpu list` has it, or its UUID, which may be abbreviated.
    """

    gpu: str
    reason: str = ""


class ExplainWait(Request[WaitFacts], frozen=True, kw_only=True, tag=str):
    """Why does a task not start, by readings taken now? task_id may be abbreviated."""

    task_id: str
