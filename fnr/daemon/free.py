"""What of the host is free now: memory, disks, ports, GPUs, services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from fnr.daemon.gpus import FRESH_MS, Gpus
from fnr.daemon.parts import Parts
from fnr.host import disk, machine, ports
from fnr.policy.admission import Disk, Supply
from fnr.policy.condition import Condition, Kind, Readings
from fnr.policy.gpu import GpuReport, unfit
from fnr.policy.needs import Needs
from fnr.store import allocations

# A disk that does not answer (a dead NFS server) must not hold up the rest.
PATIENCE_S = 2.0
MEMORY_FRESH_MS = 300
# Questions to disks that may be open at a time; so many dead ones hold up all others.
ASKED_MAX = 4


class Free:
    """Takes readings in threads of its own; what does not answer in time is not known."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._threads = ThreadPoolExecutor(max_workers=ASKED_MAX, thread_name_prefix="free")
        self._asked: dict[str, asyncio.Future[Disk | str]] = {}
        self._overdue: set[str] = set()
        self._disks: dict[str, Disk | str] = {}
        self._disks_at_ms = -FRESH_MS
        self._closed = False
        self._memory: tuple[int | None, int | None] = (None, None)
        self._memory_at_ms = -FRESH_MS
        self.gpus = Gpus(parts)
        # Set by who knows: is a service ready? None: nobody can say.
        self.is_ready: Callable[[str], bool | None] = _not_known
        # The same of workers: does this one keep its GPU only until somebody wants it?
        self.makes_room: Callable[[str], bool] = _nobody

    def close(self) -> None:
        """Leave a reading that hangs to its fate."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.gpus.close()

    # ── for what waits ───────────────────────────────────────────────────────

    async def readings(self, wanted: Iterable[Condition]) -> Readings:
        """Everything that these conditions ask about."""
        by_kind: dict[Kind, list[Condition]] = {}
        for one in wanted:
            by_kind.setdefault(one.kind, []).append(one)
        found = Readings(
            services_ready={
                one.where: ready
                for one in by_kind.get(Kind.SERVICE, ())
                if (ready := self.is_ready(one.where)) is not None
            }
        )
        if Kind.MEMORY in by_kind:
            total, free = machine.memory_mib()
            found = replace(found, memory_total_mib=total, memory_free_mib=free)
            if free is None:
                found = _unknown(found, Kind.MEMORY, "the kernel does not say it")
        if ports_asked := by_kind.get(Kind.PORT):
            found = _with_ports(found, {one.amount for one in ports_asked})
        if disks_asked := by_kind.get(Kind.DISK):
            paths = {one.where for one in disks_asked}
            found = _with_disks(found, await self._read_disks(paths))
        if by_kind.keys() & {Kind.VRAM, Kind.GPU}:
            found = await self._with_gpus(found)
        return found

    async def _with_gpus(self, found: Readings) -> Readings:
        report = await self.read_gpus()
        if report.missing:
            unknown = _unknown(found, Kind.VRAM, report.missing)
            return _unknown(unknown, Kind.GPU, report.missing)
        given = await self._parts.store.write(allocations.all_given)
        fit = [gpu for gpu in report.gpus if not unfit(gpu)]
        taken = {one.device for one in given if not self.makes_room(one.owner)}
        sizes = tuple(gpu.memory_total_mib for gpu in report.gpus)
        return replace(
            found,
            # What a worker keeps for its function is that function's: only readings count here.
            vram_free_mib=tuple(gpu.memory_free_mib or 0 for gpu in fit),
            vram_by_uuid={gpu.uuid: gpu.memory_free_mib or 0 for gpu in fit},
            # One that is lost does not say how large it is.
            vram_total_mib=None
            if None in sizes
            else tuple(mib for mib in sizes if mib is not None),
            gpus_free=sum(gpu.uuid not in taken for gpu in fit),
            gpus=len(report.gpus),
        )

    async def read_gpus(self) -> GpuReport:
        """A new report, or after a while that there is none."""
        try:
            return await asyncio.wait_for(self.gpus.read(), PATIENCE_S)
        except TimeoutError:
            return GpuReport(missing=f"the driver has not answered for {PATIENCE_S:g} s")

    async def _read_disks(self, paths: set[str]) -> dict[str, Disk | str]:
        """Each path's file system, or why it is not known."""
        if self._closed:
            return dict.fromkeys(paths, "the daemon ends")
        asked = {path: self._asked.get(path) or self._ask_disk(path) for path in paths}
        # Whose patience is over is not waited for again: every look would take as long.
        if hoped_for := [one for path, one in asked.items() if path not in self._overdue]:
            await asyncio.wait(hoped_for, timeout=PATIENCE_S)
        self._overdue |= {path for path, one in asked.items() if not one.done()}
        silent = f"no answer within {PATIENCE_S:g} s"
        return {
            path: silent if not one.done() or one.cancelled() else one.result()
            for path, one in asked.items()
        }

    def _ask_disk(self, path: str) -> asyncio.Future[Disk | str]:
        asked = self._parts.loop.run_in_executor(self._threads, _look_at_disk, path)
        self._asked[path] = asked
        asked.add_done_callback(lambda _: self._answered(path))
        return asked

    def _answered(self, path: str) -> None:
        del self._asked[path]
        self._overdue.discard(path)

    # ── for what is given ────────────────────────────────────────────────────

    def knows(self, needs: Needs, *, gpu: bool) -> bool:
        """Is what these needs ask about known, and young enough to decide on?"""
        now_ms = self._parts.clock.boot_ms()
        if gpu and not self.gpus.young():
            return False
        known = needs.disk_path in self._disks and now_ms - self._disks_at_ms <= FRESH_MS
        return known or not needs.disk_mib

    async def look(self, needs: Needs) -> str:
        """Find out what these needs ask about, as far as it takes waiting; why GPUs cannot be seen.

        A driver that falls silent leaves what it said last.
        """
        unseen = (await self.read_gpus()).missing if needs.on_gpu else ""
        if needs.disk_mib:
            self._disks |= await self._read_disks({*self._disks, needs.disk_path})
            self._disks_at_ms = self._parts.clock.boot_ms()
        return unseen

    def mount_of(self, path: str) -> str:
        """The file system of a path that was asked about; else the path."""
        found = self._disks.get(path)
        return found.mount if isinstance(found, Disk) else path

    def supply(self, needs: Needs) -> Supply:
        """What there is, for these needs."""
        missing: dict[str, str] = {}
        if needs.on_gpu and self.gpus.report.missing:
            missing[Kind.GPU] = self.gpus.report.missing
        disk_found = self._disks.get(needs.disk_path, "not read yet")
        if isinstance(disk_found, str):
            missing[Kind.DISK] = disk_found
        total, free = self._memory_now() if needs.memory_mib else (None, None)
        return Supply(
            gpus=self.gpus.report.gpus,
            memory_total_mib=total,
            memory_free_mib=free,
            cpus=machine.cpu_count() if needs.cpus else 0,
            disks={} if isinstance(disk_found, str) else {needs.disk_path: disk_found},
            missing=missing,
        )

    def _memory_now(self) -> tuple[int | None, int | None]:
        now_ms = self._parts.clock.boot_ms()
        if now_ms - self._memory_at_ms > MEMORY_FRESH_MS:
            self._memory, self._memory_at_ms = machine.memory_mib(), now_ms
        return self._memory


def _with_ports(found: Readings, numbers: set[int]) -> Readings:
    taken = ports.listening()
    if taken is None:
        return _unknown(found, Kind.PORT, "the kernel does not say it")
    return replace(found, ports_free={number: number not in taken for number in numbers})


def _with_disks(found: Readings, disks: dict[str, Disk | str]) -> Readings:
    known = {path: one for path, one in disks.items() if isinstance(one, Disk)}
    for path, why in disks.items():
        if isinstance(why, str):
            found = _unknown(found, Kind.DISK, f"{path}: {why}")
    return replace(
        found,
        disk_free_mib={path: one.free_mib for path, one in known.items()},
        disk_total_mib={path: one.total_mib for path, one in known.items()},
    )


def _look_at_disk(path: str) -> Disk | str:
    """In a thread: a file system may be on another machine."""
    try:
        free_mib, total_mib = disk.room_mib(path)
        return Disk(mount=disk.mount_of(path), free_mib=free_mib, total_mib=total_mib)
    except OSError as error:
        return f"{error.strerror}"
    except ValueError as error:  # no path at all: a NUL byte in it
        return f"{error}"


def _unknown(found: Readings, kind: Kind, why: str) -> Readings:
    return replace(found, missing={**found.missing, kind: why})


def _not_known(_: str) -> bool | None:
    return None


def _nobody(_: str) -> bool:
    return False
